//! A conversation with xenstore.

use super::message::{self, DIRECTORY, ERROR, HEADER, Header, READ, WATCH_EVENT, invalid};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long an answer may take: a program's start waits for it.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Channel {
    device: File,
    request: u32,
}

impl Channel {
    pub(super) fn open(device: &Path) -> io::Result<Self> {
        let device = OpenOptions::new().read(true).write(true).open(device)?;
        Ok(Self { device, request: 0 })
    }

    /// The names of a node's children.
    pub(super) fn directory(&mut self, path: &str) -> io::Result<Vec<String>> {
        self.ask(DIRECTORY, path)
            .map(|payload| message::strings(&payload))
    }

    /// A node's value.
    pub(super) fn read(&mut self, path: &str) -> io::Result<String> {
        let payload = self.ask(READ, path)?;
        String::from_utf8(payload).map_err(|_| invalid("xenstore has a value that is no text"))
    }

    fn ask(&mut self, kind: u32, path: &str) -> io::Result<Vec<u8>> {
        self.request = self.request.wrapping_add(1);
        self.device
            .write_all(&message::request(kind, self.request, path))?;
        let end = Instant::now() + PATIENCE;
        loop {
            let (header, payload) = self.receive(end)?;
            if header.kind == WATCH_EVENT || header.request != self.request {
                continue;
            }
            return match header.kind {
                ERROR => Err(message::error(&payload)),
                answer if answer == kind => Ok(payload),
                _ => Err(invalid("xenstore answered another question")),
            };
        }
    }

    fn receive(&mut self, end: Instant) -> io::Result<(Header, Vec<u8>)> {
        let mut head = [0; HEADER];
        self.fill(&mut head, end)?;
        let header = message::header(&head)?;
        let mut payload = vec![0; header.len];
        self.fill(&mut payload, end)?;
        Ok((header, payload))
    }

    fn fill(&mut self, mut rest: &mut [u8], end: Instant) -> io::Result<()> {
        while !rest.is_empty() {
            self.await_bytes(end)?;
            match self.device.read(rest)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => rest = rest.get_mut(n..).unwrap_or_default(),
            }
        }
        Ok(())
    }

    fn await_bytes(&self, end: Instant) -> io::Result<()> {
        let left = end.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        let mut fds = [PollFd::new(self.device.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, timeout)? == 0 {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "xenstore does not answer",
            ));
        }
        Ok(())
    }
}
