//! How much to measure: sizes, runs, and repetitions that fit the time there is.

use crate::sizes;
use std::time::Duration;

/// What a sweep is to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Message sizes in bytes, in the order of measurement.
    pub sizes: Vec<usize>,
    /// Runs at each size; the median is reported.
    pub runs: usize,
    /// Time for one path. Overdrawn only where a single round per run already takes longer.
    pub budget: Duration,
}

impl Plan {
    /// NetPIPE's sizes from 1 B to 16 MiB, ±3; five runs; 30 s a path, so that three paths take a minute and a half.
    #[must_use]
    pub fn full() -> Self {
        let sizes = sizes::netpipe(sizes::LONGEST, sizes::PERTURBATION);
        Self {
            sizes,
            runs: 5,
            budget: Duration::from_secs(30),
        }
    }

    /// Number of batches on each path.
    #[must_use]
    pub fn batches(&self) -> usize {
        self.sizes.len() * self.runs
    }

    /// A pace that spreads the budget evenly over all batches.
    #[must_use]
    pub fn pace(&self) -> Pace {
        Pace {
            left: self.budget,
            batches: self.batches(),
            slice: None,
            known: FIRST_GUESS,
        }
    }
}

/// The time of a round at 1 B before anything is known: slower than any path on one machine.
const FIRST_GUESS: (usize, f64) = (1, 200e-6);

/// Chooses the repetitions of the next batch from the time of the last.
#[derive(Clone, Debug)]
pub struct Pace {
    left: Duration,
    batches: usize,
    slice: Option<Duration>,
    /// Bytes and seconds of a round in the last batch.
    known: (usize, f64),
}

impl Pace {
    /// A pace at which every batch takes about `slice`, however many there are.
    #[must_use]
    pub const fn even(slice: Duration) -> Self {
        Self {
            left: Duration::ZERO,
            batches: 0,
            slice: Some(slice),
            known: FIRST_GUESS,
        }
    }

    /// Rounds of `bytes` bytes each way that fit the next batch, at least one.
    ///
    /// A longer message than the last is taken to need time in proportion, which it never exceeds by much; a shorter one
    /// to need as much as the last.
    #[must_use]
    pub fn rounds(&self, bytes: usize) -> u64 {
        let slice = self.slice.unwrap_or(self.left / self.batches.max(1) as u32);
        let growth = (bytes as f64 / self.known.0 as f64).max(1.0);
        ((slice.as_secs_f64() / (self.known.1 * growth)) as u64).max(1)
    }

    /// Goes on from a warm-up, which has found out how long a round takes and has used `whole` of the budget.
    pub fn follow(&mut self, warm_up: &Self, whole: Duration) {
        self.known = warm_up.known;
        self.left = self.left.saturating_sub(whole);
    }

    /// Learns from a batch: what its rounds took, and what the whole of it took from the budget.
    pub fn learn(&mut self, bytes: usize, rounds: u64, elapsed: Duration, whole: Duration) {
        self.known = (bytes, (elapsed.as_secs_f64() / rounds.max(1) as f64).max(1e-9));
        self.left = self.left.saturating_sub(whole);
        self.batches = self.batches.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_full_plan_keeps_three_paths_under_two_minutes() {
        assert!(Plan::full().budget * 3 < Duration::from_secs(120));
    }

    #[test]
    fn rounds_fill_the_slice_once_the_speed_is_known() {
        let mut pace = Pace::even(MS);
        assert_eq!(pace.rounds(1), 5);
        pace.learn(1, 1000, MS, MS);
        assert!((999..=1001).contains(&pace.rounds(1)));
        assert!(
            (99..=101).contains(&pace.rounds(10)),
            "in proportion to the length"
        );
    }

    #[test]
    fn an_overdrawn_batch_shortens_the_rest() {
        let plan = Plan {
            sizes: vec![1, 2],
            runs: 1,
            budget: 10 * MS,
        };
        let mut pace = plan.pace();
        pace.learn(1, 10, 8 * MS, 8 * MS);
        assert_eq!(pace.rounds(1), 2, "2 ms left at 0.8 ms a round");
        pace.learn(1, 10, 80 * MS, 80 * MS);
        assert_eq!(pace.rounds(1), 1, "never none");
    }
}
