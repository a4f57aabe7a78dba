//! Single measurements over sessions, repeated in turn so that all paths see the same machine.

use crate::cpu;
use crate::netpipe::{Lane, Pace, one_way};
use crate::peer::{Job, Launcher, Session};
use crate::progress::Progress;
use crate::sample::Sample;
use crate::stats::median;
use crate::transport::Path;
use clap::ValueEnum;
use std::io::{self, Error, ErrorKind};
use std::time::Duration;

/// How long a receiver is left alone before it is woken. Every spin is over by then, and the CPU has gone idle.
pub const IDLE: Duration = Duration::from_micros(2500);

/// Time that passes between the order to several pairs to begin and their beginning.
const ORDER_TO_START: Duration = Duration::from_millis(5);

/// Where the two ends of a connection run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Cpus {
    /// Each on a CPU of its own, on different cores
    Two,
    /// Both on the same CPU
    One,
    /// Wherever the scheduler puts them
    Any,
}

impl Cpus {
    /// The CPUs of the serving and of the driving end.
    ///
    /// # Errors
    /// Where this machine lends fewer CPUs than that.
    pub fn choose(self) -> io::Result<(Option<usize>, Option<usize>)> {
        match (self, &cpu::apart(2)[..]) {
            (Self::Any, _) => Ok((None, None)),
            (Self::One, [only, ..]) => Ok((Some(*only), Some(*only))),
            (Self::Two, [driver, server]) => Ok((Some(*server), Some(*driver))),
            _ => Err(Error::new(
                ErrorKind::Unsupported,
                "this needs two CPUs; --cpus one or any needs none to spare",
            )),
        }
    }

    /// A session on these CPUs.
    ///
    /// # Errors
    /// As [`choose`](Self::choose) and [`Session::open`].
    pub fn open(self, launcher: &Launcher, path: Path) -> io::Result<Session> {
        let (server, driver) = self.choose()?;
        Session::open(launcher, path, server, driver)
    }
}

/// What to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One way of a message in a ping-pong.
    Latency,
    /// The interval between two messages of a stream.
    Stream,
    /// From the send until a receiver that was asleep has the message.
    Wake,
}

/// A session and the pace of its ping-pongs.
#[derive(Debug)]
pub struct Probe {
    session: Session,
    pace: Pace,
    time: Duration,
}

impl Probe {
    /// Measures over `session`, for about `time` each time.
    #[must_use]
    pub const fn new(session: Session, time: Duration) -> Self {
        Self {
            session,
            pace: Pace::even(time),
            time,
        }
    }

    /// Measures once; seconds for one message.
    ///
    /// # Errors
    /// Those of the session.
    pub fn measure(&mut self, kind: Kind, bytes: usize) -> io::Result<f64> {
        match kind {
            Kind::Latency => self.latency(bytes),
            Kind::Stream => self.stream(bytes),
            Kind::Wake => self.wake(bytes),
        }
    }

    fn latency(&mut self, bytes: usize) -> io::Result<f64> {
        let path = self.session.path().name();
        one_way(
            &mut Lane {
                path,
                ping: &mut self.session,
            },
            &mut self.pace,
            bytes,
        )
    }

    fn stream(&mut self, bytes: usize) -> io::Result<f64> {
        let time_ns = self.time.as_nanos() as u64;
        let (seconds, messages) = self.session.run(Job::Stream {
            bytes,
            start_ns: 0,
            time_ns,
        })?;
        Ok(seconds / messages as f64)
    }

    fn wake(&mut self, bytes: usize) -> io::Result<f64> {
        let rounds = (self.time.as_nanos() / IDLE.as_nanos()).max(3) as u64;
        let idle_ns = IDLE.as_nanos() as u64;
        self.session
            .run(Job::Wake {
                bytes,
                idle_ns,
                rounds,
            })
            .map(|(seconds, _)| seconds)
    }
}

/// Measures `kind` at each size over each path, `repeats` times in turn, and returns the medians.
///
/// # Errors
/// Those of the sessions.
pub fn side_by_side(
    probes: &mut [Probe],
    kind: Kind,
    sizes: &[usize],
    repeats: usize,
    progress: &Progress,
) -> io::Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for &bytes in sizes {
        let mut seconds = vec![Vec::new(); probes.len()];
        for _ in 0..repeats {
            for (probe, seconds) in probes.iter_mut().zip(&mut seconds) {
                progress.step(&format!("{} at {bytes} B", probe.session.path()));
                seconds.push(probe.measure(kind, bytes)?);
            }
        }
        for (probe, seconds) in probes.iter().zip(&seconds) {
            let path = probe.session.path().name();
            samples.push(Sample::new(path, bytes, median(seconds), seconds.len()));
        }
    }
    Ok(samples)
}

/// Streams over all sessions from the same moment on; bytes per second of all together.
///
/// # Errors
/// Those of the sessions.
pub fn aggregate(sessions: &mut [&mut Session], bytes: usize, time: Duration) -> io::Result<f64> {
    let start_ns = crate::clock::monotonic_ns() + ORDER_TO_START.as_nanos() as u64;
    let time_ns = time.as_nanos() as u64;
    for session in sessions.iter_mut() {
        session.submit(Job::Stream {
            bytes,
            start_ns,
            time_ns,
        })?;
    }
    let mut speed = 0.0;
    for session in sessions {
        let (seconds, messages) = session.collect()?;
        speed += messages as f64 * bytes as f64 / seconds;
    }
    Ok(speed)
}
