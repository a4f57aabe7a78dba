//! What the checks need besides a Rust toolchain: installed here, so that they pass on a fresh machine.

use crate::workspace::cargo;
use std::io;
use std::process::{Command, Stdio};

/// Cargo's own helpers: the subcommand, rustup's component, and Debian's package for its own Rust (`cargo-web`).
const TOOLS: [(&str, &str, &str); 2] = [
    ("fmt", "rustfmt", "rustfmt-web"),
    ("clippy", "clippy", "rust-web-clippy"),
];

/// Installs what is missing.
pub(crate) fn ensure_tools() -> io::Result<()> {
    for (subcommand, component, package) in TOOLS {
        if has(subcommand) {
            continue;
        }
        println!("installing {component}");
        let added = succeeds(Command::new("rustup").args(["component", "add", component]))
            || succeeds(Command::new("apt-get").args(["install", "--yes", package]));
        if !added || !has(subcommand) {
            return Err(io::Error::other(format!(
                "cargo {subcommand} is missing, and neither rustup nor apt-get could add it: install rustup's component \
                 {component}, or as root Debian's package {package}"
            )));
        }
    }
    PROGRAMS
        .iter()
        .try_for_each(|(program, package)| ensure_program(program, package))
}

/// Programs that the tests run, and Debian's packages: the comparison of revisions works on git's, and pkg-config finds the C library.
const PROGRAMS: [(&str, &str); 2] = [("git", "git"), ("pkg-config", "pkgconf")];

fn ensure_program(program: &str, package: &str) -> io::Result<()> {
    let has = || succeeds(Command::new(program).arg("--version").stdout(Stdio::null()));
    if has() {
        return Ok(());
    }
    println!("installing {program}");
    let args = ["install", "--yes", "--no-install-recommends", package];
    if succeeds(Command::new("apt-get").args(args)) && has() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{program} is missing, and apt-get could not add it: install Debian's package {package}, or your system's"
    )))
}

fn has(subcommand: &str) -> bool {
    let mut version = cargo(&[subcommand, "--version"]);
    succeeds(version.stdout(Stdio::null()).stderr(Stdio::null()))
}

fn succeeds(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}
