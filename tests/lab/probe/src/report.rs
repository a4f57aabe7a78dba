//! Clauses, what was expected, what came.

use clap::ValueEnum;
use std::fmt::Debug;

/// Whose Argo answers.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Whose {
    /// Upstream Xen's, in C
    Upstream,
    /// Our extension
    Ours,
}

/// The score.
pub(crate) struct Report {
    whose: Whose,
    passed: usize,
    deviations: usize,
    failed: usize,
}

impl Report {
    pub(crate) fn new(whose: Whose) -> Self {
        Self {
            whose,
            passed: 0,
            deviations: 0,
            failed: 0,
        }
    }

    /// A clause on which both agree.
    pub(crate) fn expect<T: Debug + PartialEq>(&mut self, clause: &str, got: T, wanted: T) {
        if got == wanted {
            self.passed += 1;
            println!("ok      {clause}: {got:?}");
        } else {
            self.failed += 1;
            println!("FAILED  {clause}: {got:?}, expected {wanted:?}");
        }
    }

    /// A documented deviation: the two give different answers, and each its own.
    pub(crate) fn deviation<T: Debug + PartialEq>(&mut self, clause: &str, got: T, upstream: T, ours: T) {
        assert!(upstream != ours, "{clause}: no deviation");
        self.deviations += 1;
        let wanted = if self.whose == Whose::Ours { ours } else { upstream };
        self.expect(&format!("deviation: {clause}"), got, wanted);
    }

    /// Prints the score; whether every answer was as expected.
    pub(crate) fn close(&self) -> bool {
        println!(
            "{} clauses as expected, {} not; {} are deviations",
            self.passed, self.failed, self.deviations
        );
        self.failed == 0
    }
}
