//! What Debian's kernels are compressed with: the image inside its loader, and modules.

use super::debian::run;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How a stream begins, and the program that unpacks it.
const FORMATS: [(&[u8], &str); 2] = [(b"\xfd7zXZ\0", "xz"), (b"\x28\xb5\x2f\xfd", "zstd")];

/// Fields of the setup header (Linux, Documentation/arch/x86/boot.rst): sectors of real-mode code; where in the protected-mode
/// code behind them the compressed kernel is, and its bytes.
const SETUP_SECTORS: usize = 0x1f1;
const PAYLOAD_OFFSET: usize = 0x248;
const PAYLOAD_LENGTH: usize = 0x24c;
const SECTOR: usize = 512;

/// Behind the stream, and counted as part of it, the kernel's build leaves the unpacked size.
const SIZE_WORD: usize = 4;

/// Unpacks the ELF file that a bootable image of the kernel holds.
pub(crate) fn kernel(bootable: &Path, to: &Path) -> io::Result<()> {
    let what = |why: &str| io::Error::other(format!("{}: {why}", bootable.display()));
    let image = fs::read(bootable)?;
    let stream = payload(&image).ok_or_else(|| what("no kernel image of this CPU"))?;
    let (_, program) = FORMATS
        .iter()
        .find(|(magic, _)| stream.starts_with(magic))
        .ok_or_else(|| what("packed with neither xz nor zstd"))?;
    let mut child = Command::new(program)
        .arg("-dc")
        .stdin(Stdio::piped())
        .stdout(File::create(to)?)
        .spawn()
        .map_err(|e| what(&format!("cannot start {program}: {e}")))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(stream)?;
    }
    if child.wait()?.success() {
        return Ok(());
    }
    Err(what(&format!("{program} cannot unpack it")))
}

fn payload(image: &[u8]) -> Option<&[u8]> {
    let word = |at: usize| {
        let bytes = image.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    // Zero stands for four.
    let sectors = match *image.get(SETUP_SECTORS)? {
        0 => 4,
        sectors => usize::from(sectors),
    };
    let start = (sectors + 1) * SECTOR + word(PAYLOAD_OFFSET)?;
    let end = start + word(PAYLOAD_LENGTH)?.checked_sub(SIZE_WORD)?;
    image.get(start..end)
}

/// The module as the kernel takes it: the file itself, or where that is compressed, one beside it.
pub(crate) fn module(file: &Path) -> io::Result<PathBuf> {
    if file.extension().is_none_or(|extension| extension != "xz") {
        return Ok(file.to_owned());
    }
    let plain = file.with_extension("");
    if !plain.exists() {
        // A name of its own until it is whole.
        let unfinished = file.with_extension("new");
        run(Command::new("xz")
            .arg("-dc")
            .arg(file)
            .stdout(File::create(&unfinished)?))?;
        fs::rename(unfinished, &plain)?;
    }
    Ok(plain)
}
