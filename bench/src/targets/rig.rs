//! The sessions that the targets need, and what is measured over them.

use super::metric::{Bound, Metric};
use crate::baseline;
use crate::measure::{Cpus, Kind, Probe, aggregate};
use crate::peer::{Launcher, Session};
use crate::progress::Progress;
use crate::stats::{median, paired_ratio};
use crate::table::number;
use crate::transport::Path;
use std::io;
use std::time::Duration;

/// Sizes of the first target, 1–64 B: a byte, words, a cache line.
const SMALL: [usize; 5] = [1, 8, 16, 32, 64];

const KIB_64: usize = 64 << 10;
const MIB: usize = 1 << 20;

/// Figures measured in one repeat, for the progress bar.
const STEPS: usize = 11;

/// How to measure.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is measured against TCP and the hardware.
    pub subject: Path,
    /// Repeats of the whole round.
    pub repeats: usize,
    /// Time of each single measurement.
    pub time: Duration,
}

/// Sessions that stand by while one of them works.
struct Rig {
    cpus: [usize; 2],
    apart: Probe,
    apart_tcp: Probe,
    apart_futex: Probe,
    together: Probe,
    together_tcp: Probe,
    /// A pair on each of the two CPUs.
    pairs: [Session; 2],
}

/// One value per repeat of everything that is measured; times in seconds per message, speeds in bytes per second.
#[derive(Default)]
struct Readings {
    small: [Vec<f64>; SMALL.len()],
    small_tcp: [Vec<f64>; SMALL.len()],
    one_cpu: Vec<f64>,
    one_cpu_tcp: Vec<f64>,
    bulk: Vec<f64>,
    cross_core: Vec<f64>,
    bulk_one_cpu: Vec<f64>,
    memcpy: Vec<f64>,
    rate: Vec<f64>,
    one_pair: Vec<f64>,
    two_pairs: Vec<f64>,
    wake: Vec<f64>,
    wake_futex: Vec<f64>,
}

/// Measures all targets.
///
/// # Errors
/// Those of the sessions; `Unsupported` on a machine with one CPU.
pub fn measure(launcher: &Launcher, options: &Options) -> io::Result<Vec<Metric>> {
    let mut rig = Rig::build(launcher, options)?;
    let mut readings = Readings::default();
    let progress = Progress::new(options.repeats * STEPS);
    for repeat in 0..options.repeats {
        rig.small(&mut readings, &progress)?;
        rig.bulk(&mut readings, options.time, &progress)?;
        rig.pairs(&mut readings, options.time, repeat, &progress)?;
        rig.wake(&mut readings, &progress)?;
    }
    Ok(readings.metrics(options.repeats))
}

impl Rig {
    fn build(launcher: &Launcher, options: &Options) -> io::Result<Self> {
        let open =
            |cpus: Cpus, path| Ok::<_, io::Error>(Probe::new(cpus.open(launcher, path)?, options.time));
        let (Some(second), Some(first)) = Cpus::Two.choose()? else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let pair = |cpu| Session::open(launcher, options.subject, Some(cpu), Some(cpu));
        Ok(Self {
            cpus: [first, second],
            apart: open(Cpus::Two, options.subject)?,
            apart_tcp: open(Cpus::Two, Path::Tcp)?,
            apart_futex: open(Cpus::Two, Path::Futex)?,
            together: open(Cpus::One, options.subject)?,
            together_tcp: open(Cpus::One, Path::Tcp)?,
            pairs: [pair(first)?, pair(second)?],
        })
    }

    fn small(&mut self, readings: &mut Readings, progress: &Progress) -> io::Result<()> {
        progress.step("latency, 2 CPUs");
        for (i, bytes) in SMALL.into_iter().enumerate() {
            readings.small[i].push(self.apart.measure(Kind::Latency, bytes)?);
            readings.small_tcp[i].push(self.apart_tcp.measure(Kind::Latency, bytes)?);
        }
        progress.step("latency, 1 CPU");
        readings.one_cpu.push(self.together.measure(Kind::Latency, 1)?);
        progress.step("latency, 1 CPU, TCP");
        readings
            .one_cpu_tcp
            .push(self.together_tcp.measure(Kind::Latency, 1)?);
        progress.step("64 B messages");
        readings.rate.push(self.apart.measure(Kind::Stream, 64)?);
        Ok(())
    }

    fn bulk(&mut self, readings: &mut Readings, time: Duration, progress: &Progress) -> io::Result<()> {
        let [first, second] = self.cpus;
        progress.step("1 MiB stream, 2 CPUs");
        readings
            .bulk
            .push(MIB as f64 / self.apart.measure(Kind::Stream, MIB)?);
        progress.step("cross-core copy");
        readings
            .cross_core
            .push(baseline::cross_core_copy(first, second, MIB, time)?);
        progress.step("64 KiB stream, 1 CPU");
        readings
            .bulk_one_cpu
            .push(KIB_64 as f64 / self.together.measure(Kind::Stream, KIB_64)?);
        progress.step("memcpy in L2");
        readings.memcpy.push(baseline::memcpy(first, KIB_64, time)?);
        Ok(())
    }

    /// The single pair is each of the two in turn: the CPUs of a machine need not be equally fast.
    fn pairs(
        &mut self,
        readings: &mut Readings,
        time: Duration,
        turn: usize,
        progress: &Progress,
    ) -> io::Result<()> {
        progress.step("pairs");
        readings
            .one_pair
            .push(aggregate(&mut [&mut self.pairs[turn % 2]], KIB_64, time)?);
        let [a, b] = &mut self.pairs;
        readings.two_pairs.push(aggregate(&mut [a, b], KIB_64, time)?);
        Ok(())
    }

    fn wake(&mut self, readings: &mut Readings, progress: &Progress) -> io::Result<()> {
        progress.step("idle wake");
        readings.wake.push(self.apart.measure(Kind::Wake, 1)?);
        progress.step("idle wake, futex");
        readings.wake_futex.push(self.apart_futex.measure(Kind::Wake, 1)?);
        Ok(())
    }
}

impl Readings {
    /// The bounds are those of the project's table of hosted targets.
    fn metrics(&self, runs: usize) -> Vec<Metric> {
        let gb =
            |a: &[f64], b: &[f64]| format!("{} of {} GB/s", number(median(a) / 1e9), number(median(b) / 1e9));
        let us =
            |a: &[f64], b: &[f64]| format!("{} and {} µs", number(median(a) * 1e6), number(median(b) * 1e6));
        let ratio = |name, a, b, required| Metric::new(name, paired_ratio(a, b), "×", required);
        vec![
            self.worst_small().with_detail(runs, self.small_detail()),
            self.least_gain(runs),
            Metric::new(
                "1 B one way, 1 CPU",
                median(&self.one_cpu) * 1e6,
                "µs",
                Bound::AtMost(1.4),
            )
            .with_moonshot(Bound::AtMost(1.0))
            .with_detail(runs, String::new()),
            ratio(
                "… over TCP loopback",
                &self.one_cpu,
                &self.one_cpu_tcp,
                Bound::AtMost(0.45),
            )
            .with_detail(runs, us(&self.one_cpu, &self.one_cpu_tcp)),
            ratio(
                "1 MiB stream, 2 CPUs, over cross-core copy",
                &self.bulk,
                &self.cross_core,
                Bound::AtLeast(0.88),
            )
            .with_moonshot(Bound::AtLeast(0.95))
            .with_detail(runs, gb(&self.bulk, &self.cross_core)),
            ratio(
                "64 KiB stream, 1 CPU, over L2 memcpy",
                &self.bulk_one_cpu,
                &self.memcpy,
                Bound::AtLeast(0.42),
            )
            .with_moonshot(Bound::AtLeast(0.48))
            .with_detail(runs, gb(&self.bulk_one_cpu, &self.memcpy)),
            Metric::new(
                "64 B messages streamed, 2 CPUs",
                1e-6 / median(&self.rate),
                "M/s",
                Bound::AtLeast(8.0),
            )
            .with_moonshot(Bound::AtLeast(20.0))
            .with_detail(runs, String::new()),
            ratio(
                "two pairs, a CPU each, over one such pair",
                &self.two_pairs,
                &self.one_pair,
                Bound::AtLeast(1.9),
            )
            .with_moonshot(Bound::AtLeast(1.97))
            .with_detail(runs, gb(&self.two_pairs, &self.one_pair).replace("of", "and")),
            ratio(
                "idle wake over raw futex wake",
                &self.wake,
                &self.wake_futex,
                Bound::AtMost(1.10),
            )
            .with_moonshot(Bound::AtMost(1.03))
            .with_detail(runs, us(&self.wake, &self.wake_futex)),
        ]
    }

    /// The slowest of the small sizes.
    fn worst_small(&self) -> Metric {
        let worst = self.small.iter().map(|times| median(times)).fold(0.0, f64::max);
        Metric::new(
            "1–64 B one way, 2 CPUs (worst size)",
            worst * 1e6,
            "µs",
            Bound::AtMost(0.35),
        )
        .with_moonshot(Bound::AtMost(0.26))
    }

    fn small_detail(&self) -> String {
        let each = SMALL
            .iter()
            .zip(&self.small)
            .map(|(size, times)| format!("{size} B {}", number(median(times) * 1e6)));
        each.collect::<Vec<_>>().join(", ")
    }

    /// The size at which the gain over TCP is least.
    fn least_gain(&self, runs: usize) -> Metric {
        let gains = self
            .small
            .iter()
            .zip(&self.small_tcp)
            .map(|(ours, tcp)| paired_ratio(tcp, ours));
        let least = gains.fold(f64::INFINITY, f64::min);
        let tcp = self
            .small_tcp
            .iter()
            .map(|times| median(times) * 1e6)
            .fold(f64::INFINITY, f64::min);
        Metric::new(
            "… faster than TCP loopback (least)",
            least,
            "×",
            Bound::AtLeast(60.0),
        )
        .with_detail(runs, format!("TCP's best {} µs", number(tcp)))
    }
}
