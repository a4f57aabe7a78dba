//! Debian's programs over V4V, hosted: their results have to be right, and their bytes to have gone over V4V.
//!
//! That they have is certain three times over: the wrapper's mode is `only`, the server's address is no machine's, and `v4vd` counts the
//! connections. Beside each figure stands that of plain TCP over the loopback interface, from the same run. Both depend on the machine and its
//! load, so none is a condition.

mod iperf;
mod memcached;
mod mpi;
mod netpipe;
mod nginx;
mod postgres;
mod redis;
mod rsync;
mod ssh;

use std::sync::{Mutex, PoisonError};
use v4v_wrapper_tests::{Rig, SERVER, Wire};

/// A figure that a program has measured.
struct Figure {
    what: &'static str,
    unit: &'static str,
    value: f64,
}

impl Figure {
    fn new(what: &'static str, unit: &'static str, value: f64) -> Self {
        Self { what, unit, value }
    }
}

/// Runs a program's test over TCP and over V4V, and prints both figures. `calls` is how many connections there are at least.
fn compare(name: &str, calls: u64, run: impl Fn(&Wire, &Scene) -> Vec<Figure>) {
    // One at a time: they would measure each other.
    static ONE: Mutex<()> = Mutex::new(());
    let _turn = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let rig = Rig::new(name);
    let tcp = run(&Wire::Tcp, &Scene { rig: &rig, calls: 0 });
    let scene = Scene { rig: &rig, calls };
    let v4v = run(&Wire::V4v(&rig), &scene);
    for (tcp, v4v) in tcp.iter().zip(&v4v) {
        println!(
            "{name:10} {:34} V4V {:>12.1} {unit:7} TCP {:>12.1} {unit:7} {:.2}",
            v4v.what,
            v4v.value,
            tcp.value,
            v4v.value / tcp.value,
            unit = v4v.unit,
        );
    }
}

/// Where a program's test runs.
struct Scene<'a> {
    rig: &'a Rig,
    calls: u64,
}

impl Scene<'_> {
    /// To be called while the server runs: its domain goes with it, and the counters with the domain.
    fn check_counters(&self) {
        let counted = self.rig.calls_to(SERVER.0);
        assert!(
            counted >= self.calls,
            "{counted} calls over V4V, and there were {} at least",
            self.calls
        );
    }
}

/// The word before `unit`, as a number.
fn number_before(text: &str, unit: &str) -> f64 {
    let before = text.split(unit).next().unwrap_or_default();
    let word = before.split_whitespace().next_back().unwrap_or_default();
    word.parse()
        .unwrap_or_else(|_| panic!("no number before {unit:?} in:\n{text}"))
}

/// The word after `name`, as a number.
fn number_after(text: &str, name: &str) -> f64 {
    let after = text.split(name).nth(1).unwrap_or_default();
    let word = after
        .split(|c: char| c.is_whitespace() || c == ',')
        .find(|w| !w.is_empty());
    word.and_then(|w| w.parse().ok())
        .unwrap_or_else(|| panic!("no number after {name:?} in:\n{text}"))
}

/// Bytes that repeat nowhere soon, the same each time.
fn bytes(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..len.div_ceil(8))
        .flat_map(|_| next().to_le_bytes())
        .take(len)
        .collect()
}
