//! What was measured, and how a person reads it.

use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// One size on one path.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Figure {
    /// `v4v` or `split`.
    pub(super) path: String,
    /// Bytes of a message.
    pub(super) bytes: u64,
    /// Microseconds one way.
    pub(super) latency_us: f64,
    /// 10^6 bytes a second, one way.
    pub(super) mb_per_s: f64,
    /// Pairs of guests that measured at once.
    #[serde(default = "one")]
    pub(super) pairs: u32,
}

fn one() -> u32 {
    1
}

/// The sizes that both paths have, side by side.
pub(super) fn table(figures: &[Figure]) -> String {
    let mut text = format!(
        "{:>9} {:>12} {:>12} {:>8} {:>12} {:>12} {:>8}\n",
        "bytes", "v4v µs", "split µs", "ratio", "v4v MB/s", "split MB/s", "ratio"
    );
    let alone = || figures.iter().filter(|figure| figure.pairs == 1);
    for v4v in alone().filter(|figure| figure.path == "v4v") {
        let same = |figure: &&Figure| figure.path == "split" && figure.bytes == v4v.bytes;
        let Some(split) = alone().find(same) else {
            continue;
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:>9} {:>12.1} {:>12.1} {:>8.2} {:>12.2} {:>12.2} {:>8.2}",
            v4v.bytes,
            v4v.latency_us,
            split.latency_us,
            v4v.latency_us / split.latency_us,
            v4v.mb_per_s,
            split.mb_per_s,
            v4v.mb_per_s / split.mb_per_s
        );
    }
    text
}

/// What several pairs reached, beside one; empty where there were not several.
pub(super) fn together(figures: &[Figure]) -> String {
    let Some(first) = figures.iter().position(|figure| figure.pairs > 1) else {
        return String::new();
    };
    // One pair was measured just before two.
    let Some(one) = first.checked_sub(1).and_then(|at| figures.get(at)) else {
        return String::new();
    };
    let mut text = format!(
        "{:>6} {:>9} {:>12} {:>12} {:>8}\n",
        "pairs", "bytes", "v4v µs", "v4v MB/s", "ratio"
    );
    for row in std::iter::once(one).chain(&figures[first..]) {
        let _ = writeln!(
            text,
            "{:>6} {:>9} {:>12.1} {:>12.2} {:>8.2}",
            row.pairs,
            row.bytes,
            row.latency_us,
            row.mb_per_s,
            row.mb_per_s / one.mb_per_s
        );
    }
    text
}
