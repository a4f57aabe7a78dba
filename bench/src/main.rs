//! The command `v4v-bench`.

mod cli;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("v4v-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
