//! `argo-probe`: raw Argo hypercalls from this guest's user space.
//!
//! `clauses` makes each call of which docs/ABI.md says something, one line for each; exit code 1 where an answer is another
//! than the document's. Run on upstream's Argo and on our extension, the same clauses differ only where they say so: those are the
//! documented deviations. `storm` throws crafted and random calls at the hypervisor for a while.

mod argo;
mod bytes;
mod clauses;
mod device;
mod pages;
mod report;
mod ring;
mod signal;
mod storm;

use clap::{Args, Parser, Subcommand, ValueEnum};
use report::{Report, Whose};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "argo-probe")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Every clause of the ABI that can be reached from here
    Clauses(Clauses),
    /// Crafted and random calls, from several threads
    Storm(storm::Options),
}

#[derive(Args)]
struct Clauses {
    /// Whose Argo this hypervisor has
    whose: Whose,
    /// This domain's number
    domain: u16,
    /// Another domain that runs
    other: u16,
    /// What this kind of guest can reach
    reach: Reach,
}

/// What a guest's user space can reach.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Reach {
    /// Clauses without rings: a PV guest's user space does not know its machine frames
    Arguments,
    /// All: this guest's frames are its own
    Rings,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Clauses(options) => clauses(&options),
        Command::Storm(options) => storm::run(&options).map(|()| true),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("argo-probe: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether every answer was as expected.
fn clauses(options: &Clauses) -> std::io::Result<bool> {
    let mut report = Report::new(options.whose);
    let argo = argo::Argo::open(options.domain, options.other)?;
    clauses::arguments(&argo, &mut report);
    if options.reach == Reach::Rings {
        clauses::rings(&argo, &mut report)?;
    }
    Ok(report.close())
}
