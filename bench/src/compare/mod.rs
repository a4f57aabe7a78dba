//! Two revisions of the source tree against each other.
//!
//! Each is built in a worktree of its own under `target/compare/`, which stays there for the next time, and gets a daemon of its
//! own. Then both take turns at the same benchmark, who goes first changing from round to round; every round gives one figure
//! per path and size. A permutation test tells how often chance alone would part them as far.

mod revision;

use crate::sample::Sample;
use crate::stats::{median, permutation_test};
use crate::table::{self, micros};
use comfy_table::Table;
use revision::{Revision, output};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Result;
use std::path::PathBuf;
use std::process::Command;

/// p-values below this count as a difference: one false alarm in a hundred comparisons.
pub const SIGNIFICANT: f64 = 0.01;

/// Differences below this part are too small to matter, however certain.
pub const RELEVANT: f64 = 0.01;

/// How the second revision compares with the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// B takes less time.
    Faster,
    /// B takes more time.
    Slower,
    /// They differ for certain, but by less than [`RELEVANT`].
    Negligible,
    /// Chance explains what difference there is.
    NoDifference,
}

/// The comparison at one size over one path.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// What carried the messages.
    pub path: String,
    /// Length of a message.
    pub bytes: usize,
    /// Median time per message of revision A, in microseconds.
    pub a_us: f64,
    /// The same of revision B.
    pub b_us: f64,
    /// B's time over A's: below 1 where B is faster.
    pub ratio: f64,
    /// How often chance alone would part them as far.
    pub p: f64,
    /// What follows.
    pub verdict: Verdict,
    /// Rounds.
    pub runs: usize,
}

impl Comparison {
    /// Compares times per message, in microseconds.
    #[must_use]
    pub fn new(path: &str, bytes: usize, a: &[f64], b: &[f64]) -> Self {
        let (a_us, b_us, p) = (median(a), median(b), permutation_test(a, b));
        let ratio = if a_us > 0.0 { b_us / a_us } else { 1.0 };
        let verdict = match ratio {
            _ if p >= SIGNIFICANT => Verdict::NoDifference,
            _ if (ratio - 1.0).abs() < RELEVANT => Verdict::Negligible,
            _ if ratio < 1.0 => Verdict::Faster,
            _ => Verdict::Slower,
        };
        Self {
            path: path.to_owned(),
            bytes,
            a_us,
            b_us,
            ratio,
            p,
            verdict,
            runs: a.len().min(b.len()),
        }
    }

    fn sentence(&self) -> String {
        match self.verdict {
            Verdict::Faster => format!("B is faster by {:.1} %", (1.0 - self.ratio) * 100.0),
            Verdict::Slower => format!("B is slower by {:.1} %", (self.ratio - 1.0) * 100.0),
            Verdict::Negligible => "differs by less than 1 %".to_owned(),
            Verdict::NoDifference => "no difference shown".to_owned(),
        }
    }
}

/// Times of one revision, by path and size.
type Times = BTreeMap<(String, usize), Vec<f64>>;

/// Builds both revisions (`.`: the tree as it stands), lets them take turns `rounds` times at the benchmark that `arguments` name,
/// and compares. `note` hears what goes on.
///
/// # Errors
/// Where git, cargo or a benchmark fails.
pub fn run(
    revisions: [&str; 2],
    arguments: &[String],
    rounds: usize,
    mut note: impl FnMut(&str),
) -> Result<Vec<Comparison>> {
    let root = PathBuf::from(output(Command::new("git").args(["rev-parse", "--show-toplevel"]))?.trim());
    // Before minutes go into building the first.
    for revision in revisions {
        revision::check(&root, revision)?;
    }
    let mut ready = Vec::new();
    for revision in revisions {
        note(&format!("building {revision}"));
        ready.push(Revision::build(&root, revision)?);
    }
    let mut times = [Times::new(), Times::new()];
    for round in 0..rounds {
        for turn in 0..2 {
            let which = (round + turn) % 2;
            note(&format!("round {} of {rounds}: {}", round + 1, revisions[which]));
            measure(&ready[which], arguments, &mut times[which])?;
        }
    }
    Ok(compare(&times))
}

fn compare([a, b]: &[Times; 2]) -> Vec<Comparison> {
    let both = a.iter().filter_map(|(key, a)| b.get(key).map(|b| (key, a, b)));
    both.map(|((path, bytes), a, b)| Comparison::new(path, *bytes, a, b))
        .collect()
}

fn measure(revision: &Revision, arguments: &[String], times: &mut Times) -> Result<()> {
    let text = output(revision.benchmark().args(arguments).arg("--json"))?;
    for line in text.lines() {
        let sample: Sample = serde_json::from_str(line)?;
        times
            .entry((sample.path, sample.bytes))
            .or_default()
            .push(sample.latency_us);
    }
    Ok(())
}

/// The table of comparisons.
#[must_use]
pub fn show(comparisons: &[Comparison], revisions: [&str; 2]) -> Table {
    let [a, b] = revisions.map(str::to_owned);
    let columns = [
        "path",
        "bytes",
        &format!("A: {a}"),
        &format!("B: {b}"),
        "B / A",
        "p",
        "verdict",
    ];
    let mut table = table::plain(&columns.map(str::to_owned));
    for comparison in comparisons {
        table.add_row([
            comparison.path.clone(),
            comparison.bytes.to_string(),
            micros(comparison.a_us),
            micros(comparison.b_us),
            format!("{:.3}", comparison.ratio),
            format!("{:.4}", comparison.p),
            comparison.sentence(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(middle: f64) -> Vec<f64> {
        (0..10).map(|i| middle * (1.0 + f64::from(i) * 1e-4)).collect()
    }

    #[test]
    fn verdicts_need_both_certainty_and_size() {
        let verdict = |a, b| Comparison::new("v4v", 1, &around(a), &around(b)).verdict;
        assert_eq!(verdict(1.0, 0.9), Verdict::Faster);
        assert_eq!(verdict(1.0, 1.1), Verdict::Slower);
        assert_eq!(verdict(1.0, 1.005), Verdict::Negligible);
        assert_eq!(verdict(1.0, 1.0), Verdict::NoDifference);
    }

    #[test]
    fn three_rounds_are_too_few_for_a_verdict() {
        let few = Comparison::new("v4v", 1, &[1.0, 1.1, 1.2], &[5.0, 5.1, 5.2]);
        assert_eq!(few.verdict, Verdict::NoDifference);
        assert!(few.p >= 0.1);
    }

    #[test]
    fn only_what_both_measured_is_compared() {
        let times = |key: (&str, usize)| Times::from([((key.0.to_owned(), key.1), around(1.0))]);
        assert!(compare(&[times(("v4v", 1)), times(("v4v", 2))]).is_empty());
        let same = compare(&[times(("v4v", 1)), times(("v4v", 1))]);
        assert_eq!(same.len(), 1);
        let text = show(&same, ["main", "."]).to_string();
        assert!(
            text.contains("A: main") && text.contains("no difference shown"),
            "{text}"
        );
    }
}
