//! What the driving end is told to do and what it answers: one JSON object per line on its stdin and stdout.

use crate::clock;
use crate::netpipe::Client;
use crate::stats::median;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::time::Duration;

/// One batch of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Job {
    /// Messages to and fro.
    Echo {
        /// Length of a message.
        bytes: usize,
        /// Times there and back.
        rounds: u64,
    },
    /// Messages in one direction.
    Stream {
        /// Length of a message.
        bytes: usize,
        /// When to begin, in nanoseconds of the monotonic clock, so that several pairs begin at once. 0: now.
        start_ns: u64,
        /// How long to send, in nanoseconds.
        time_ns: u64,
    },
    /// Messages to a receiver that has long been asleep.
    Wake {
        /// Length of a message.
        bytes: usize,
        /// How long to let the receiver sleep, in nanoseconds.
        idle_ns: u64,
        /// How often.
        rounds: u64,
    },
}

/// What came of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// It is done.
    Done {
        /// Seconds for all of it; for [`Job::Wake`] the median of one wake-up.
        seconds: f64,
        /// Messages that arrived; for [`Job::Echo`] rounds.
        messages: u64,
    },
    /// It failed, for this reason.
    Failed(String),
}

impl Job {
    /// Does the job over a connection.
    pub(super) fn run<S: Read + Write>(self, client: &mut Client<S>) -> Answer {
        self.attempt(client)
            .unwrap_or_else(|error| Answer::Failed(error.to_string()))
    }

    fn attempt<S: Read + Write>(self, client: &mut Client<S>) -> io::Result<Answer> {
        let (seconds, messages) = match self {
            Self::Echo { bytes, rounds } => (client.echo(bytes, rounds)?.as_secs_f64(), rounds),
            Self::Stream {
                bytes,
                start_ns,
                time_ns,
            } => {
                clock::spin_until(start_ns);
                let done = client.stream(bytes, Duration::from_nanos(time_ns))?;
                (done.elapsed.as_secs_f64(), done.messages)
            }
            Self::Wake {
                bytes,
                idle_ns,
                rounds,
            } => {
                let times = client.wake(bytes, Duration::from_nanos(idle_ns), rounds)?;
                let seconds: Vec<f64> = times.iter().map(|&ns| ns as f64 * 1e-9).collect();
                (median(&seconds), rounds)
            }
        };
        Ok(Answer::Done { seconds, messages })
    }
}
