//! Debian's own kernels for dom0 and the guests: uncompressed, with the modules that the images load.

use super::cache::{Key, make};
use super::compressed;
use super::debian::{depends_on, run, unpack};
use clap::ValueEnum;
use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;

/// The kernels that Debian 12 has packages of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Series {
    /// Debian 12's own.
    #[value(name = "6.1")]
    V6_1,
    /// Debian 13's, built for Debian 12: preemptible, with indirect branch tracking, its modules compressed.
    #[value(name = "6.12")]
    V6_12,
}

impl Series {
    /// dom0's, and the guests' unless a test wants another.
    pub(crate) const BASE: Self = Self::V6_1;

    /// The package that names today's kernel of the series.
    fn package(self) -> &'static str {
        match self {
            Self::V6_1 => "linux-image-amd64",
            Self::V6_12 => "linux-image-6.12-amd64",
        }
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V6_1 => "6.1",
            Self::V6_12 => "6.12",
        })
    }
}

/// An unpacked kernel.
pub(crate) struct Kernel {
    /// Its release, as `uname -r` prints it.
    pub(crate) release: String,
    /// The kernel as an ELF file: Xen and xl start it without an unpacker.
    pub(crate) image: PathBuf,
    /// The same as Debian has it, for a machine without Xen.
    pub(crate) bootable: PathBuf,
    modules: PathBuf,
}

impl Kernel {
    /// Fetches today's kernel of a series.
    pub(crate) fn fetch(series: Series) -> io::Result<Self> {
        let package = depends_on(series.package())?;
        let release = package.trim_start_matches("linux-image-").to_owned();
        let tree = unpack(&format!("kernel-{release}"), &[&package])?;
        let image = tree.join("vmlinux");
        let bootable = tree.join(format!("boot/vmlinuz-{release}"));
        make(
            &format!("vmlinux {release}"),
            &Key::new("vmlinux").text(&release),
            &image,
            || compressed::kernel(&bootable, &image),
        )?;
        let modules = tree.join("lib/modules").join(&release);
        make(
            &format!("modules.dep {release}"),
            &Key::new("depmod"),
            &modules.join("modules.dep"),
            || run(Command::new("/sbin/depmod").arg("-b").arg(&tree).arg(&release)),
        )?;
        Ok(Self {
            release,
            image,
            bootable,
            modules,
        })
    }

    /// The files of these modules and of those that they need, each after what it needs, as the kernel takes them.
    pub(crate) fn modules(&self, names: &[&str]) -> io::Result<Vec<PathBuf>> {
        let dependencies = fs::read_to_string(self.modules.join("modules.dep"))?;
        let mut seen = BTreeSet::new();
        let mut ordered = Vec::new();
        for name in names {
            let line = dependencies.lines().find_map(|line| {
                let (file, needs) = line.split_once(':')?;
                let stem = file.rsplit('/').next()?.split('.').next()?;
                (stem == *name).then_some((file, needs))
            });
            let (file, needs) = line.ok_or_else(|| io::Error::other(format!("no module {name}")))?;
            // modules.dep names the needs of a need as well, the innermost last.
            for file in needs.split_whitespace().rev().chain([file]) {
                if seen.insert(file.to_owned()) {
                    ordered.push(compressed::module(&self.modules.join(file))?);
                }
            }
        }
        Ok(ordered)
    }
}
