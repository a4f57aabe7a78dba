//! Argo's ABI by raw hypercalls: `argo-probe` (tests/lab/probe) in a domain, its answers against docs/ABI.md.

use super::bed::Bed;
use crate::lab::domains::{Guest, Kind};
use crate::lab::link::Outcome;
use std::io;
use std::time::Duration;
use v4v_lab_agent::DOM0;
use v4v_lab_agent::protocol::Ending;

const LIMIT: Duration = Duration::from_secs(120);

/// dom0 is a PV domain: its user space knows no machine frames, so it can register nothing.
pub(super) fn arguments_in_dom0(bed: &mut Bed<'_>) -> io::Result<()> {
    let other = bed.guests(&[Kind::Pv])?[0].domain.to_string();
    let whose = bed.whose().to_string();
    judge(bed.link()?.run(
        DOM0,
        &["argo-probe", "clauses", &whose, "0", &other, "arguments"],
        LIMIT,
    )?)
}

/// A PVH guest of its own, since upstream counts some rings for ever.
pub(super) fn everything_in_a_pvh_guest(bed: &mut Bed<'_>) -> io::Result<()> {
    let other = bed.guests(&[Kind::Pv])?[0].domain.to_string();
    let whose = bed.whose().to_string();
    let guest = Guest::start(&bed.link()?, Kind::Pvh, bed.place())?;
    let domain = guest.domain.to_string();
    let outcome = guest.run(
        &["argo-probe", "clauses", &whose, &domain, &other, "rings"],
        LIMIT,
    );
    let outcome = outcome.map_err(|error| io::Error::other(format!("{error}\n{}", guest.console())));
    judge(outcome?)?;
    guest.destroy()
}

/// Passed if the probe says so; otherwise the error has its lines.
fn judge(outcome: Outcome) -> io::Result<()> {
    if outcome.ending == Ending::Code(0) {
        println!("{}", outcome.out.lines().last().unwrap_or_default());
        return Ok(());
    }
    let failed: Vec<&str> = outcome
        .out
        .lines()
        .filter(|line| !line.starts_with("ok"))
        .collect();
    Err(io::Error::other(format!(
        "argo-probe: {:?}\n{}\n{}",
        outcome.ending,
        failed.join("\n"),
        outcome.err
    )))
}
