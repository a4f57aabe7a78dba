//! All pairs on all backends where they hold, reported line by line as Rust's own test harness does.

use crate::backend::NAMES;
use crate::pair::Pair;
use crate::pairs;
use crate::runner::{Outcome, Runner};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread::scope;
use std::time::Instant;

/// A pair on one backend.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The pair.
    pub pair: &'static Pair,
    /// The backend's name.
    pub backend: &'static str,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.pair.name, self.backend)
    }
}

/// Every pair on every backend where its expectation holds.
pub fn cases() -> impl Iterator<Item = Case> {
    pairs::all().flat_map(|pair| {
        let holds = NAMES.iter().filter(|backend| pair.on.holds_on(backend));
        holds.map(move |backend| Case { pair, backend })
    })
}

/// What came of a run.
#[derive(Default)]
struct Tally {
    passed: usize,
    ignored: usize,
    failed: Vec<(Case, String)>,
}

/// Runs `cases`, `jobs` at a time, and prints how each went; whether none failed. `left_out`: cases that were not wanted.
pub fn run(runner: &Runner, cases: &[Case], left_out: usize, jobs: usize) -> bool {
    println!("\nrunning {} tests", cases.len());
    let start = Instant::now();
    let mut tally = Tally::default();
    let next = AtomicUsize::new(0);
    let (tell, outcomes) = channel();
    scope(|scope| {
        for _ in 0..jobs.max(1) {
            let (tell, next) = (tell.clone(), &next);
            scope.spawn(move || {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = runner.run(case.pair, case.backend);
                    // The receiver outlives all senders.
                    let _ = tell.send((*case, outcome));
                }
            });
        }
        drop(tell);
        outcomes
            .iter()
            .for_each(|(case, outcome)| tally.add(case, outcome));
    });
    tally.close(left_out, start)
}

impl Tally {
    fn add(&mut self, case: Case, outcome: Outcome) {
        match outcome {
            Outcome::Passed => {
                self.passed += 1;
                println!("test {case} ... ok");
            }
            Outcome::Ignored(why) => {
                self.ignored += 1;
                println!("test {case} ... ignored, {why}");
            }
            Outcome::Failed(why) => {
                println!("test {case} ... FAILED");
                self.failed.push((case, why));
            }
        }
    }

    /// Prints what the failed ones said and the closing line; whether none failed.
    fn close(&self, left_out: usize, start: Instant) -> bool {
        if !self.failed.is_empty() {
            println!("\nfailures:\n");
        }
        for (case, why) in &self.failed {
            println!("---- {case}: {} ----\n{why}", case.pair.about);
        }
        println!(
            "\ntest result: {}. {} passed; {} failed; {} ignored; 0 measured; {left_out} filtered out; finished in {:.2}s\n",
            if self.failed.is_empty() { "ok" } else { "FAILED" },
            self.passed,
            self.failed.len(),
            self.ignored,
            start.elapsed().as_secs_f32(),
        );
        self.failed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_pairs_have_one_name() {
        let names: HashSet<_> = pairs::all().map(|pair| pair.name).collect();
        assert_eq!(names.len(), pairs::all().count());
    }

    #[test]
    fn every_expectation_is_checked_on_its_references() {
        let backends = |name: &str| -> Vec<_> {
            cases()
                .filter(|case| case.pair.name == name)
                .map(|case| case.backend)
                .collect()
        };
        let with_v4v = |references: &[&'static str]| -> Vec<_> {
            NAMES
                .iter()
                .copied()
                .filter(|name| references.contains(name) || *name == "v4v")
                .collect()
        };
        assert_eq!(backends("echo"), with_v4v(&["tcp", "unix"]));
        assert_eq!(backends("addresses"), with_v4v(&["tcp"]));
        assert_eq!(backends("dgram_flow"), with_v4v(&["unix"]));
        assert_eq!(backends("connect_nowhere"), with_v4v(&[]));
    }
}
