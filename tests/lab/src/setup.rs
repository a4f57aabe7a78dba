//! What the checks need besides a Rust toolchain: installed here, so that they pass on a fresh machine.

use crate::workspace::cargo;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// Cargo's own helpers: the subcommand, rustup's component, and Debian's package for its own Rust (`cargo-web`).
const TOOLS: [(&str, &str, &str); 2] = [
    ("fmt", "rustfmt", "rustfmt-web"),
    ("clippy", "clippy", "rust-web-clippy"),
];

/// Debian's packages that the wrapper's tests run, each with a program of it.
const UNMODIFIED: [(&str, &str); 13] = [
    ("strace", "/usr/bin/strace"),
    ("netpipe-tcp", "/usr/bin/NPtcp"),
    ("iperf3", "/usr/bin/iperf3"),
    ("redis-server", "/usr/bin/redis-server"),
    ("redis-tools", "/usr/bin/redis-benchmark"),
    ("nginx-light", "/usr/sbin/nginx"),
    ("curl", "/usr/bin/curl"),
    ("wrk", "/usr/bin/wrk"),
    // Its client has programs in the same folder.
    ("postgresql", "/var/lib/dpkg/info/postgresql.list"),
    ("rsync", "/usr/bin/rsync"),
    ("openssh-server", "/usr/sbin/sshd"),
    ("memcached libmemcached-tools", "/usr/bin/memcaslap"),
    ("openmpi-bin libopenmpi-dev", "/usr/bin/mpicc"),
];

/// Installs what is missing of the programs that the wrapper's tests run.
pub(crate) fn ensure_unmodified_programs() -> io::Result<()> {
    let missing = || -> Vec<&str> {
        let missing = UNMODIFIED
            .iter()
            .filter(|(_, program)| !Path::new(program).exists());
        missing.flat_map(|(packages, _)| packages.split(' ')).collect()
    };
    let packages = missing();
    if packages.is_empty() {
        return Ok(());
    }
    println!("installing {}", packages.join(" "));
    let mut install = Command::new("apt-get");
    install
        .args(["install", "--yes", "--no-install-recommends"])
        .args(&packages);
    if succeeds(install.env("DEBIAN_FRONTEND", "noninteractive")) && missing().is_empty() {
        return Ok(());
    }
    let text = format!(
        "the wrapper's tests need Debian's packages {}, and apt-get could not add them",
        packages.join(" ")
    );
    Err(io::Error::other(text))
}

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
