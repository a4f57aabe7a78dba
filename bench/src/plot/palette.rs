//! One colour per path, the same in every plot.

use plotters::style::RGBColor;

/// Colours that colour-blind people tell apart (Okabe and Ito, "Color Universal Design", 2008).
const KNOWN: [(&str, RGBColor); 4] = [
    ("v4v", RGBColor(0, 114, 178)),
    ("tcp", RGBColor(213, 94, 0)),
    ("unix", RGBColor(0, 158, 115)),
    ("futex", RGBColor(204, 121, 167)),
];

/// For paths with other names, such as those of another machine.
const OTHERS: [RGBColor; 4] = [
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(90, 90, 90),
    RGBColor(148, 103, 189),
];

/// The colour of a path.
pub(super) fn colour(path: &str) -> RGBColor {
    let known = KNOWN.iter().find(|(name, _)| *name == path);
    known.map_or_else(
        || OTHERS[path.bytes().map(usize::from).sum::<usize>() % OTHERS.len()],
        |(_, colour)| *colour,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_distinct_and_fixed() {
        for (i, (_, a)) in KNOWN.iter().enumerate() {
            assert!(KNOWN[i + 1..].iter().all(|(_, b)| a != b));
        }
        assert_eq!(colour("tcp"), KNOWN[1].1);
        assert_eq!(colour("elsewhere"), colour("elsewhere"));
    }
}
