//! Results as tables in a terminal.

use crate::sample::Sample;
use crate::sizes::human;
use crate::transport::Path;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};

/// An empty table in our style: the first column to the left, all others to the right.
#[must_use]
pub fn plain(header: &[String]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// A row per size, with the time per message and the throughput of each path, and how much faster `subject` is than each of
/// the others. `time` names the time: "one way", "per message".
#[must_use]
pub fn samples(samples: &[Sample], sizes: &[usize], subject: Path, time: &str) -> Table {
    let paths = paths(samples);
    let others: Vec<&str> = paths
        .iter()
        .copied()
        .filter(|path| *path != subject.name())
        .collect();
    let compared: &[&str] = if others.len() < paths.len() { &others } else { &[] };
    let mut header = vec!["size".to_owned()];
    header.extend(paths.iter().map(|path| format!("{path}\n{time}")));
    header.extend(paths.iter().map(|path| format!("{path}\nMB/s")));
    header.extend(compared.iter().map(|other| format!("{subject} over\n{other}")));
    let mut table = plain(&header);
    for &bytes in sizes {
        let at = |path: &str| {
            samples
                .iter()
                .find(|sample| sample.path == path && sample.bytes == bytes)
        };
        if paths.iter().all(|path| at(path).is_none()) {
            continue;
        }
        let cell = |path: &str, show: fn(&Sample) -> String| at(path).map_or_else(|| "–".to_owned(), show);
        let mut row = vec![human(bytes)];
        row.extend(
            paths
                .iter()
                .map(|path| cell(path, |sample| micros(sample.latency_us))),
        );
        row.extend(
            paths
                .iter()
                .map(|path| cell(path, |sample| number(sample.mb_per_s))),
        );
        row.extend(
            compared
                .iter()
                .map(|other| times_faster(at(subject.name()), at(other))),
        );
        table.add_row(row);
    }
    table
}

/// The paths in order of their first sample.
fn paths(samples: &[Sample]) -> Vec<&str> {
    let mut paths = Vec::new();
    for sample in samples {
        if !paths.contains(&sample.path.as_str()) {
            paths.push(&sample.path);
        }
    }
    paths
}

fn times_faster(subject: Option<&Sample>, other: Option<&Sample>) -> String {
    match (subject, other) {
        (Some(subject), Some(other)) if subject.latency_us > 0.0 => {
            format!("{} ×", number(other.latency_us / subject.latency_us))
        }
        _ => "–".to_owned(),
    }
}

/// A time in the unit that suits it.
#[must_use]
pub fn micros(us: f64) -> String {
    if us < 1000.0 {
        format!("{} µs", number(us))
    } else {
        format!("{} ms", number(us / 1000.0))
    }
}

/// Three significant digits, without an exponent.
#[must_use]
pub fn number(value: f64) -> String {
    match value.abs() {
        v if v < 0.9995 => format!("{value:.3}"),
        v if v < 9.995 => format!("{value:.2}"),
        v if v < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_stand_beside_each_size() {
        let all = [Sample::new("unix", 64, 2e-6, 5), Sample::new("tcp", 64, 6e-6, 5)];
        let text = samples(&all, &[1, 64], Path::Unix, "one way").to_string();
        assert!(text.contains("unix over") && text.contains("3.00 ×"), "{text}");
        assert!(
            text.contains("64 B") && text.contains("2.00 µs") && text.contains("32.0"),
            "{text}"
        );
        assert!(!text.contains("1 B "), "no row without a sample: {text}");
    }

    #[test]
    fn no_ratio_without_the_subject() {
        let all = [Sample::new("tcp", 64, 6e-6, 5)];
        assert!(
            !samples(&all, &[64], Path::Unix, "one way")
                .to_string()
                .contains("over")
        );
    }

    #[test]
    fn numbers_have_three_digits() {
        let shown: Vec<_> = [0.2512, 1.0, 3.456, 34.56, 99.96, 12345.6].map(number).into();
        assert_eq!(shown, ["0.251", "1.00", "3.46", "34.6", "100", "12346"]);
        assert_eq!(micros(1500.0), "1.50 ms");
    }
}
