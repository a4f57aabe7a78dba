//! Our own operations, delegation, and what the daemon needs.

mod caps;
mod delegate;
mod flags;
mod ready;
mod ring_setup;
mod stats;
mod stop;
mod watch;

use v4v_hv::Errno;
use v4v_hv::testing::{Guest, TestHost, domains};

/// What a hypercall returns for an errno.
fn err(errno: Errno) -> i64 {
    errno.to_return()
}

/// Two domains of a fresh machine, 1 and 2.
fn pair() -> [Guest; 2] {
    domains(&TestHost::boot(), [1, 2])
}
