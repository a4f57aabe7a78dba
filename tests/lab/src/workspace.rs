//! Where the project is, and how its programs are built.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The project's root folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap_or_else(|| Path::new("."))
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// A cargo command in the project's root.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(root());
    command
}

/// Builds the programs of a demonstration in release mode; cargo shows its own progress.
pub(crate) fn build_programs() -> io::Result<()> {
    let args = [
        "build",
        "--release",
        "-p",
        "v4v-hosted",
        "-p",
        "v4v-cli",
        "-p",
        "v4v-bench",
        "--bins",
    ];
    if cargo(&args).status()?.success() {
        return Ok(());
    }
    Err(io::Error::other("the build failed; cargo's own message is above"))
}

/// A program that [`build_programs`] built.
pub(crate) fn program(name: &str) -> PathBuf {
    target().join("release").join(name)
}
