//! What happens to the living when a guest dies or does not do its part.

use super::bed::Bed;
use super::module::{load, pair};
use crate::lab::domains::{Guest, Kind};
use crate::lab::link::Link;
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};
use v4v_lab_agent::protocol::Ending;

const LIMIT: Duration = Duration::from_secs(60);

/// By when a peer must have heard of a domain's end. A stock Xen has nobody to tell it: there the module looks every
/// second (its parameter probe_ms).
const HEARD: Duration = Duration::from_secs(15);

/// A guest is destroyed in the middle of a transfer: the sender's connection is reset, Xen has its memory back.
pub(super) fn receiver_destroyed(bed: &mut Bed<'_>) -> io::Result<()> {
    let sender = bed.guests(&[Kind::Pv])?[0].name.clone();
    let link = bed.link()?;
    load(&bed.guests(&[Kind::Pv])?[0])?;
    let free = free_heap(&link)?;
    let victim = Guest::start(&link, Kind::Pv, bed.place())?;
    load(&victim)?;
    let _receiver = link.start(
        &victim.name,
        &["sh", "-c", "v4v nc --listen 5003 >/dev/null"],
        LIMIT,
    )?;
    sleep(Duration::from_secs(1));
    let line = format!("v4v nc {}:5003 < /dev/zero", victim.domain);
    let transfer = link.start(&sender, &["sh", "-c", &line], LIMIT)?;
    sleep(Duration::from_secs(2));
    victim.destroy()?;
    let start = Instant::now();
    let outcome = transfer.wait()?;
    let heard = start.elapsed();
    println!(
        "heard after {:.1} s: {}",
        heard.as_secs_f32(),
        outcome.err.trim_end()
    );
    if !matches!(outcome.ending, Ending::Code(code) if code != 0) || heard > HEARD {
        return Err(io::Error::other(format!(
            "the sender ended with {outcome:?} after {heard:?}"
        )));
    }
    if !outcome.err.contains("reset") {
        return Err(io::Error::other(format!(
            "the sender was not told of a reset: {}",
            outcome.err
        )));
    }
    heap_is_back(&link, free)
}

/// A receiver that never reads blocks its sender; killed, it frees it.
pub(super) fn receiver_never_reads(bed: &mut Bed<'_>) -> io::Result<()> {
    let [a, b] = pair(bed, [Kind::Pv, Kind::Pv])?;
    let link = bed.running()?;
    // A pipe into a program that does not read: nc stops reading its connection once the pipe is full.
    let receiver = link.start(&b.name, &["sh", "-c", "v4v nc --listen 5004 | sleep 50"], LIMIT)?;
    sleep(Duration::from_secs(1));
    let line = format!("head -c 8000000 /dev/zero | v4v nc {}:5004", b.domain);
    let sender = link.start(&a.name, &["sh", "-c", &line], LIMIT)?;
    if sender.next(Duration::from_secs(4)).is_ok() {
        return Err(io::Error::other("8 MB went to a receiver that does not read"));
    }
    receiver.kill()?;
    receiver.wait()?;
    let outcome = sender.wait()?;
    if !matches!(outcome.ending, Ending::Code(code) if code != 0) {
        return Err(io::Error::other(format!(
            "the sender to a killed receiver ended with {outcome:?}"
        )));
    }
    Ok(())
}

/// The module does not unload under open sockets, and does once they are closed.
pub(super) fn unload_with_open_sockets(bed: &mut Bed<'_>) -> io::Result<()> {
    let [a, _] = pair(bed, [Kind::Pv, Kind::Pv])?;
    let link = bed.running()?;
    let listener = link.start(&a.name, &["v4v", "nc", "--listen", "5005"], LIMIT)?;
    sleep(Duration::from_secs(1));
    let outcome = a.run(&["rmmod", "v4v"], LIMIT)?;
    if outcome.ending == Ending::Code(0) {
        return Err(io::Error::other("the module went away under an open socket"));
    }
    listener.kill()?;
    listener.wait()?;
    a.sh("rmmod v4v", LIMIT).map(|_| ())
}

/// MiB that Xen has free, as xl sees them.
pub(super) fn free_heap(link: &Link) -> io::Result<u64> {
    let info = link.dom0("xl info", LIMIT)?;
    let free = info.lines().find_map(|line| {
        line.strip_prefix("free_memory")?
            .split(':')
            .nth(1)?
            .trim()
            .parse()
            .ok()
    });
    free.ok_or_else(|| io::Error::other(format!("xl info names no free memory:\n{info}")))
}

/// Pages of a dead domain are freed in the background.
pub(super) fn heap_is_back(link: &Link, before: u64) -> io::Result<()> {
    let end = Instant::now() + HEARD;
    loop {
        let now = free_heap(link)?;
        if now >= before {
            return Ok(());
        }
        if Instant::now() > end {
            let zombies = link.dom0("xl list", LIMIT)?;
            return Err(io::Error::other(format!(
                "{before} MiB were free, now {now} MiB\n{zombies}"
            )));
        }
        sleep(Duration::from_millis(500));
    }
}
