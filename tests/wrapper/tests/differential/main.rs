//! Sequences of socket calls, generated, on plain TCP and through the wrapper: every result and every errno is compared.
//!
//! A sequence is compared up to its end, or up to a result that differs by design ([`differences`]): from there on the two are in
//! different states.

mod actor;
mod differences;
mod sequences;

use actor::Actor;
use proptest::test_runner::{Config, TestCaseError, TestRng, TestRunner};
use std::cell::RefCell;
use v4v_wrapper_tests::script::Call;
use v4v_wrapper_tests::{Rig, Wire};

/// Sequences that are run unless PROPTEST_CASES says otherwise: then they are others each time.
const SEQUENCES: u32 = 400;
/// Of the calls that are generated, how many are compared at least, in a hundred: what differs by design must not hide the rest.
const COMPARED_LEAST: usize = 60;

struct Both {
    tcp: Actor,
    v4v: Actor,
    calls: usize,
    compared: usize,
    by_design: Vec<usize>,
}

#[test]
fn every_result_is_tcps() {
    let rig = Rig::new("differential");
    let both = RefCell::new(Both {
        tcp: Actor::start(&Wire::Tcp),
        v4v: Actor::start(&Wire::V4v(&rig)),
        calls: 0,
        compared: 0,
        by_design: vec![0; differences::ALL.len()],
    });
    let wanted: Option<u32> = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok());
    let config = Config {
        cases: wanted.unwrap_or(SEQUENCES),
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..Config::default()
    };
    // Who asks for a number wants new sequences; without, every run has the same, so that none fails for what another change did not do.
    let mut runner = match wanted {
        Some(_) => TestRunner::new(config),
        None => {
            let same = TestRng::deterministic_rng(config.rng_algorithm);
            TestRunner::new_with_rng(config, same)
        }
    };
    let outcome = runner.run(&sequences::sequence(), |calls| both.borrow_mut().compare(&calls));
    let both = both.into_inner();
    if let Err(error) = outcome {
        panic!("{error}");
    }
    println!(
        "{} calls, {} compared; sequences that ended with a difference by design:",
        both.calls, both.compared
    );
    for (difference, count) in differences::ALL.iter().zip(both.by_design) {
        println!("{count:6} {}", difference.why);
    }
    assert!(
        both.compared * 100 >= both.calls * COMPARED_LEAST,
        "{} of {} compared",
        both.compared,
        both.calls
    );
}

impl Both {
    fn compare(&mut self, calls: &[Call]) -> Result<(), TestCaseError> {
        let mut told = String::new();
        self.calls += calls.len();
        let mut outcome = Ok(());
        for call in calls {
            let (tcp, v4v) = (self.tcp.ask(call), self.v4v.ask(call));
            told.push_str(&format!("  {call:32} TCP: {tcp:44} V4V: {v4v}\n"));
            if tcp == v4v {
                self.compared += 1;
                continue;
            }
            match differences::ALL.iter().position(|d| d.is_it(*call, &tcp, &v4v)) {
                Some(at) => self.by_design[at] += 1,
                None => outcome = Err(TestCaseError::fail(format!("they differ:\n{told}"))),
            }
            break;
        }
        self.tcp.end();
        self.v4v.end();
        outcome
    }
}
