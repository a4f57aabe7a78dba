//! The programs' figures over both paths, side by side.

use super::measure::{Path, Row};
use super::programs::Better;
use std::fmt::Write as _;

/// One line for each figure that both paths have. A ratio above 1 says that V4V is better.
pub(super) fn of(rows: &[Row]) -> String {
    let mut text = format!(
        "{:<16} {:<28} {:>14} {:>14} {:>8}\n",
        "program", "figure", "split driver", "V4V", "better"
    );
    for v4v in rows.iter().filter(|row| row.path == Path::V4v) {
        let same = |row: &&Row| {
            row.path == Path::Split && row.program == v4v.program && row.figure.name == v4v.figure.name
        };
        let Some(split) = rows.iter().find(same) else {
            continue;
        };
        let (ours, theirs) = (v4v.figure.value, split.figure.value);
        let ratio = match v4v.figure.better {
            Better::More => ours / theirs,
            Better::Less => theirs / ours,
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:<16} {:<28} {theirs:>14.1} {ours:>14.1} {ratio:>7.2}x",
            v4v.program, v4v.figure.name
        );
    }
    text
}
