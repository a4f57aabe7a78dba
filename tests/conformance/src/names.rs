//! What one run of a pair calls its things, so that no two runs meet.

use crate::pair::{Pair, Role};
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// A new number at each call in this process.
fn next() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A folder of our own; dropping it removes it with all that is in it.
///
/// Its path is short, because a Unix socket's address holds 107 bytes.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// A new folder.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn create() -> io::Result<Self> {
        let path = env::temp_dir().join(format!("v4v-{}-{}", process::id(), next()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("cannot remove {}: {error}", self.0.display());
        }
    }
}

/// The domains of the two sides of one run of a pair, server first.
///
/// Those of a privileged pair are the same in each run, because the daemon's policy names them.
pub(crate) fn domains(pair: &Pair) -> [String; 2] {
    if pair.privileged {
        return Role::BOTH.map(privileged);
    }
    let run = next();
    Role::BOTH.map(|role| format!("{role}-{run}"))
}

/// The domain of a privileged pair's side.
pub(crate) fn privileged(role: Role) -> String {
    format!("privileged-{role}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_folders_meet_and_none_is_left() {
        let (a, b) = (
            Folder::create().expect("a folder"),
            Folder::create().expect("a folder"),
        );
        assert_ne!(a.path(), b.path());
        fs::write(a.path().join("x"), "x").expect("a file");
        let path = a.path().to_owned();
        drop(a);
        assert!(!path.exists() && b.path().exists());
    }
}
