//! What cannot be: the module and the programs say what is wrong, each with its errno and a line in the kernel's log.

use super::bed::Bed;
use super::complaints;
use super::module::{load, pair};
use crate::lab::domains::{Guest, Kind};
use crate::lab::link::Outcome;
use crate::lab::xen::Whose;
use std::io;
use std::time::Duration;
use v4v_lab_agent::DOM0;
use v4v_lab_agent::protocol::Ending;

const LIMIT: Duration = Duration::from_secs(60);

/// A domain's number that no test comes to.
const NOBODY: u16 = 30_000;

/// The port of the first of the listeners that use up a guest's rings, and how many are tried.
const FIRST: u32 = 7000;

/// Rings of a guest: upstream's, and what a machine with ours is booted with.
const UPSTREAM_RINGS: u32 = 128;
const OUR_RINGS: u32 = 48;

/// With `argo=` off the module does not load, and its line in the log names Argo.
pub(super) fn argo_off(bed: &mut Bed<'_>) -> io::Result<()> {
    let machine = bed.other_machine("argo-off", "")?;
    let guest = Guest::start(machine.link(), Kind::Pv, 1)?;
    let said = refuse(&guest, &["insmod", "/lib/v4v.ko"], "not supported")?;
    expect(&said, "argo")?;
    complaints::of_guest(&guest)
}

/// Without `mac-permissive` nobody may register a wildcard ring: a listener is refused with EPERM.
pub(super) fn wildcards_off(bed: &mut Bed<'_>) -> io::Result<()> {
    let machine = bed.other_machine("wildcards-off", "argo=1")?;
    let guest = Guest::start(machine.link(), Kind::Pv, 1)?;
    load(&guest)?;
    refuse(&guest, &["v4v", "nc", "--listen", "5001"], "not permitted")?;
    complaints::of_guest(&guest)
}

/// On a machine that is no Xen guest the module does not load, and says that.
pub(super) fn without_xen(bed: &mut Bed<'_>) -> io::Result<()> {
    let machine = bed.machine_without_xen("without-xen")?;
    let link = machine.link();
    let outcome = link.run(DOM0, &["insmod", "/lib/v4v.ko"], LIMIT)?;
    judge(&outcome, "No such device")?;
    let log = link.dom0("dmesg | grep 'v4v: ' || true", LIMIT)?;
    expect(&log, "no Xen guest")?;
    complaints::of_dom0_and_consoles(link)
}

/// A family's number that another has, or none can have, is refused, and afterwards the module loads.
pub(super) fn family_in_use(bed: &mut Bed<'_>) -> io::Result<()> {
    let guest = bed.guests(&[Kind::Pv])?[0].clone();
    guest.sh("[ ! -e /proc/net/v4v ] || rmmod v4v", LIMIT)?;
    for (family, errno) in [
        ("1", "File exists"),
        ("4711", "Invalid argument"),
        ("-1", "Invalid argument"),
    ] {
        let parameter = format!("family={family}");
        let said = refuse(&guest, &["insmod", "/lib/v4v.ko", &parameter], errno)?;
        expect(&said, &format!("address family {family} cannot be had"))?;
    }
    load(&guest)
}

/// A connection to a domain that is not there is refused at once, and the log says why.
pub(super) fn unknown_domain(bed: &mut Bed<'_>) -> io::Result<()> {
    let guest = bed.guests(&[Kind::Pv])?[0].clone();
    load(&guest)?;
    let address = format!("{NOBODY}:5001");
    let said = refuse(&guest, &["v4v", "nc", &address], "Connection refused")?;
    expect(&said, "no such domain")
}

/// Once a guest has used up its rings, it can neither listen nor connect (ENOSPC), and nobody can connect to it (ECONNREFUSED);
/// a ring that comes free is usable.
pub(super) fn ring_table_full(bed: &mut Bed<'_>) -> io::Result<()> {
    if bed.whose() == Whose::Upstream {
        let guests = pair(bed, [Kind::Pv, Kind::Pv])?;
        return fill(&guests, UPSTREAM_RINGS);
    }
    let parameters = format!("argo=1,mac-permissive=1,max-rings={OUR_RINGS}");
    let machine = bed.other_machine("few-rings", &parameters)?;
    let guests = [
        Guest::start(machine.link(), Kind::Pv, 1)?,
        Guest::start(machine.link(), Kind::Pv, 2)?,
    ];
    guests.iter().try_for_each(load)?;
    fill(&guests, OUR_RINGS)?;
    guests.iter().try_for_each(complaints::of_guest)
}

fn fill([guest, other]: &[Guest; 2], rings: u32) -> io::Result<()> {
    let last = FIRST + rings - 1;
    guest.sh(
        &format!(
            "for port in $(seq {FIRST} {last}); do v4v nc --listen $port </dev/zero >/dev/null 2>&1 & done; echo $! > /tmp/last; \
             tries=0; until [ $(grep -c LISTEN /proc/net/v4v) = {rings} ]; do \
             tries=$((tries + 1)); [ $tries -lt 400 ] || exit 1; sleep 0.1; done"
        ),
        LIMIT,
    )?;
    let listen = ["v4v", "nc", "--timeout", "1", "--listen", "6999"];
    let said = refuse(guest, &listen, "No space left on device")?;
    expect(&said, "rings are used up")?;
    let there = format!("{}:5001", other.domain);
    refuse(guest, &["v4v", "nc", &there], "No space left on device")?;
    let here = format!("{}:{FIRST}", guest.domain);
    refuse(other, &["v4v", "nc", &here], "refused")?;
    guest.sh("kill $(cat /tmp/last)", LIMIT)?;
    refuse(guest, &listen, "nobody has connected")?;
    guest.sh("killall v4v", LIMIT).map(|_| ())
}

/// Runs what must fail with this word on its standard error; what the kernel's log then holds of the module's.
fn refuse(guest: &Guest, argv: &[&str], errno: &str) -> io::Result<String> {
    judge(&guest.run(argv, LIMIT)?, errno)?;
    guest.sh("dmesg | grep 'v4v: ' || true", LIMIT)
}

fn judge(outcome: &Outcome, errno: &str) -> io::Result<()> {
    if matches!(outcome.ending, Ending::Code(code) if code != 0) && outcome.err.contains(errno) {
        println!("{}", outcome.err.trim_end());
        return Ok(());
    }
    Err(io::Error::other(format!("not \"{errno}\" but {outcome:?}")))
}

/// An error unless the last line of the module's log says so.
fn expect(log: &str, words: &str) -> io::Result<()> {
    let last = log.lines().last().unwrap_or_default();
    if last.to_lowercase().contains(&words.to_lowercase()) {
        println!("{last}");
        return Ok(());
    }
    Err(io::Error::other(format!(
        "the log does not say \"{words}\":\n{log}"
    )))
}
