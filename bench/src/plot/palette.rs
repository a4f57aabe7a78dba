//! One name and one colour per path, the same in every plot.

use plotters::style::RGBColor;

/// Names, as people write them, and colours that colour-blind people tell apart (Okabe and Ito, "Color Universal Design", 2008).
const KNOWN: [(&str, &str, RGBColor); 5] = [
    ("v4v", "V4V", RGBColor(0, 114, 178)),
    ("tcp", "TCP loopback", RGBColor(213, 94, 0)),
    ("unix", "AF_UNIX", RGBColor(0, 158, 115)),
    ("futex", "bare futex", RGBColor(204, 121, 167)),
    ("split", "TCP over the split driver", RGBColor(230, 159, 0)),
];

/// For paths with other names, such as those of another machine.
const OTHERS: [RGBColor; 3] = [
    RGBColor(86, 180, 233),
    RGBColor(90, 90, 90),
    RGBColor(148, 103, 189),
];

/// The colour of a path.
pub(super) fn colour(path: &str) -> RGBColor {
    known(path).map_or_else(
        || OTHERS[path.bytes().map(usize::from).sum::<usize>() % OTHERS.len()],
        |(_, colour)| colour,
    )
}

/// The name of a path in the legend; that of the samples where we know none.
pub(super) fn label(path: &str) -> &str {
    known(path).map_or(path, |(label, _)| label)
}

fn known(path: &str) -> Option<(&'static str, RGBColor)> {
    KNOWN
        .iter()
        .find(|(name, _, _)| *name == path)
        .map(|(_, label, colour)| (*label, *colour))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_distinct_and_fixed() {
        for (i, (_, _, a)) in KNOWN.iter().enumerate() {
            assert!(KNOWN[i + 1..].iter().all(|(_, _, b)| a != b));
        }
        assert_eq!(colour("tcp"), KNOWN[1].2);
        assert_eq!((label("tcp"), label("elsewhere")), ("TCP loopback", "elsewhere"));
        assert_eq!(colour("elsewhere"), colour("elsewhere"));
    }
}
