//! Taking turns on one CPU: the waiter lets the other side run by yielding, not by going to sleep.
//!
//! Where both sides run on the same CPU, sleeping costs two system calls a message: the sender's to wake, the receiver's to
//! sleep. A yield is one, and the sender finds nobody to wake. But a yield also lets any third process run for a time slice
//! of milliseconds, and the scheduler counts it as the yielder's own wish. So slow turns are noticed and followed by
//! many waits without a yield, the more of them the oftener it happens.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A turn that took longer was given to somebody else: two switches and a message take a few µs, a time slice milliseconds.
const SLOW: Duration = Duration::from_micros(300);
/// Waits without a yield after a slow turn: at least, some 0.3 ms of ping-pong.
const PENALTY_MIN: u32 = 256;
/// The same, at most: some 0.1 s of ping-pong, beside which one lost slice is a few per cent.
const PENALTY_MAX: u32 = 1 << 16;

/// What one direction of a connection has learnt about yielding.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// Waits that are still to pass without a yield.
    skip: AtomicU32,
    /// How many those were last time; each good turn takes one off.
    penalty: AtomicU32,
}

impl Turns {
    /// Lets others run once, unless that has lately been slow. Whether `ready` is true afterwards.
    pub(crate) fn take(&self, mut ready: impl FnMut() -> bool) -> bool {
        let skip = self.skip.load(Ordering::Relaxed);
        if skip > 0 {
            self.skip.store(skip - 1, Ordering::Relaxed);
            return false;
        }
        let start = Instant::now();
        std::thread::yield_now();
        self.judge(start.elapsed());
        ready()
    }

    fn judge(&self, took: Duration) {
        let penalty = self.penalty.load(Ordering::Relaxed);
        if took > SLOW {
            let longer = penalty.saturating_mul(2).clamp(PENALTY_MIN, PENALTY_MAX);
            self.penalty.store(longer, Ordering::Relaxed);
            self.skip.store(longer, Ordering::Relaxed);
        } else if penalty > 0 {
            self.penalty.store(penalty - 1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skipped(turns: &Turns) -> u32 {
        let mut count = 0;
        while !turns.take(|| true) {
            count += 1;
        }
        count
    }

    #[test]
    fn slow_turns_are_followed_by_waits_without_and_good_ones_are_forgiven() {
        assert_eq!(skipped(&Turns::default()), 0, "nothing is known against it");
        let turns = Turns::default();
        turns.judge(SLOW * 2);
        assert_eq!(turns.skip.load(Ordering::Relaxed), PENALTY_MIN);
        for _ in 0..40 {
            turns.judge(SLOW * 2);
        }
        assert_eq!(turns.skip.load(Ordering::Relaxed), PENALTY_MAX);
        turns.judge(Duration::ZERO);
        assert_eq!(turns.penalty.load(Ordering::Relaxed), PENALTY_MAX - 1);
    }

    #[test]
    fn a_penalty_ends() {
        let turns = Turns::default();
        turns.judge(SLOW * 2);
        assert_eq!(skipped(&turns), PENALTY_MIN);
    }
}
