//! The guests' kernel module, built by its own script against the kernel's headers.

use super::cache::{Key, make};
use super::consoles::tail;
use super::debian::{install, output, run};
use super::kernel::Kernel;
use super::store::folder;
use crate::workspace::root;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Debian's Rust with the library's source, which code for the bare machine is built from.
const BARE_RUST: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// The module for one kernel.
pub(crate) fn build(kernel: &Kernel) -> io::Result<PathBuf> {
    let headers = format!("linux-headers-{}", kernel.release);
    let product = folder(format!("module-{}", kernel.release))?;
    let module = product.join("v4v.ko");
    let guest = root().join("guest-module");
    let key = Key::new("module")
        .text(&kernel.release)
        .tree(&guest.join("linux"))?
        .tree(&guest.join("core/src"))?
        .tree(&root().join("hv-ext/ring/src"))?;
    make(&format!("module v4v, {}", kernel.release), &key, &module, || {
        install(&[headers.as_str()])?;
        install_bare_rust()?;
        let log = product.join("build.log");
        let to = File::create(&log)?;
        let mut command = Command::new(guest.join("linux/build"));
        command
            .arg(&kernel.release)
            .arg(&product)
            .stdout(to.try_clone()?)
            .stderr(to);
        command
            .env_remove("CARGO")
            .env_remove("RUSTC")
            .env_remove("RUSTUP_TOOLCHAIN");
        run(&mut command).map_err(|error| io::Error::other(format!("{error}\n{}", tail(&log))))
    })?;
    Ok(module)
}

/// Installs Debian's Rust unless the one that is here has its library's source.
pub(crate) fn install_bare_rust() -> io::Result<()> {
    for rustc in ["/usr/bin/rustc", "rustc"] {
        let sysroot = output(Command::new(rustc).args(["--print", "sysroot"])).unwrap_or_default();
        let source = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/core/Cargo.toml");
        if !sysroot.is_empty() && source.exists() {
            return Ok(());
        }
    }
    install(&BARE_RUST)
}
