//! A target without libFuzzer.

use std::env;
use std::fs;
use std::io;

use crate::Target;

/// Runs a target on the files that the command line names.
///
/// # Errors
/// A file that cannot be read; none named.
pub fn run_on_files(target: Target) -> io::Result<()> {
    let files: Vec<_> = env::args_os().skip(1).collect();
    if files.is_empty() {
        return Err(io::Error::other(
            "name the files to run this target on, or run it with cargo-fuzz",
        ));
    }
    for file in files {
        let bytes =
            fs::read(&file).map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", file.display())))?;
        target(&bytes);
        println!("{}: nothing to complain about", file.display());
    }
    Ok(())
}
