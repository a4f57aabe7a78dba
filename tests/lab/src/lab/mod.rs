//! `cargo xtask lab`: real Xen in an emulator, with dom0 and guests, on any machine.

mod archive;
mod bench;
mod build;
mod cache;
mod compat;
mod compressed;
mod consoles;
mod count;
mod debian;
mod debian_disk;
mod domains;
mod image;
mod kernel;
mod link;
mod machine;
mod module;
mod programs;
mod shell;
mod source;
mod stack;
mod store;
mod tests;
mod xen;

use crate::steps::Steps;
use clap::{Args, Subcommand};
use std::io;

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fetch and build all that the lab boots
    Build,
    /// Boot Xen with guests and run named tests
    Test(tests::Options),
    /// Sweep message sizes between two guests, over AF_V4V and over the split driver, in one boot
    Bench(bench::Options),
    /// Count the instructions for a message between two guests
    Count(count::Options),
    /// Boot two guests and give a prompt in one
    Shell(shell::Options),
}

/// The lab's part of `cargo xtask test`, or all of it: the tests whose step's name is wanted.
pub(crate) fn check(steps: &mut Steps, all: bool, wanted: impl Fn(&str) -> bool) {
    tests::suite(steps, all, &wanted);
    let name = "lab: instructions for a message";
    if all && wanted(name) {
        steps.check(name, count::gate);
    }
}

/// Runs one command of the lab; whether all went well.
pub(crate) fn run(options: &Options) -> io::Result<bool> {
    match &options.command {
        Command::Build => build::run(),
        Command::Test(options) => tests::run(options),
        Command::Bench(options) => bench::run(options),
        Command::Count(options) => count::run(options),
        Command::Shell(options) => shell::run(options),
    }
}
