//! One line of the table of targets.

use crate::table::{self, number};
use comfy_table::Table;
use serde::Serialize;

/// What a figure has to reach.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

impl Bound {
    /// Whether a figure reaches it.
    #[must_use]
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(bound) => value <= bound,
            Self::AtLeast(bound) => value >= bound,
        }
    }

    fn show(self, unit: &str) -> String {
        match self {
            Self::AtMost(bound) => format!("≤ {bound} {unit}"),
            Self::AtLeast(bound) => format!("≥ {bound} {unit}"),
        }
    }
}

/// A figure and what it has to reach.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metric {
    /// What was measured.
    pub metric: &'static str,
    /// The median, in `unit`.
    pub measured: f64,
    /// µs, M/s, or × for a ratio.
    pub unit: &'static str,
    /// What counts as good enough.
    pub required: Bound,
    /// What counts as excellent, where that is more than required.
    pub moonshot: Option<Bound>,
    /// Whether the required figure is reached.
    pub met: bool,
    /// Whether the moonshot is reached.
    pub moonshot_met: bool,
    /// The medians behind a ratio, or the sizes behind a worst case.
    pub detail: String,
    /// Repeats that the medians were taken over.
    pub runs: usize,
}

impl Metric {
    /// A figure with its bounds.
    #[must_use]
    pub fn new(metric: &'static str, measured: f64, unit: &'static str, required: Bound) -> Self {
        let met = required.holds(measured);
        let (detail, moonshot, runs) = (String::new(), None, 0);
        Self {
            metric,
            measured,
            unit,
            required,
            moonshot,
            met,
            moonshot_met: false,
            detail,
            runs,
        }
    }

    /// Adds the bound that would be excellent.
    #[must_use]
    pub fn with_moonshot(mut self, bound: Bound) -> Self {
        (self.moonshot, self.moonshot_met) = (Some(bound), bound.holds(self.measured));
        self
    }

    /// Adds what is behind the figure.
    #[must_use]
    pub fn with_detail(mut self, runs: usize, detail: String) -> Self {
        (self.runs, self.detail) = (runs, detail);
        self
    }

    const fn verdict(&self) -> &'static str {
        match (self.met, self.moonshot_met) {
            (false, _) => "no",
            (true, false) => "yes",
            (true, true) => "moonshot",
        }
    }
}

/// The table metric, measured, required, moonshot, met.
#[must_use]
pub fn show(metrics: &[Metric]) -> Table {
    let header = ["metric", "measured", "required", "moonshot", "met", "behind it"].map(str::to_owned);
    let mut table = table::plain(&header);
    for metric in metrics {
        table.add_row([
            metric.metric.to_owned(),
            format!("{} {}", number(metric.measured), metric.unit),
            metric.required.show(metric.unit),
            metric
                .moonshot
                .map_or_else(|| "–".to_owned(), |bound| bound.show(metric.unit)),
            metric.verdict().to_owned(),
            metric.detail.clone(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_follow_the_bounds() {
        let at = |value| {
            Metric::new("m", value, "µs", Bound::AtMost(0.35))
                .with_moonshot(Bound::AtMost(0.26))
                .verdict()
        };
        assert_eq!([at(0.36), at(0.35), at(0.26)], ["no", "yes", "moonshot"]);
        assert!(Bound::AtLeast(8.0).holds(8.0) && !Bound::AtLeast(8.0).holds(7.9));
    }

    #[test]
    fn the_table_names_bounds_and_what_is_behind() {
        let metric =
            Metric::new("two pairs", 1.95, "×", Bound::AtLeast(1.9)).with_detail(7, "a of b".to_owned());
        let text = show(&[metric]).to_string();
        for part in ["two pairs", "1.95 ×", "≥ 1.9 ×", "–", "yes", "a of b"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn json_says_which_way_a_bound_points() {
        let metric = Metric::new("m", 1.0, "×", Bound::AtLeast(0.5));
        let json = serde_json::to_value(&metric).expect("plain fields");
        assert_eq!(json["required"]["at_least"], 0.5);
        assert_eq!(json["met"], true);
        assert!(json["moonshot"].is_null());
    }
}
