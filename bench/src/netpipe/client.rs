//! The measuring end.

use super::wire::{self, LAST, MORE, Op, Request};
use super::{MAX_MESSAGE, Ping};
use crate::clock;
use std::io::{self, Error, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

/// Bytes that a stream sends between two looks at the clock, so that the look (some 25 ns) costs nothing.
const BYTES_PER_LOOK: usize = 64 << 10;

/// Drives a server over one connected stream.
#[derive(Debug)]
pub struct Client<S> {
    stream: S,
    buffer: Vec<u8>,
}

/// What came of a stream of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streamed {
    /// Messages sent, all of which have arrived.
    pub messages: u64,
    /// From before the first was sent until the peer said that the last has arrived.
    pub elapsed: Duration,
}

impl<S: Read + Write> Client<S> {
    /// A client on a stream whose other end is in [`serve`](super::serve).
    #[must_use]
    pub const fn new(stream: S) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    /// Sends messages of `bytes` bytes to and fro, `rounds` times after a short warm-up, and returns the time of all
    /// rounds together: one way takes 1 / (2 × `rounds`) of it.
    ///
    /// # Errors
    /// Those of the stream, and `InvalidData` where a message comes back changed.
    pub fn echo(&mut self, bytes: usize, rounds: u64) -> io::Result<Duration> {
        let warm_up = rounds / 16 + 1;
        self.begin(Op::Echo, bytes, rounds + warm_up)?;
        let message = &mut self.buffer[..bytes];
        wire::fill(message);
        go_around(&mut self.stream, message, warm_up)?;
        let start = Instant::now();
        go_around(&mut self.stream, message, rounds)?;
        let elapsed = start.elapsed();
        if !wire::is_intact(message) {
            return Err(Error::new(
                ErrorKind::InvalidData,
                format!("a message of {bytes} B came back changed"),
            ));
        }
        Ok(elapsed)
    }

    /// Sends messages of `bytes` bytes, each with a call of its own, for as long as `time`.
    ///
    /// # Errors
    /// Those of the stream, and `InvalidData` where not every message arrives.
    pub fn stream(&mut self, bytes: usize, time: Duration) -> io::Result<Streamed> {
        self.begin(Op::Drain, bytes, 0)?;
        let message = &mut self.buffer[..bytes];
        message[0] = MORE;
        let batch = (BYTES_PER_LOOK / bytes).max(1) as u64;
        let (start, mut messages) = (Instant::now(), 1);
        while start.elapsed() < time {
            for _ in 0..batch {
                self.stream.write_all(message)?;
            }
            messages += batch;
        }
        message[0] = LAST;
        self.stream.write_all(message)?;
        let arrived = wire::read_reply(&mut self.stream)?;
        if arrived != messages {
            let text = format!("{messages} messages of {bytes} B were sent, {arrived} arrived");
            return Err(Error::new(ErrorKind::InvalidData, text));
        }
        Ok(Streamed {
            messages,
            elapsed: start.elapsed(),
        })
    }

    /// Wakes a receiver that has waited for `idle`, `rounds` times: from before the send until it has the message, in
    /// nanoseconds. Both ends must run on one machine, for they share its clock.
    ///
    /// The sender keeps its own CPU awake meanwhile, so that only the receiver's wake-up is measured.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn wake(&mut self, bytes: usize, idle: Duration, rounds: u64) -> io::Result<Vec<u64>> {
        self.begin(Op::Stamp, bytes, rounds)?;
        let message = &mut self.buffer[..bytes];
        wire::fill(message);
        (0..rounds)
            .map(|_| {
                clock::spin_until(clock::monotonic_ns() + idle.as_nanos() as u64);
                let sent = clock::monotonic_ns();
                self.stream.write_all(message)?;
                Ok(wire::read_reply(&mut self.stream)?.saturating_sub(sent))
            })
            .collect()
    }

    fn begin(&mut self, op: Op, bytes: usize, rounds: u64) -> io::Result<()> {
        if !(1..=MAX_MESSAGE).contains(&bytes) {
            let text = format!("a message of {bytes} B: 1 to {MAX_MESSAGE} are possible");
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        if self.buffer.len() < bytes {
            self.buffer = wire::buffer(bytes)?;
        }
        Request { op, bytes, rounds }.write(&mut self.stream)?;
        wire::read_reply(&mut self.stream).map(drop)
    }
}

fn go_around<S: Read + Write>(stream: &mut S, message: &mut [u8], rounds: u64) -> io::Result<()> {
    for _ in 0..rounds {
        stream.write_all(message)?;
        stream.read_exact(message)?;
    }
    Ok(())
}

impl<S: Read + Write> Ping for Client<S> {
    fn ping(&mut self, bytes: usize, rounds: u64) -> io::Result<Duration> {
        self.echo(bytes, rounds)
    }
}
