//! The wrapper's library: where it is, and which programs it does nothing for.

use std::env;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Names the library, for one that is somewhere else.
const LIBRARY_VAR: &str = "V4V_PRELOAD";
/// As it is installed, and as cargo builds it.
const NAMES: [&str; 2] = ["libv4vsock-preload.so", "libv4vsock_preload.so"];
/// Where it is looked for, from the folder of this program: beside it, where packages put it, where cargo does for tests.
const FOLDERS: [&str; 4] = [".", "../lib/v4v", "../lib", ".."];

/// The library's path.
///
/// # Errors
/// `NotFound`, and where it was looked for; `InvalidInput` for a path that the loader cannot be told.
pub(crate) fn library() -> io::Result<PathBuf> {
    let path = find()?;
    // The loader takes a list.
    if path
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .any(|b| matches!(b, b':' | b' '))
    {
        let text = format!(
            "{}: the loader takes no path with a blank or a colon",
            path.display()
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    Ok(path)
}

fn find() -> io::Result<PathBuf> {
    if let Some(path) = env::var_os(LIBRARY_VAR).filter(|p| !p.is_empty()) {
        return fs::canonicalize(&path).map_err(|error| {
            let text = format!(
                "{}, which {LIBRARY_VAR} names: {error}",
                Path::new(&path).display()
            );
            io::Error::new(error.kind(), text)
        });
    }
    let own = fs::canonicalize(env::current_exe()?)?;
    let home = own.parent().unwrap_or(Path::new("/"));
    let places = FOLDERS
        .iter()
        .flat_map(|f| NAMES.map(|name| home.join(f).join(name)));
    places
        .filter_map(|place| fs::canonicalize(place).ok())
        .next()
        .ok_or_else(|| {
            let text = format!(
                "{} is neither beside {} nor in ../lib/v4v: build it with `cargo build --release -p v4vsock-preload`, or name it \
                 in {LIBRARY_VAR}",
                NAMES[0],
                own.display()
            );
            io::Error::new(io::ErrorKind::NotFound, text)
        })
}

/// Warns of a program that the loader loads nothing for: it would run over TCP, and nobody would know why.
pub(crate) fn warn_of(program: &Path) {
    let Some(path) = in_path(program) else { return };
    let why = if is_privileged(&path) {
        "has other rights than who starts it, so that the loader puts nothing before the C library"
    } else if is_static(&path).unwrap_or(false) {
        "is statically linked"
    } else {
        return;
    };
    eprintln!(
        "v4v: {} {why}: it runs over TCP; `v4v proxy` relays for such programs",
        path.display()
    );
}

fn in_path(program: &Path) -> Option<PathBuf> {
    if program.as_os_str().as_encoded_bytes().contains(&b'/') {
        return Some(program.to_owned());
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|p| p.is_file())
}

fn is_privileged(path: &Path) -> bool {
    /// S_ISUID and S_ISGID.
    const OTHERS: u32 = 0o6000;
    fs::metadata(path).is_ok_and(|m| m.permissions().mode() & OTHERS != 0)
}

/// Whether this is an ELF program of 64 bits that names no loader (gABI: a segment PT_INTERP).
fn is_static(path: &Path) -> io::Result<bool> {
    const HEADER: usize = 64;
    const SEGMENT: usize = 56;
    const PT_INTERP: u32 = 3;
    /// EI_CLASS and its value for 64 bits; where the header says where the segments are, and how many.
    const CLASS: usize = 4;
    const CLASS_64: u8 = 2;
    const OFFSET: usize = 32;
    const COUNT: usize = 56;
    let mut file = File::open(path)?;
    let mut header = [0; HEADER];
    file.read_exact(&mut header)?;
    if !header.starts_with(b"\x7fELF") || header[CLASS] != CLASS_64 {
        return Ok(false);
    }
    let offset = u64::from_le_bytes(std::array::from_fn(|i| header[OFFSET + i]));
    let count = u16::from_le_bytes([header[COUNT], header[COUNT + 1]]);
    file.seek(SeekFrom::Start(offset))?;
    for _ in 0..count {
        let mut segment = [0; SEGMENT];
        file.read_exact(&mut segment)?;
        if u32::from_le_bytes(std::array::from_fn(|i| segment[i])) == PT_INTERP {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_is_linked_with_a_loader() {
        let own = env::current_exe().expect("a path");
        assert!(!is_static(&own).expect("a program") && !is_privileged(&own));
    }

    #[test]
    fn a_script_is_no_static_program() {
        let path = env::temp_dir().join(format!("v4v-script-{}", std::process::id()));
        fs::write(&path, format!("#!/bin/sh\n{}", "#".repeat(100))).expect("a file");
        assert!(!is_static(&path).expect("a file"));
        fs::remove_file(path).expect("there");
    }
}
