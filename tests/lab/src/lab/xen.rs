//! The hypervisors: Debian's Xen source, built once as upstream has it and once with our extension in it.

use super::cache::{Key, make};
use super::debian::run;
use super::module::install_bare_rust;
use super::source;
use super::store::folder;
use crate::workspace::root;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::Command;

/// Upstream's release in Debian 12, which `hv-ext/xen/patches` has patches for.
const RELEASE: &str = "4.17";

/// The version of Debian's that was tested, for as long as the mirror has it.
const TESTED: &str = "4.17.5+72-g01140da4e8-1";

/// Whose Argo the hypervisor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Upstream's, in C.
    Upstream,
    /// Our extension.
    Ours,
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Upstream => "upstream",
            Self::Ours => "ours",
        })
    }
}

/// How the hypervisor is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// With Xen's assertions: for tests.
    Debug,
    /// As it is deployed: for measurements.
    Release,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Debug => "debug",
            Self::Release => "release",
        })
    }
}

/// The hypervisor, built where it was not.
pub(crate) fn build(whose: Whose, mode: Mode) -> io::Result<PathBuf> {
    let source = source::fetch("xen", RELEASE, TESTED)?;
    let product = folder(format!("xen-{}/{whose}-{mode}", source.version))?;
    let xen = product.join("xen");
    let hv = root().join("hv-ext");
    let mut key = Key::new("xen")
        .text(&source.version)
        .file(&hv.join("xen/build-xen"))?;
    if whose == Whose::Ours {
        key = key
            .tree(&hv.join("xen"))?
            .tree(&hv.join("core/src"))?
            .tree(&hv.join("ring/src"))?;
    }
    install_bare_rust()?;
    make(&format!("Xen, {whose}, {mode}"), &key, &xen, || {
        let log = product.join("build.log");
        let to = std::fs::File::create(&log)?;
        let mut command = Command::new(hv.join("xen/build-xen"));
        command
            .arg(&source.tree)
            .arg(&product)
            .args([mode.to_string(), whose.to_string()]);
        command
            .env_remove("CARGO")
            .env_remove("RUSTC")
            .env_remove("RUSTUP_TOOLCHAIN");
        command.stdout(to.try_clone()?).stderr(to);
        run(&mut command).map_err(|e| io::Error::other(format!("{e}\n{}", super::consoles::tail(&log))))
    })?;
    Ok(xen)
}
