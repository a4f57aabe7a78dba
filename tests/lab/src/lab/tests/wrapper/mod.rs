//! Real programs from Debian between two guests, unmodified: over the split driver's TCP, and over V4V by the wrapper, in one boot.
//!
//! Each program checks its own results (checksums, its own verification). The counters of the guests' modules and of their network
//! interfaces prove which way the bytes went.

mod faults;
mod guests;
mod measure;
mod programs;
mod table;

use super::bed::Bed;
use crate::lab::debian_disk;
use guests::Pair;
use measure::{Path, measure};
use programs::PROGRAMS;
use std::io;

pub(super) fn real_programs(bed: &mut Bed<'_>) -> io::Result<()> {
    let disk = debian_disk::build()?;
    let machine = bed.machine_with_disk("wrapper", &disk)?;
    let pair = Pair::start(machine.link())?;
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    for program in PROGRAMS {
        for path in [Path::Split, Path::V4v] {
            match measure(&pair, program, path) {
                Ok(found) => rows.extend(found),
                Err(error) => {
                    println!("{} over {path}: FAILED: {error}", program.name);
                    failures.push(format!("{} over {path}", program.name));
                }
            }
        }
    }
    print!("{}", table::of(&rows));
    if !failures.is_empty() {
        return Err(io::Error::other(format!(
            "failed: {}\n{}",
            failures.join(", "),
            pair.consoles()
        )));
    }
    faults::guest_destroyed(pair)
}
