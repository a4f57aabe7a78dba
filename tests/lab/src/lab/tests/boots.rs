//! Xen, dom0 and guests come up and do as they are told.

use super::bed::Bed;
use crate::lab::domains::{Guest, Kind};
use crate::lab::link::Outcome;
use std::io;
use std::time::Duration;
use v4v_lab_agent::protocol::Ending;

const LIMIT: Duration = Duration::from_secs(60);

/// A command in dom0 returns what it printed and how it ended.
pub(super) fn dom0_answers(bed: &mut Bed<'_>) -> io::Result<()> {
    let link = bed.link()?;
    let info = link.dom0("xl info", LIMIT)?;
    let version = info.lines().find(|line| line.starts_with("xen_version"));
    println!(
        "{}",
        version.ok_or_else(|| io::Error::other(format!("xl info names no version:\n{info}")))?
    );
    let outcome = link.run("dom0", &["sh", "-c", "echo said >&2; exit 7"], LIMIT)?;
    expect_seven(&outcome)?;
    let outcome = link.run("dom0", &["sleep", "60"], Duration::from_secs(1))?;
    if outcome.ending == Ending::Limit {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "a program past its limit ended by {:?}",
        outcome.ending
    )))
}

fn expect_seven(outcome: &Outcome) -> io::Result<()> {
    if outcome.ending == Ending::Code(7) && outcome.err == "said\n" && outcome.out.is_empty() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "exit 7 with a word on standard error came back as {outcome:?}"
    )))
}

/// Two PV guests run commands and reach each other by the split driver.
pub(super) fn two_pv_guests(bed: &mut Bed<'_>) -> io::Result<()> {
    let guests = bed.guests(&[Kind::Pv, Kind::Pv])?;
    for guest in &guests {
        expect_type(guest, "PV")?;
    }
    let ping = format!("ping -c 1 -W 5 {}", guests[1].address);
    guests[0].sh(&ping, LIMIT).map(|_| ())
}

/// A PVH guest runs commands.
pub(super) fn pvh_guest(bed: &mut Bed<'_>) -> io::Result<()> {
    expect_type(&bed.guests(&[Kind::Pvh])?[0], "PVH")
}

fn expect_type(guest: &Guest, kind: &str) -> io::Result<()> {
    let said = guest.sh("cat /sys/hypervisor/guest_type", LIMIT)?;
    if said.trim() == kind {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{}'s kernel says that it is {said}",
        guest.name
    )))
}
