//! The archive that Linux unpacks as its first root: cpio's "newc" form
//! (Linux, Documentation/driver-api/early-userspace/buffer-format.rst).

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const FOLDER: u32 = 0o040_755;
const LINK: u32 = 0o120_777;
const REGULAR: u32 = 0o100_000;
const CHARACTERS: u32 = 0o020_600;

/// An archive that is being written.
pub(crate) struct Archive {
    to: BufWriter<File>,
    at: usize,
    entries: u32,
    folders: BTreeSet<String>,
}

struct Entry<'a> {
    name: &'a str,
    mode: u32,
    device: (u32, u32),
    data: &'a [u8],
}

impl Archive {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let to = BufWriter::new(File::create(path)?);
        Ok(Self {
            to,
            at: 0,
            entries: 0,
            folders: BTreeSet::new(),
        })
    }

    /// Adds a folder and those above it.
    pub(crate) fn folder(&mut self, name: &str) -> io::Result<()> {
        let name = name.trim_matches('/');
        if name.is_empty() || !self.folders.insert(name.to_owned()) {
            return Ok(());
        }
        if let Some((above, _)) = name.rsplit_once('/') {
            self.folder(above)?;
        }
        self.entry(&Entry {
            name,
            mode: FOLDER,
            device: (0, 0),
            data: &[],
        })
    }

    /// Adds a file with this content.
    pub(crate) fn bytes(&mut self, name: &str, mode: u32, data: &[u8]) -> io::Result<()> {
        self.above(name)?;
        self.entry(&Entry {
            name,
            mode: REGULAR | mode,
            device: (0, 0),
            data,
        })
    }

    /// Adds a symbolic link.
    pub(crate) fn link(&mut self, name: &str, to: &str) -> io::Result<()> {
        self.above(name)?;
        self.entry(&Entry {
            name,
            mode: LINK,
            device: (0, 0),
            data: to.as_bytes(),
        })
    }

    /// Adds a character device.
    pub(crate) fn device(&mut self, name: &str, major: u32, minor: u32) -> io::Result<()> {
        self.above(name)?;
        self.entry(&Entry {
            name,
            mode: CHARACTERS,
            device: (major, minor),
            data: &[],
        })
    }

    /// Adds a file or link of the host's, as it is there.
    pub(crate) fn copy(&mut self, name: &str, from: &Path) -> io::Result<()> {
        let what = |e| io::Error::other(format!("{}: {e}", from.display()));
        let meta = fs::symlink_metadata(from).map_err(what)?;
        if meta.is_symlink() {
            let to = fs::read_link(from)?;
            return self.link(name, &String::from_utf8_lossy(to.as_os_str().as_bytes()));
        }
        self.bytes(
            name,
            meta.permissions().mode() & 0o777,
            &fs::read(from).map_err(what)?,
        )
    }

    /// Ends the archive.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.entry(&Entry {
            name: "TRAILER!!!",
            mode: 0,
            device: (0, 0),
            data: &[],
        })?;
        self.to.flush()
    }

    fn above(&mut self, name: &str) -> io::Result<()> {
        match name.rsplit_once('/') {
            Some((folder, _)) => self.folder(folder),
            None => Ok(()),
        }
    }

    fn entry(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        self.entries += 1;
        let size = u32::try_from(entry.data.len()).map_err(io::Error::other)?;
        let name_size = u32::try_from(entry.name.len() + 1).map_err(io::Error::other)?;
        let (major, minor) = entry.device;
        // inode, mode, uid, gid, links, time, size, device (2), represented device (2), name's size, checksum
        let fields = [
            self.entries,
            entry.mode,
            0,
            0,
            1,
            0,
            size,
            0,
            0,
            major,
            minor,
            name_size,
            0,
        ];
        let mut header = String::from("070701");
        for field in fields {
            header.push_str(&format!("{field:08x}"));
        }
        self.write(header.as_bytes())?;
        self.write(entry.name.as_bytes())?;
        self.write(&[0])?;
        self.pad()?;
        self.write(entry.data)?;
        self.pad()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len();
        self.to.write_all(bytes)
    }

    fn pad(&mut self) -> io::Result<()> {
        self.write(&[0; 3][..self.at.next_multiple_of(4) - self.at])
    }
}
