//! One measured point, as it leaves the program.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Bytes per megabyte in every figure of this crate: decimal, as in network speeds.
pub const MEGABYTE: f64 = 1e6;

/// The median of some runs at one message size over one path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// What carried the messages: `v4v`, `unix`, `tcp`, `futex`.
    pub path: String,
    /// Length of one message.
    pub bytes: usize,
    /// Microseconds per message: one way in a ping-pong, the interval between two messages in a stream.
    pub latency_us: f64,
    /// Payload, in units of 10^6 bytes per second.
    pub mb_per_s: f64,
    /// Number of runs that the median was taken over.
    pub runs: usize,
}

impl Sample {
    /// A point from the time of one message, in seconds.
    #[must_use]
    pub fn new(path: &str, bytes: usize, seconds: f64, runs: usize) -> Self {
        let mb_per_s = if seconds > 0.0 {
            bytes as f64 / seconds / MEGABYTE
        } else {
            0.0
        };
        Self {
            path: path.to_owned(),
            bytes,
            latency_us: seconds * 1e6,
            mb_per_s,
            runs,
        }
    }

    /// The JSON object, on one line, with exactly the keys `path`, `bytes`, `latency_us`, `mb_per_s` and `runs`.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("five plain fields always serialise")
    }
}

/// Seconds that one of `count` equal parts of `total` took.
#[must_use]
pub fn seconds_each(total: Duration, count: u64) -> f64 {
    total.as_secs_f64() / count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_exactly_the_five_keys_in_order() {
        let line = Sample::new("v4v", 64, 0.25e-6, 5).to_json();
        assert_eq!(
            line,
            r#"{"path":"v4v","bytes":64,"latency_us":0.25,"mb_per_s":256.0,"runs":5}"#
        );
        assert!(!line.contains('\n'));
    }

    #[test]
    fn json_round_trips_and_refuses_strangers() {
        let sample = Sample::new("tcp", 1, 3e-6, 3);
        assert_eq!(
            serde_json::from_str::<Sample>(&sample.to_json()).expect("our own"),
            sample
        );
        let extra = r#"{"path":"a","bytes":1,"latency_us":1,"mb_per_s":1,"runs":1,"host":"x"}"#;
        assert!(serde_json::from_str::<Sample>(extra).is_err());
    }

    #[test]
    fn units_are_decimal_megabytes_and_microseconds() {
        let sample = Sample::new("tcp", 1_000_000, 1e-3, 1);
        assert!((sample.mb_per_s - 1000.0).abs() < 1e-9);
        assert!((sample.latency_us - 1000.0).abs() < 1e-9);
        assert!((seconds_each(Duration::from_secs(2), 4) - 0.5).abs() < 1e-12);
    }
}
