//! Waiting: a short spin while the other side runs on another CPU, a yield where it runs on this one, then a sleep on a word
//! of the ring.
//!
//! Waking a CPU costs 16–30 µs on a virtual machine, a message between two running CPUs a quarter of a microsecond. So a
//! waiter spins for a while first, but never where it would keep the other side from running: both sides publish their CPU
//! in the ring, and a waiter on the same CPU, or on a machine with one, yields to the other side instead.

use crate::hosted::turn::Turns;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use v4v_hosted::futex;

/// How long a waiter spins. Below 20 µs spinning stops paying; above the time that waking the other side takes, a pair that
/// fell asleep finds back to spinning.
const SPIN: Duration = Duration::from_micros(50);
/// Spins between two looks at the clock and at the other side's CPU.
const ROUND: u32 = 64;

/// When waiting ends; `None` = never.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// After `timeout`, counted from now.
    pub(crate) fn after(timeout: Option<Duration>) -> Self {
        Self(timeout.and_then(|t| Instant::now().checked_add(t)))
    }

    /// This deadline, or `wait` from now where that is earlier.
    pub(crate) fn at_most(self, wait: Duration) -> Self {
        let soon = Instant::now().checked_add(wait);
        Self(self.0.into_iter().chain(soon).min())
    }

    /// What is left, `TimedOut`-like `WouldBlock` (as a socket's `SO_RCVTIMEO` says) where nothing is.
    pub(crate) fn left(self) -> io::Result<Option<Duration>> {
        let Some(end) = self.0 else { return Ok(None) };
        match end.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => Ok(Some(left)),
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

/// This thread's CPU plus one.
#[inline]
pub(crate) fn this_cpu() -> u32 {
    // SAFETY: sched_getcpu takes nothing and touches no memory of ours.
    let cpu = unsafe { libc::sched_getcpu() };
    // -1 (no such call) becomes 0, "unknown".
    u32::try_from(cpu + 1).unwrap_or(0)
}

/// Waits for `ready` without sleeping, as long as that pays: spins while the side whose CPU stands in `theirs` runs elsewhere,
/// yields to it once where it runs here. Whether `ready` came true.
pub(crate) fn linger(theirs: &AtomicU32, turns: &Turns, mut ready: impl FnMut() -> bool) -> bool {
    // The clock is not looked at where both share a CPU: that would be a fortieth of a turn.
    let mut start = None;
    loop {
        match theirs.load(Ordering::Relaxed) {
            0 => return false,
            here if here == this_cpu() => return turns.take(ready),
            _ => {}
        }
        let start = *start.get_or_insert_with(Instant::now);
        for _ in 0..ROUND {
            if ready() {
                return true;
            }
            std::hint::spin_loop();
        }
        if start.elapsed() >= SPIN {
            return false;
        }
    }
}

/// Sleeps while `word` holds `value`, until woken or `deadline`. Signals that reach a handler interrupt it, as they
/// interrupt a socket's call.
pub(crate) fn sleep(word: &AtomicU32, value: u32, deadline: Deadline) -> io::Result<()> {
    match futex::wait(word, value, deadline.left()?) {
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(io::ErrorKind::WouldBlock.into()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_spins_for_an_unknown_or_the_same_cpu() {
        let turns = Turns::default();
        assert!(!linger(&AtomicU32::new(0), &turns, || true), "unknown");
        let same = AtomicU32::new(this_cpu());
        // This thread may move while it waits; what counts is that it gives up.
        assert!(!linger(&same, &turns, || false), "not for ever");
    }

    #[test]
    fn whoever_waits_for_another_cpu_spins_until_it_is_ready() {
        let elsewhere = AtomicU32::new(u32::MAX);
        let mut looks = 0;
        assert!(linger(&elsewhere, &Turns::default(), || {
            looks += 1;
            looks > 3
        }));
        assert!(!linger(&elsewhere, &Turns::default(), || false), "not for ever");
    }

    #[test]
    fn a_deadline_passes() {
        let deadline = Deadline::after(Some(Duration::from_millis(2)));
        assert!(deadline.left().expect("time is left").is_some());
        let word = AtomicU32::new(1);
        let error = loop {
            if let Err(error) = sleep(&word, 1, deadline) {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert!(Deadline::after(None).left().expect("no deadline").is_none());
    }
}
