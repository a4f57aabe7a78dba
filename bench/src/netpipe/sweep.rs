//! The walk over the sizes, over one path or several side by side.

use super::{Client, Pace, Plan};
use crate::sample::{Sample, seconds_each};
use crate::stats::median;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

/// Something that can send messages to and fro.
pub trait Ping {
    /// Does `rounds` rounds of `bytes` bytes each way and returns the time of them all.
    ///
    /// # Errors
    /// Those of the path.
    fn ping(&mut self, bytes: usize, rounds: u64) -> io::Result<Duration>;
}

/// One path of a sweep.
pub struct Lane<'a> {
    /// The name in the samples.
    pub path: &'a str,
    /// The way there and back.
    pub ping: &'a mut dyn Ping,
}

/// Batches of a lane before the first that counts.
const WARM_UPS: u32 = 8;
/// They take one part in this many of a lane's budget.
const WARM_UP_SHARE: u32 = 20;

/// Sweeps all lanes side by side: at each size, each run visits every lane before the next run begins, so that what
/// disturbs the machine for a while disturbs all alike. Each lane is warmed up before, with the first size. Samples are handed
/// out as they become known, then returned.
///
/// # Errors
/// The first error of a lane, with its name and the size.
pub fn sweep(lanes: &mut [Lane], plan: &Plan, mut on_sample: impl FnMut(&Sample)) -> io::Result<Vec<Sample>> {
    let mut paces = vec![plan.pace(); lanes.len()];
    let mut samples = Vec::new();
    for (lane, pace) in lanes.iter_mut().zip(&mut paces) {
        warm_up(lane, pace, plan)?;
    }
    for &bytes in &plan.sizes {
        let mut seconds = vec![Vec::new(); lanes.len()];
        for _ in 0..plan.runs {
            for ((lane, pace), seconds) in lanes.iter_mut().zip(&mut paces).zip(&mut seconds) {
                seconds.push(one_way(lane, pace, bytes)?);
            }
        }
        for (lane, seconds) in lanes.iter().zip(&seconds) {
            samples.push(Sample::new(lane.path, bytes, median(seconds), seconds.len()));
            samples.last().into_iter().for_each(&mut on_sample);
        }
    }
    Ok(samples)
}

/// Lets a lane's ends find their CPUs, and its pace the time of a round, so that the first size is measured like the others.
fn warm_up(lane: &mut Lane, pace: &mut Pace, plan: &Plan) -> io::Result<()> {
    let Some(&bytes) = plan.sizes.first() else {
        return Ok(());
    };
    let start = Instant::now();
    let mut warm = Pace::even(plan.budget / (WARM_UPS * WARM_UP_SHARE));
    for _ in 0..WARM_UPS {
        one_way(lane, &mut warm, bytes)?;
    }
    pace.follow(&warm, start.elapsed());
    Ok(())
}

/// One batch at a pace; seconds for one way.
pub(crate) fn one_way(lane: &mut Lane, pace: &mut Pace, bytes: usize) -> io::Result<f64> {
    let (rounds, start) = (pace.rounds(bytes), Instant::now());
    let elapsed = lane
        .ping
        .ping(bytes, rounds)
        .map_err(|error| io::Error::new(error.kind(), format!("{} at {bytes} B: {error}", lane.path)))?;
    pace.learn(bytes, rounds, elapsed, start.elapsed());
    Ok(seconds_each(elapsed, 2 * rounds))
}

/// Sweeps one connected stream whose other end is in [`serve`](super::serve); `path` names it in the samples.
///
/// # Errors
/// As [`sweep`].
pub fn client<S: Read + Write>(
    stream: S,
    path: &str,
    plan: &Plan,
    on_sample: impl FnMut(&Sample),
) -> io::Result<Vec<Sample>> {
    let mut client = Client::new(stream);
    sweep(
        &mut [Lane {
            path,
            ping: &mut client,
        }],
        plan,
        on_sample,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path that takes exactly 1 µs and 1 ns a byte, each way.
    struct Ideal {
        visits: Vec<usize>,
    }

    impl Ping for Ideal {
        fn ping(&mut self, bytes: usize, rounds: u64) -> io::Result<Duration> {
            self.visits.push(bytes);
            Ok(Duration::from_nanos(2 * rounds * (1000 + bytes as u64)))
        }
    }

    #[test]
    fn medians_are_one_way_and_every_size_has_all_its_runs() {
        let (mut a, mut b) = (Ideal { visits: Vec::new() }, Ideal { visits: Vec::new() });
        let plan = Plan {
            sizes: vec![1, 1000],
            runs: 3,
            budget: Duration::from_secs(1),
        };
        let mut lanes = [
            Lane {
                path: "a",
                ping: &mut a,
            },
            Lane {
                path: "b",
                ping: &mut b,
            },
        ];
        let mut seen = 0;
        let samples = sweep(&mut lanes, &plan, |_| seen += 1).expect("ideal");
        assert_eq!(seen, 4);
        let place: Vec<_> = samples
            .iter()
            .map(|s| (s.path.as_str(), s.bytes, s.runs))
            .collect();
        assert_eq!(place, [("a", 1, 3), ("b", 1, 3), ("a", 1000, 3), ("b", 1000, 3)]);
        assert!((samples[2].latency_us - 2.0).abs() < 1e-9);
        assert!((samples[2].mb_per_s - 500.0).abs() < 1e-6);
        let (warm_up, measured) = a.visits.split_at(WARM_UPS as usize);
        assert!(warm_up.iter().all(|&bytes| bytes == 1), "{warm_up:?}");
        assert_eq!(measured, [1, 1, 1, 1000, 1000, 1000]);
    }
}
