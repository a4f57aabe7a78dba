//! The sentence above the curves: how fast the subject is, and how many times as fast as each of the others.

use super::palette::label;
use crate::sample::{MEGABYTE, Sample};
use crate::sizes::human;
use crate::table::{micros, number};

/// The sentence; empty without samples of the subject. Those from `elsewhere` are not in it.
pub(super) fn of(samples: &[Sample], subject: &str, elsewhere: &[String]) -> String {
    let ours = || samples.iter().filter(|sample| sample.path == subject);
    let (Some(least), Some(peak)) = (ours().min_by_key(|sample| sample.bytes), peak(ours())) else {
        return String::new();
    };
    let mut others: Vec<&str> = samples
        .iter()
        .map(|sample| sample.path.as_str())
        .filter(|path| *path != subject && !elsewhere.iter().any(|other| other == path))
        .collect();
    others.sort_unstable();
    others.dedup();
    let of = |path: &str| {
        samples
            .iter()
            .filter(move |s| s.path == path)
            .cloned()
            .collect::<Vec<_>>()
    };
    let quicker = others.iter().filter_map(|path| {
        let theirs = of(path);
        let same = theirs.iter().find(|sample| sample.bytes == least.bytes)?;
        times(path, same.latency_us / least.latency_us)
    });
    let stronger = others.iter().filter_map(|path| {
        let theirs = of(path);
        times(path, peak_of(&theirs)?.mb_per_s.recip() * peak.mb_per_s)
    });
    format!(
        "{}: {} in {}{};  at most {} GB/s{}",
        label(subject),
        human(least.bytes),
        micros(least.latency_us),
        bracketed(quicker),
        number(peak.mb_per_s * MEGABYTE / 1e9),
        bracketed(stronger),
    )
}

fn peak_of(samples: &[Sample]) -> Option<&Sample> {
    peak(samples.iter())
}

fn peak<'a>(samples: impl Iterator<Item = &'a Sample>) -> Option<&'a Sample> {
    samples.max_by(|a, b| a.mb_per_s.total_cmp(&b.mb_per_s))
}

fn times(path: &str, factor: f64) -> Option<String> {
    factor
        .is_finite()
        .then(|| format!("{} × {}", number(factor), label(path)))
}

fn bracketed(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!(" ({})", parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_has_both_ratios() {
        let all = [
            Sample::new("v4v", 1, 0.25e-6, 5),
            Sample::new("v4v", 1_000_000, 1e-4, 5),
            Sample::new("tcp", 1, 25e-6, 5),
            Sample::new("tcp", 1_000_000, 4e-4, 5),
        ];
        assert_eq!(
            of(&all, "v4v", &[]),
            "V4V: 1 B in 0.250 µs (100 × TCP loopback);  at most 10.0 GB/s (4.00 × TCP loopback)"
        );
        let elsewhere = ["tcp".to_owned()];
        assert_eq!(of(&all, "v4v", &elsewhere), of(&all[..2], "v4v", &[]));
        assert_eq!(
            of(&all[..2], "v4v", &[]),
            "V4V: 1 B in 0.250 µs;  at most 10.0 GB/s"
        );
        assert_eq!(of(&all, "unix", &[]), "");
    }
}
