//! Guests with raw hypercall access do their worst while two others exchange data.

use super::bed::Bed;
use super::faults::{free_heap, heap_is_back};
use super::module::{pair, transfer};
use crate::lab::domains::{Guest, Kind, Size};
use crate::lab::link::{Link, Program};
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long the storm rages.
const STORM: Duration = Duration::from_secs(40);

/// How long into a storm its guest is destroyed.
const CUT: Duration = Duration::from_secs(3);

/// The storm's dice.
const SEED: &str = "20260101";

/// The hostile guests work with two virtual CPUs.
const HOSTILE: Size = Size {
    vcpus: 2,
    ..Size::USUAL
};

const LIMIT: Duration = Duration::from_secs(120);

/// Xen with its assertions on lives, the others' data arrives whole, the hostile guests' memory comes back.
pub(super) fn storm(bed: &mut Bed<'_>) -> io::Result<()> {
    let [a, b] = pair(bed, [Kind::Pv, Kind::Pv])?;
    let link = bed.running()?;
    let free = free_heap(&link)?;
    // A PVH guest knows its own frames; a PV guest may name those of the whole machine.
    let hostile = [(Kind::Pvh, "rings"), (Kind::Pv, "arguments")].map(|(kind, reach)| {
        Guest::start_with(&link, kind, bed.place(), HOSTILE).map(|guest| (guest, reach))
    });
    let [pvh, pv] = hostile;
    let hostile = [pvh?, pv?];
    let storms = begin(&link, &hostile, [&a, &b])?;
    let end = Instant::now() + STORM;
    let mut transfers = 0;
    while Instant::now() < end {
        transfer(bed, &a, &b)?;
        transfers += 1;
    }
    println!("{transfers} transfers arrived as they were sent");
    for (storm, (guest, _)) in storms.into_iter().zip(&hostile) {
        let said = storm.wait()?.success("argo-probe storm")?;
        println!("{}: {}", guest.name, said.lines().last().unwrap_or_default());
    }
    // Once more, and an end in the middle of it.
    let _storms = begin(&link, &hostile, [&a, &b])?;
    sleep(CUT);
    for (guest, _) in hostile {
        guest.destroy()?;
    }
    heap_is_back(&link, free)?;
    transfer(bed, &a, &b)
}

/// Starts a storm in each hostile guest, and waits until they rage.
fn begin(link: &Link, hostile: &[(Guest, &str); 2], victims: [&Guest; 2]) -> io::Result<Vec<Program>> {
    let [a, b] = victims.map(|guest| guest.domain.to_string());
    let seconds = STORM.as_secs().to_string();
    let mut storms = Vec::new();
    for (guest, reach) in hostile {
        let domain = guest.domain.to_string();
        let argv = ["argo-probe", "storm", &domain, reach, &seconds, SEED, &a, &b];
        let storm = link.start(&guest.name, &argv, LIMIT)?;
        storm.await_text("storming", LIMIT)?;
        storms.push(storm);
    }
    Ok(storms)
}
