//! The kernel module v4v in two guests, and the project's programs on it.

use super::bed::Bed;
use crate::lab::domains::{Guest, Kind};
use std::io;
use std::thread::sleep;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// How long a short sweep may take on a busy machine.
const SWEEP: Duration = Duration::from_secs(240);

/// Bytes that go through one connection.
const TRANSFER: &str = "4194304";

/// Loads the module where it is not loaded yet.
pub(super) fn load(guest: &Guest) -> io::Result<()> {
    guest
        .sh("[ -e /proc/net/v4v ] || insmod /lib/v4v.ko", LIMIT)
        .map(|_| ())
}

/// Two guests of these kinds with the module loaded.
pub(super) fn pair(bed: &mut Bed<'_>, kinds: [Kind; 2]) -> io::Result<[Guest; 2]> {
    let guests = bed.guests(&kinds)?;
    for guest in &guests {
        load(guest)?;
    }
    guests
        .try_into()
        .map_err(|_| io::Error::other("two guests were asked for"))
}

/// The module loads, says what it found, and unloads; nothing complains.
pub(super) fn loads_and_unloads(bed: &mut Bed<'_>) -> io::Result<()> {
    for kind in [Kind::Pv, Kind::Pvh] {
        let guest = &bed.guests(&[kind])?[0];
        load(guest)?;
        println!(
            "{kind:?}: {}",
            guest.sh("dmesg | grep -i v4v | tail -n 1", LIMIT)?.trim_end()
        );
        guest.sh(
            "cat /sys/module/v4v/parameters/family /proc/net/v4v && rmmod v4v && [ ! -e /proc/net/v4v ]",
            LIMIT,
        )?;
    }
    Ok(())
}

/// Bytes through `v4v nc` arrive as they were sent, on each pair of kinds.
pub(super) fn stream_between_guests(bed: &mut Bed<'_>) -> io::Result<()> {
    for kinds in [[Kind::Pv, Kind::Pv], [Kind::Pvh, Kind::Pv]] {
        let [a, b] = pair(bed, kinds)?;
        transfer(bed, &a, &b)?;
    }
    Ok(())
}

/// Random bytes through one connection arrive as they were sent.
pub(super) fn transfer(bed: &Bed<'_>, from: &Guest, to: &Guest) -> io::Result<()> {
    let link = bed.running()?;
    let receive = "v4v nc --listen 5001 </dev/null | sha256sum";
    let receiver = link.start(&to.name, &["sh", "-c", receive], LIMIT)?;
    let send = format!(
        "head -c {TRANSFER} /dev/urandom > /tmp/sent; sha256sum < /tmp/sent; v4v nc {}:5001 < /tmp/sent",
        to.domain
    );
    // The receiver may not listen yet.
    sleep(Duration::from_secs(1));
    let sent = from.sh(&send, LIMIT)?;
    let received = receiver.wait()?.success(receive)?;
    if sent == received {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{} sent {sent}{} received {received}",
        from.name, to.name
    )))
}

/// `v4v netpipe` sweeps between two guests.
pub(super) fn netpipe_smoke(bed: &mut Bed<'_>) -> io::Result<()> {
    let [a, b] = pair(bed, [Kind::Pv, Kind::Pv])?;
    let link = bed.running()?;
    let server = link.start(&b.name, &["v4v", "netpipe"], SWEEP)?;
    server.await_text("serving", LIMIT)?;
    let line = format!("v4v netpipe {}:5002 --seconds 5 --longest 4096 --json", b.domain);
    let rows = a.sh(&line, SWEEP)?;
    let one = rows
        .lines()
        .next()
        .and_then(|row| serde_json::from_str::<serde_json::Value>(row).ok());
    let latency = one.as_ref().and_then(|row| row.get("latency_us")?.as_f64());
    match latency {
        Some(latency) if latency > 0.0 => {
            println!("{} sizes; 1 byte one way {latency:.0} µs", rows.lines().count());
            server.wait()?.success("v4v netpipe")?;
            none_put_off(&a)?;
            none_put_off(&b)?;
            some_parked(&a)
        }
        _ => Err(io::Error::other(format!("no figures:\n{rows}"))),
    }
}

/// Waits for short messages are spent inside Xen (`glue/park.c` of the module), not in the scheduler's idle task.
fn some_parked(guest: &Guest) -> io::Result<()> {
    let count = |name: &str| -> io::Result<u64> {
        let text = guest.sh(
            &format!("awk '$1 == \"{name}\" {{ print $2 }}' /proc/net/v4v"),
            LIMIT,
        )?;
        text.trim().parse().map_err(io::Error::other)
    };
    let (parks, sleeps) = (count("parks")?, count("sleeps")?);
    println!("{parks} waits inside Xen, {sleeps} sleeps");
    if parks == 0 {
        return Err(io::Error::other("no wait was spent inside Xen"));
    }
    Ok(())
}

/// Every sender that waited was told by an event: none of its tries was left to the module's tick, which is milliseconds late.
fn none_put_off(guest: &Guest) -> io::Result<()> {
    let said = guest.sh("grep '^retries ' /proc/net/v4v", LIMIT)?;
    if said.trim() == "retries 0" {
        return Ok(());
    }
    Err(io::Error::other(format!("{}: {said}", guest.name)))
}
