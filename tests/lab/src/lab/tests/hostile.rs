//! Guests with raw hypercall access do their worst while two others exchange data.

use super::bed::Bed;
use super::emulator;
use super::faults::{free_heap, heap_is_back};
use super::module::{pair, quiet, transfer};
use crate::lab::domains::{Guest, Kind};
use crate::lab::link::{Link, Program};
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long the storm rages.
const STORM: Duration = Duration::from_secs(40);

/// Storms that are tried where the emulator ends one. About every second is ended on a machine with much else to do.
const STORMS: u32 = 5;

/// How long into a storm its guest is destroyed.
const CUT: Duration = Duration::from_secs(3);

/// The storm's dice.
const SEED: &str = "20260101";

/// The hostile guests' virtual CPUs.
const CPUS: u8 = 2;

const LIMIT: Duration = Duration::from_secs(120);

/// Xen's words for what must not happen. The asterisks of its self-test's warning are not among them.
const BAD: [&str; 5] = ["Assertion", "BUG at", "FATAL", "Panic on", "WARN at"];

/// Xen with its assertions on lives, the others' data arrives whole, the hostile guests' memory comes back.
pub(super) fn storm(bed: &mut Bed<'_>) -> io::Result<()> {
    let [a, b] = pair(bed, [Kind::Pv, Kind::Pv])?;
    let link = bed.running()?;
    let free = free_heap(&link)?;
    let mut left = STORMS;
    let hostile = loop {
        match rage(bed, &link, [&a, &b])? {
            Some(hostile) => break hostile,
            None if left > 1 => left -= 1,
            None => {
                return Err(io::Error::other(format!(
                    "the emulator ended a guest in {STORMS} storms"
                )));
            }
        }
    };
    // Once more, and an end in the middle of it.
    let _storms = begin(&link, &hostile, [&a, &b])?;
    sleep(CUT);
    for (guest, _) in hostile {
        guest.destroy()?;
    }
    heap_is_back(&link, free)?;
    transfer(bed, &a, &b)?;
    quiet(&a)?;
    quiet(&b)?;
    complaints(&bed.console()?)
}

/// New hostile guests and a whole storm, with transfers beside it. `None` where the emulator ended a hostile guest, so that this was
/// no whole storm.
fn rage(
    bed: &mut Bed<'_>,
    link: &Link,
    victims: [&Guest; 2],
) -> io::Result<Option<[(Guest, &'static str); 2]>> {
    let log_before = bed.console()?.len();
    // A PVH guest knows its own frames; a PV guest may name those of the whole machine.
    let pvh = Guest::start_with(link, Kind::Pvh, bed.place(), CPUS)?;
    let pv = Guest::start_with(link, Kind::Pv, bed.place(), CPUS)?;
    let hostile = [(pvh, "rings"), (pv, "arguments")];
    let storms = begin(link, &hostile, victims)?;
    let end = Instant::now() + STORM;
    let mut transfers = 0;
    while Instant::now() < end {
        transfer(bed, victims[0], victims[1])?;
        transfers += 1;
    }
    println!("{transfers} transfers arrived as they were sent");
    let mut whole = true;
    for (storm, (guest, _)) in storms.into_iter().zip(&hostile) {
        let log = bed.console()?;
        let log = log.get(log_before..).unwrap_or_default();
        if guest.has_crashed()? && emulator::ended(log, guest.domain) {
            println!("{}: ended by the emulator; another storm", guest.name);
            whole = false;
            continue;
        }
        let said = storm.wait()?.success("argo-probe storm")?;
        println!("{}: {}", guest.name, said.lines().last().unwrap_or_default());
    }
    if whole {
        return Ok(Some(hostile));
    }
    for (guest, _) in hostile {
        guest.destroy()?;
    }
    Ok(None)
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

/// An error with the lines in which Xen says that something is wrong with itself.
fn complaints(console: &str) -> io::Result<()> {
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
