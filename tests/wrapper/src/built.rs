//! The programs under test, as cargo builds them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What is built, by package, and whether it is a library.
const PACKAGES: [&str; 4] = ["v4vsock-preload", "v4v-cli", "v4v-hosted", "v4v-conformance"];

/// Where cargo puts what it builds for these tests.
///
/// # Panics
/// Where a test's own path is none.
#[must_use]
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let own = env::current_exe().expect("a test has a path");
        // target/debug/deps/NAME
        own.ancestors().nth(2).expect("a folder of cargo's").to_owned()
    })
}

/// A program of this project's. The first call has cargo bring all of them up to date.
///
/// # Panics
/// Where they do not build.
#[must_use]
pub fn built(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(build);
    folder().join(name)
}

fn build() {
    let Some(cargo) = env::var_os("CARGO") else { return };
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet"]);
    for package in PACKAGES {
        command.args(["-p", package]);
    }
    if folder().ends_with("release") {
        command.arg("--release");
    }
    if let Some(target) = folder().parent() {
        command.arg("--target-dir").arg(target);
    }
    assert!(command.status().expect("cargo").success(), "the programs build");
}
