//! Logarithmic axes: the chart works on exponents, the labels show values.

use std::ops::Range;

/// An axis from one power of its base to another.
#[derive(Debug)]
pub(super) struct Scale {
    base: f64,
    first: f64,
    last: f64,
}

impl Scale {
    /// The narrowest axis with room for all (positive) values.
    pub(super) fn of(values: impl Iterator<Item = f64>, base: f64) -> Self {
        let exponents = values.filter(|v| *v > 0.0).map(|v| v.log(base));
        let (low, high) = exponents.fold((f64::MAX, f64::MIN), |(low, high), e| (low.min(e), high.max(e)));
        if low > high {
            return Self {
                base,
                first: 0.0,
                last: 1.0,
            };
        }
        // A size just above a power (16 MiB + 3) asks for no further one.
        let (first, last) = ((low + NEAR).floor(), (high - NEAR).ceil());
        Self {
            base,
            first,
            last: last.max(first + 1.0),
        }
    }

    pub(super) const fn range(&self) -> Range<f64> {
        self.first..self.last
    }

    /// Powers of the base between the ends.
    pub(super) fn steps(&self) -> usize {
        (self.last - self.first) as usize
    }

    pub(super) fn exponent(&self, value: f64) -> f64 {
        if value > 0.0 {
            value.log(self.base).clamp(self.first, self.last)
        } else {
            self.first
        }
    }

    pub(super) fn value(&self, exponent: f64) -> f64 {
        self.base.powf(exponent)
    }

    /// Where the fine lines go: at 2, 3, … 9 times each power of ten, and at each power of two.
    pub(super) fn between(&self) -> impl Iterator<Item = f64> {
        (0..self.steps()).flat_map(move |step| {
            let start = self.first + step as f64;
            (1..self.base as u32).map(move |factor| start + f64::from(factor).log(self.base))
        })
    }
}

/// Exponents closer than this count as the same power.
const NEAR: f64 = 1e-4;

/// A message size: `64 B`, `16 KiB`, `1 MiB`.
pub(super) fn size(bytes: f64) -> String {
    in_units(bytes, 1024.0, ["B", "KiB", "MiB", "GiB"])
}

/// A time given in microseconds: `100 ns`, `10 µs`, `1 ms`.
pub(super) fn time(us: f64) -> String {
    in_units(us * 1e3, 1000.0, ["ns", "µs", "ms", "s"])
}

/// A speed given in 10^6 bytes per second: `100 kB/s`, `10 GB/s`.
pub(super) fn speed(mb_per_s: f64) -> String {
    in_units(mb_per_s * 1e3, 1000.0, ["kB/s", "MB/s", "GB/s", "TB/s"])
}

fn in_units(mut value: f64, step: f64, units: [&str; 4]) -> String {
    let mut unit = 0;
    while value >= step * (1.0 - NEAR) && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    let digits = usize::from(value < 0.95);
    format!("{value:.digits$} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_span_whole_powers() {
        let scale = Scale::of([0.3, 4000.0].into_iter(), 10.0);
        assert_eq!(scale.range(), -1.0..4.0);
        assert_eq!(scale.steps(), 5);
        assert_eq!(Scale::of([1.0, 16_777_219.0].into_iter(), 2.0).range(), 0.0..24.0);
        assert_eq!(
            Scale::of([0.0].into_iter(), 10.0).range(),
            0.0..1.0,
            "no positive value"
        );
        assert_eq!(
            Scale::of([64.0].into_iter(), 2.0).steps(),
            1,
            "a single value has an axis too"
        );
    }

    #[test]
    fn values_outside_stay_on_the_edge() {
        let scale = Scale::of([1.0, 10.0].into_iter(), 10.0);
        assert_eq!(scale.exponent(0.0), 0.0);
        assert_eq!(scale.exponent(1e9), 1.0);
    }

    #[test]
    fn labels_have_units() {
        assert_eq!(
            [size(1.0), size(65_536.0), size(16_777_216.0)],
            ["1 B", "64 KiB", "16 MiB"]
        );
        assert_eq!(
            [time(0.1), time(1.0), time(10_000.0)],
            ["100 ns", "1 µs", "10 ms"]
        );
        assert_eq!(
            [speed(0.1), speed(1.0), speed(10_000.0)],
            ["100 kB/s", "1 MB/s", "10 GB/s"]
        );
        assert_eq!(speed(0.0001), "0.1 kB/s");
    }
}
