//! The last lines of a console, for a person who wants to know why.

use std::fs;
use std::path::Path;

/// Lines shown of one console.
const LINES: usize = 40;

/// The end of a log file, under its name.
pub(crate) fn tail(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let text = text.unwrap_or_else(|error| format!("{error}"));
    last_lines(&log.display().to_string(), &text)
}

/// The end of a text, under a title.
pub(crate) fn last_lines(title: &str, text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    let shown = &lines[lines.len().saturating_sub(LINES)..];
    format!("---- the end of {title}\n{}\n----", shown.join("\n"))
}
