//! A Xen that does not let guests do what V4V needs: the module and the programs say what is wrong and what to do.

use super::bed::Bed;
use super::complaints;
use super::module::load;
use crate::lab::domains::{Guest, Kind};
use std::io;
use std::time::Duration;
use v4v_lab_agent::protocol::Ending;

const LIMIT: Duration = Duration::from_secs(60);

/// With `argo=` off the module does not load, and its line in the log names Argo.
pub(super) fn argo_off(bed: &mut Bed<'_>) -> io::Result<()> {
    let machine = bed.other_machine("argo-off", "")?;
    let guest = Guest::start(machine.link(), Kind::Pv, 1)?;
    let outcome = guest.run(&["insmod", "/lib/v4v.ko"], LIMIT)?;
    let said = guest.sh("dmesg | grep 'v4v: ' || true", LIMIT)?;
    if outcome.ending == Ending::Code(0) || !said.to_lowercase().contains("argo") {
        return Err(io::Error::other(format!("insmod: {outcome:?}; the log: {said}")));
    }
    println!("{}", said.trim_end());
    complaints::of_guest(&guest)
}

/// Without `mac-permissive` nobody may register a wildcard ring: a listener is refused with EPERM.
pub(super) fn wildcards_off(bed: &mut Bed<'_>) -> io::Result<()> {
    let machine = bed.other_machine("wildcards-off", "argo=1")?;
    let guest = Guest::start(machine.link(), Kind::Pv, 1)?;
    load(&guest)?;
    let outcome = guest.run(&["v4v", "nc", "--listen", "5001"], LIMIT)?;
    if outcome.ending == Ending::Code(0) || !outcome.err.contains("ermi") {
        return Err(io::Error::other(format!("v4v nc --listen: {outcome:?}")));
    }
    println!("{}", outcome.err.trim_end());
    complaints::of_guest(&guest)
}
