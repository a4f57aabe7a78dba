//! What the checks need besides a Rust toolchain: installed here, so that they pass on a fresh machine.

use crate::workspace::cargo;
use std::io;
use std::process::{Command, Stdio};

/// Cargo's own helpers and where they come from.
const TOOLS: [(&str, &str); 2] = [("fmt", "rustfmt"), ("clippy", "clippy")];

/// Installs what is missing.
pub(crate) fn ensure_tools() -> io::Result<()> {
    for (subcommand, component) in TOOLS {
        if has(subcommand) {
            continue;
        }
        println!("installing {component}");
        let added = Command::new("rustup").args(["component", "add", component]).status();
        if !added.is_ok_and(|status| status.success()) || !has(subcommand) {
            return Err(io::Error::other(format!(
                "cargo {subcommand} is missing and rustup could not add it: install the component {component}"
            )));
        }
    }
    Ok(())
}

fn has(subcommand: &str) -> bool {
    let quiet = |c: &mut Command| c.stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet(&mut cargo(&[subcommand, "--version"])).is_ok_and(|status| status.success())
}
