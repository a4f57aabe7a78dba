//! Where the lab keeps what it fetched and built: under target/lab.

use crate::workspace::target;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A folder of the lab's, made where it is missing.
pub(crate) fn folder(name: impl AsRef<Path>) -> io::Result<PathBuf> {
    let folder = target().join("lab").join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// An empty folder of the lab's.
pub(crate) fn fresh_folder(name: impl AsRef<Path>) -> io::Result<PathBuf> {
    let path = target().join("lab").join(name);
    if path.exists() {
        fs::remove_dir_all(&path)?;
    }
    fs::create_dir_all(&path)?;
    Ok(path)
}

/// All files below a folder, in a stable order; links are files.
pub(crate) fn files_below(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            } else {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}
