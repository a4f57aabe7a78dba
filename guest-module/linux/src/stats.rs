//! Counters for /proc/net/v4v.

use core::sync::atomic::{AtomicU64, Ordering};

/// What is counted, over all sockets, since the module was loaded.
#[derive(Clone, Copy)]
pub(crate) enum Counter {
    /// Events from Xen.
    Interrupts,
    /// Messages sent.
    Sends,
    /// Payload bytes sent.
    SentBytes,
    /// Receives that returned data.
    Receives,
    /// Payload bytes received.
    ReceivedBytes,
    /// Sends that found no room.
    Full,
    /// Messages that went through a buffer of the kernel's, because Xen could not read them in place.
    Bounced,
    /// Notify operations.
    Notifies,
    /// Sleeps for data, space, a connection.
    Sleeps,
    /// The same where the vCPU waited inside Xen (`glue/park.c`).
    Parks,
    /// Waits that a spin ended.
    Spins,
    /// Sends put off to the tick, because Xen could not note that they wait.
    Retries,
    /// Connections established.
    Connections,
    /// Connections that ended with a reset.
    Resets,
}

/// Names, in the order of [`Counter`].
pub(crate) const NAMES: [&str; 14] = [
    "interrupts",
    "sends",
    "sent_bytes",
    "receives",
    "received_bytes",
    "full",
    "bounced",
    "notifies",
    "sleeps",
    "parks",
    "spins",
    "retries",
    "connections",
    "resets",
];

static COUNTS: [AtomicU64; NAMES.len()] = [const { AtomicU64::new(0) }; NAMES.len()];

/// Adds one.
#[inline]
pub(crate) fn count(what: Counter) {
    add(what, 1);
}

/// Adds `n`.
#[inline]
pub(crate) fn add(what: Counter, n: u64) {
    COUNTS[what as usize].fetch_add(n, Ordering::Relaxed);
}

/// The value of the counter with this place in [`NAMES`].
pub(crate) fn value(at: usize) -> u64 {
    COUNTS.get(at).map_or(0, |c| c.load(Ordering::Relaxed))
}
