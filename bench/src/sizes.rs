//! The message sizes of a NetPIPE sweep.
//!
//! NetPIPE (Snell, Mikler, Gustafson: "NetPIPE: a network protocol independent performance evaluator", 1996) walks
//! over the powers of two and the points half-way between them, and tries each with a few bytes less and more, because
//! many paths stumble over lengths that are off their alignment or just over a buffer.

use crate::netpipe::MAX_MESSAGE;

/// NetPIPE's default distance of the neighbours, in bytes.
pub const PERTURBATION: usize = 3;

/// The longest unperturbed message of a sweep.
pub const LONGEST: usize = 16 << 20;

const _: () = assert!(LONGEST + PERTURBATION <= MAX_MESSAGE);

/// From this size on the step to the next size exceeds the perturbation, so the neighbours do not overlap.
const FIRST_PERTURBED: usize = 16;

/// 1, 2, 3, 4, 6, 8, 12, 16, 24, … : powers of two and the points between, up to and including `longest`.
#[must_use]
pub fn base(longest: usize) -> Vec<usize> {
    let powers = (0..usize::BITS - 1).map(|bit| 1_usize << bit);
    let both = powers.flat_map(|power| [power, power + power / 2]);
    let mut sizes: Vec<usize> = both.take_while(|&size| size <= longest).collect();
    sizes.dedup();
    sizes
}

/// The sizes of [`base`], those from 16 B on also less and plus `perturbation` bytes (0: unperturbed).
#[must_use]
pub fn netpipe(longest: usize, perturbation: usize) -> Vec<usize> {
    let around = |size: usize| {
        let shift = if size < FIRST_PERTURBED { 0 } else { perturbation };
        [size - shift, size, size + shift]
    };
    let mut sizes: Vec<usize> = base(longest).into_iter().flat_map(around).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

/// The powers of four up to `longest`: few enough to print.
#[must_use]
pub fn short(longest: usize) -> Vec<usize> {
    (0..usize::BITS / 2)
        .map(|i| 1_usize << (2 * i))
        .take_while(|&size| size <= longest)
        .collect()
}

/// A size as people write it: `512 B`, `64 KiB`, `16 MiB`, `16 MiB + 3`.
#[must_use]
pub fn human(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        _ if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} B"),
    }
}

/// Reads a size such as `64`, `64K`, `64KiB` or `1M`.
///
/// # Errors
/// A message for the user, naming the text and the limit.
pub fn parse(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match text[digits.len()..].trim() {
        "" | "B" => 1,
        "K" | "k" | "KiB" => 1 << 10,
        "M" | "m" | "MiB" => 1 << 20,
        other => return Err(format!("unknown unit '{other}' (use none, K or M)")),
    };
    let size = digits.parse::<usize>().ok().and_then(|n| n.checked_mul(unit));
    match size {
        Some(size @ 1..=MAX_MESSAGE) => Ok(size),
        _ => Err(format!("'{text}' is not a size from 1 to {MAX_MESSAGE} bytes")),
    }
}

/// Reads a perturbation.
///
/// # Errors
/// A message for the user, naming the limit.
pub fn parse_perturbation(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes @ 0..=7) => Ok(bytes),
        _ => Err("a number from 0 to 7: the neighbours of 16 B and 24 B would meet".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_sizes_are_powers_of_two_and_half_way() {
        assert_eq!(base(64), [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]);
        assert_eq!(base(LONGEST).last(), Some(&LONGEST));
    }

    #[test]
    fn perturbations_are_minus_three_zero_and_plus_three() {
        let sizes = netpipe(64, PERTURBATION);
        let expected = [
            1, 2, 3, 4, 6, 8, 12, 13, 16, 19, 21, 24, 27, 29, 32, 35, 45, 48, 51, 61, 64, 67,
        ];
        assert_eq!(sizes, expected);
        assert_eq!(netpipe(64, 0), base(64));
    }

    #[test]
    fn full_sweep_ends_around_16_mib_and_has_130_sizes() {
        let sizes = netpipe(LONGEST, PERTURBATION);
        assert_eq!(sizes[sizes.len() - 3..], [16_777_213, 16_777_216, 16_777_219]);
        assert_eq!(
            (sizes.len(), base(LONGEST).len()),
            (130, 48),
            "as v4v netpipe --help says"
        );
        assert!(sizes.is_sorted_by(|a, b| a < b), "ascending, none twice");
    }

    #[test]
    fn short_sizes_and_human_names() {
        assert_eq!(short(64), [1, 4, 16, 64]);
        assert_eq!(short(LONGEST).len(), 13);
        assert_eq!(human(64), "64 B");
        assert_eq!(human(65_536), "64 KiB");
        assert_eq!(human(LONGEST), "16 MiB");
        assert_eq!(human(65_539), "65539 B");
    }

    #[test]
    fn sizes_are_read_with_units_and_limits() {
        assert_eq!(parse("64K"), Ok(65_536));
        assert_eq!(parse("1MiB"), Ok(1 << 20));
        assert_eq!(parse("16777219"), Ok(16_777_219));
        for bad in ["", "0", "K", "-1", "1G", "99999999999999999999M", "65M"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
