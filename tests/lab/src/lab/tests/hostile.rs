//! A guest with raw hypercall access does its worst while two others exchange data.

use super::bed::Bed;
use super::faults::{free_heap, heap_is_back};
use super::module::{pair, quiet, transfer};
use crate::lab::domains::{Guest, Kind};
use std::io;
use std::time::Duration;

/// Seconds of the storm.
const STORM: &str = "30";

/// The storm's dice.
const SEED: &str = "20260101";

/// Transfers beside it.
const TRANSFERS: usize = 3;

const LIMIT: Duration = Duration::from_secs(120);

/// Xen's words for what must not happen. The asterisks of its self-test's warning are not among them.
const BAD: [&str; 5] = ["Assertion", "BUG at", "FATAL", "Panic on", "WARN at"];

/// Xen with its assertions on lives, the others' data arrives whole, the hostile guest's memory comes back.
pub(super) fn storm(bed: &mut Bed<'_>) -> io::Result<()> {
    let [a, b] = pair(bed, [Kind::Pv, Kind::Pv])?;
    let link = bed.running()?;
    let free = free_heap(&link)?;
    let hostile = Guest::start(&link, Kind::Pvh, bed.place())?;
    let domain = hostile.domain.to_string();
    let storm = link.start(
        &hostile.name,
        &["argo-probe", "storm", &domain, STORM, SEED],
        LIMIT,
    )?;
    for _ in 0..TRANSFERS {
        transfer(bed, &a, &b)?;
    }
    println!("{}", storm.wait()?.success("argo-probe storm")?.trim_end());
    hostile.destroy()?;
    heap_is_back(&link, free)?;
    quiet(&a)?;
    quiet(&b)?;
    let console = bed.console()?;
    let bad: Vec<&str> = console
        .lines()
        .filter(|line| BAD.iter().any(|word| line.contains(word)))
        .collect();
    if bad.is_empty() {
        Ok(())
    } else {
        Err(io::Error::other(bad.join("\n")))
    }
}
