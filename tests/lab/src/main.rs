//! The project's commands: `cargo xtask demo` shows it, `cargo xtask test` checks it.

mod demo;
mod lab;
mod setup;
mod steps;
mod suite;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// V4VSockets' commands for people and for CI.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Two domains on this machine exchange messages over V4V, AF_UNIX and TCP: a table, ratios and a plot
    Demo(demo::Options),
    /// Everything that checks the project; exits with 1 where something fails
    Test(suite::Options),
    /// Real Xen in an emulator: build what it boots, run named tests, measure, get a prompt
    Lab(lab::Options),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Demo(options) => demo::run(&options),
        Command::Test(options) => suite::run(&options),
        Command::Lab(options) => lab::run(&options),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cargo xtask: {error}");
            ExitCode::from(2)
        }
    }
}
