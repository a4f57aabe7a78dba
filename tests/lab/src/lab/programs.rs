//! The project's own programs for the guests, linked statically so that an image holds nothing but them.

use super::store::folder;
use crate::workspace::cargo;
use std::io;
use std::path::PathBuf;

/// This machine's target, said to cargo so that the flags reach the programs and not the build's own tools.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The packages and, in the same order, their programs.
const PACKAGES: [&str; 4] = ["v4v-lab-agent", "v4v-lab-probe", "v4v-cli", "v4v-conformance"];
pub(crate) const NAMES: [&str; 4] = ["agent", "argo-probe", "v4v", "v4v-conformance"];

/// The wrapper, which the programs of [`debian_disk`](super::debian_disk) load: linked with their C library, not statically.
const WRAPPER: &str = "libv4vsock_preload.so";

/// Builds the wrapper.
pub(crate) fn wrapper() -> io::Result<PathBuf> {
    let place = folder("cargo-shared")?;
    let mut command = cargo(&["build", "--quiet", "--release", "-p", "v4vsock-preload"]);
    if command.env("CARGO_TARGET_DIR", &place).status()?.success() {
        return Ok(place.join("release").join(WRAPPER));
    }
    Err(io::Error::other(
        "the wrapper did not build; cargo's own message is above",
    ))
}

/// Builds the programs; cargo knows what is new. The folder of the result.
pub(crate) fn build() -> io::Result<PathBuf> {
    let place = folder("cargo")?;
    let mut command = cargo(&["build", "--quiet", "--release", "--bins", "--target", TARGET]);
    for package in PACKAGES {
        command.args(["-p", package]);
    }
    command
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env("CARGO_TARGET_DIR", &place);
    if command.status()?.success() {
        return Ok(place.join(TARGET).join("release"));
    }
    Err(io::Error::other(
        "the guests' programs did not build; cargo's own message is above",
    ))
}
