//! The clauses of docs/ABI.md, in its order.

mod entry;
mod notify;
mod register;
mod semantics;
mod send;
mod unregister;

use crate::argo::Argo;
use crate::report::Report;
use crate::signal::Signal;
use std::io;

const EPERM: i64 = -1;
const ENOENT: i64 = -2;
const ESRCH: i64 = -3;
const EAGAIN: i64 = -11;
const EACCES: i64 = -13;
const EFAULT: i64 = -14;
const EEXIST: i64 = -17;
const EINVAL: i64 = -22;
const ENOSPC: i64 = -28;
const EMSGSIZE: i64 = -90;
const EOPNOTSUPP: i64 = -95;
const ECONNREFUSED: i64 = -111;

/// Clauses that need no ring.
pub(crate) fn arguments(argo: &Argo, report: &mut Report) {
    entry::arguments(argo, report);
    register::arguments(argo, report);
    unregister::arguments(argo, report);
    send::arguments(argo, report);
    notify::arguments(argo, report);
}

/// Clauses about rings of this guest's. Upstream counts some rings for ever, so the clauses about counting come last.
pub(crate) fn rings(argo: &Argo, report: &mut Report) -> io::Result<()> {
    let mut signal = Signal::bind()?;
    register::rings(argo, report)?;
    unregister::rings(argo, report)?;
    send::rings(argo, report)?;
    notify::rings(argo, report)?;
    semantics::rings(argo, &mut signal, report)?;
    register::counts(argo, report)
}
