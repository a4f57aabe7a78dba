//! System calls of a program that has nothing to do with V4V: as many with the wrapper as without, but for those when it starts.
//!
//! strace counts them. The program does a number of rounds; what a round costs is the difference between many rounds and few.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use v4v_wrapper_tests::{Rig, Wire, output};

/// The program that does rounds.
const PROGRAM: &str = env!("CARGO_BIN_EXE_wrapper-rounds");
/// Rounds, few and many: the first may find what is done once.
const FEW: u32 = 5;
const MANY: u32 = 105;

/// Calls by name, in so many rounds. `listen` is the policy's.
fn calls(wire: &Wire, rig: &Rig, rounds: u32) -> BTreeMap<String, i64> {
    let report = rig.folder().join("strace");
    let mut traced = wire.server("strace");
    traced
        .args(["-f", "-c", "-o"])
        .arg(&report)
        .arg(PROGRAM)
        .arg(rounds.to_string());
    // The wrapper is in strace too, whose calls are not counted.
    output(traced.env("V4V_WRAPPER_LISTEN", "none"));
    let text = fs::read_to_string(report).expect("a report");
    // % time, seconds, usecs/call, calls, errors if there were, name.
    let rows = text.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let calls = words.get(3)?.parse().ok()?;
        let name = words.last()?;
        (*name != "total").then(|| ((*name).to_owned(), calls))
    });
    rows.collect()
}

fn per_rounds(wire: &Wire, rig: &Rig) -> BTreeMap<String, i64> {
    let few = calls(wire, rig, FEW);
    let mut more = calls(wire, rig, MANY);
    for (name, count) in few {
        *more.entry(name).or_default() -= count;
    }
    more.retain(|_, count| *count != 0);
    more
}

#[test]
fn a_program_without_peers_makes_no_more_calls() {
    let rig = Rig::new("cost");
    assert!(
        Command::new("strace").arg("-V").output().is_ok(),
        "Debian's package strace"
    );
    let plain = per_rounds(&Wire::Tcp, &rig);
    let wrapped = per_rounds(&Wire::V4v(&rig), &rig);
    println!("{} rounds: {plain:?}", MANY - FEW);
    assert!(
        plain["connect"] == i64::from(MANY - FEW) && plain.len() > 15,
        "{plain:?}"
    );
    assert_eq!(plain, wrapped);
}
