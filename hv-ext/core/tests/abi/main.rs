//! Every clause of the Argo ABI (`xen/include/public/argo.h`, `xen/common/argo.c` of Xen 4.17), each under the name of
//! the operation and of the number of its check. Where two checks would fail, the first must win.

mod deviations;
mod entry;
mod lifecycle;
mod notify;
mod register;
mod semantics;
mod sendv;
mod unregister;

use v4v_hv::testing::{Guest, TestHost, domains};
use v4v_hv::{DomId, Errno};

/// What a hypercall returns for an errno.
fn err(errno: Errno) -> i64 {
    errno.to_return()
}

/// Two domains of a fresh machine, 1 and 2.
fn pair() -> [Guest; 2] {
    domains(&TestHost::boot(), [1, 2])
}

/// A domain that exists nowhere.
const NOBODY: DomId = DomId(99);
