//! The machine's monotonic clock, which all processes on it share.

use nix::time::{ClockId, clock_gettime};
use std::hint;

/// Nanoseconds of `CLOCK_MONOTONIC`.
#[must_use]
pub fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("every Linux has CLOCK_MONOTONIC");
    now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64
}

/// Keeps the CPU busy until the monotonic clock shows `deadline_ns`.
pub fn spin_until(deadline_ns: u64) {
    while monotonic_ns() < deadline_ns {
        hint::spin_loop();
    }
}
