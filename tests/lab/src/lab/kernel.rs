//! The guests' kernel, Debian's own: uncompressed, with the modules that the images load.

use super::cache::{Key, make};
use super::debian::{depends_on, run, unpack};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The package that names today's kernel of Debian 12.
const DEBIAN_12: &str = "linux-image-amd64";

/// The magic number of an xz stream.
const XZ: &[u8] = b"\xfd7zXZ\0";

/// An unpacked kernel.
pub(crate) struct Kernel {
    /// Its release, as `uname -r` prints it.
    pub(crate) release: String,
    /// The kernel as an ELF file: Xen and xl start it without an unpacker.
    pub(crate) image: PathBuf,
    modules: PathBuf,
}

impl Kernel {
    /// Fetches Debian 12's kernel.
    pub(crate) fn fetch() -> io::Result<Self> {
        let package = depends_on(DEBIAN_12)?;
        let release = package.trim_start_matches("linux-image-").to_owned();
        let tree = unpack(&format!("kernel-{release}"), &[&package])?;
        let image = tree.join("vmlinux");
        let compressed = tree.join(format!("boot/vmlinuz-{release}"));
        make(
            &format!("vmlinux {release}"),
            &Key::new("vmlinux").text(&release),
            &image,
            || {
                let bytes = fs::read(&compressed)?;
                let start = bytes.windows(XZ.len()).position(|window| window == XZ);
                let start = start.ok_or_else(|| io::Error::other("the kernel is not packed with xz"))?;
                unxz(&bytes[start..], File::create(&image)?)
            },
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
            modules,
        })
    }

    /// The files of these modules and of those that they need, each after what it needs.
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
                    ordered.push(self.modules.join(file));
                }
            }
        }
        Ok(ordered)
    }
}

/// Unpacks the stream at the start of `packed`; what follows it there is not part of it.
fn unxz(packed: &[u8], to: File) -> io::Result<()> {
    let mut child = Command::new("xz")
        .args(["-dc", "--single-stream"])
        .stdin(Stdio::piped())
        .stdout(to)
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // xz ends at the stream's end and closes the pipe: a short write is as it should be.
        let _ = stdin.write_all(packed);
    }
    child.wait()?;
    Ok(())
}
