//! What descriptors go through in real programs, on plain TCP and through the wrapper: the same program, the same expectations.

use std::process::Command;
use std::time::Duration;
use v4v_wrapper_tests::{Rig, SERVER, Wire, finish_within, output};

/// The program that plays the cases.
const PROGRAM: &str = env!("CARGO_BIN_EXE_wrapper-case");

/// How long a case may take; the longest takes seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs all of them; the failures, each with its words.
fn run(wire: &Wire, carrier: &str) -> Vec<String> {
    let names = output(Command::new(PROGRAM).arg("list"));
    assert!(names.lines().count() > 40, "{names}");
    let mut failures = Vec::new();
    for name in names.lines() {
        let (code, text) = finish_within(wire.server(PROGRAM).args([name, wire.host(), carrier]), PATIENCE);
        if code != Some(0) {
            failures.push(format!("{name} over {carrier}: exit code {code:?}\n{text}"));
        }
    }
    println!("{} cases over {carrier}", names.lines().count());
    failures
}

#[test]
fn on_tcp() {
    let failures = run(&Wire::Tcp, "tcp");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn through_the_wrapper() {
    let rig = Rig::new("cases");
    assert_eq!(SERVER.1, Wire::V4v(&rig).host());
    let failures = run(&Wire::V4v(&rig), "v4v");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
