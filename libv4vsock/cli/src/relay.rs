//! Standard input and output over a connection, both directions at once.

use crate::output::output;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use v4vsock::V4vStream;

/// Bytes that are moved at once.
const BUFFER: usize = 128 * 1024;

/// Passes input on to the peer and what the peer sends to the output, until both have ended. The end of the input is passed on
/// as a half-close; the peer's half-close leaves it time to read, so input goes on until the peer is gone altogether. Only a
/// person at a terminal is not waited for once the peer has said its last.
///
/// # Errors
/// The connection's, and those of standard input and output. `BrokenPipe` where input is left that the peer does not take.
pub(crate) fn relay(stream: &V4vStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    let mut outward = Outward::new();
    let mut inward = Some(vec![0; BUFFER]);
    loop {
        if inward.is_none() && (outward.done || outward.is_idle_terminal()) {
            return Ok(());
        }
        let ready = wait(stream, &outward, inward.is_some())?;
        if let Some(buffer) = &mut inward
            && ready
                .stream
                .intersects(PollFlags::POLLIN | PollFlags::POLLHUP | PollFlags::POLLERR)
            && !receive(stream, buffer)?
        {
            inward = None;
        } else if inward.is_none() && ready.stream.intersects(PollFlags::POLLHUP | PollFlags::POLLERR) {
            return outward.give_up(stream);
        }
        if ready.input {
            outward.read(&mut io::stdin().lock())?;
        }
        outward.write(stream)?;
    }
}

/// What can be done without waiting.
struct Ready {
    stream: PollFlags,
    input: bool,
}

/// Waits until something can be done.
fn wait(stream: &V4vStream, outward: &Outward, inward: bool) -> io::Result<Ready> {
    let stdin = io::stdin();
    let mut wanted = PollFlags::empty();
    wanted.set(PollFlags::POLLIN, inward);
    wanted.set(PollFlags::POLLOUT, outward.pending());
    let mut fds = vec![PollFd::new(stream.as_fd(), wanted)];
    if outward.hungry() {
        fds.push(PollFd::new(stdin.as_fd(), PollFlags::POLLIN));
    }
    match poll(&mut fds, PollTimeout::NONE) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    Ok(Ready {
        stream: fds[0].revents().unwrap_or(PollFlags::empty()),
        input: fds.get(1).is_some_and(|fd| fd.any().unwrap_or(false)),
    })
}

/// From the peer to the output. Whether more may come.
fn receive(mut stream: &V4vStream, buffer: &mut [u8]) -> io::Result<bool> {
    match stream.read(buffer) {
        Ok(0) => Ok(false),
        Ok(n) => {
            let mut out = output();
            out.write_all(&buffer[..n])?;
            out.flush()?;
            Ok(true)
        }
        Err(error) if is_soon(&error) => Ok(true),
        Err(error) => Err(error),
    }
}

/// The way from the input to the peer.
struct Outward {
    buffer: Vec<u8>,
    /// Bytes of the buffer that are sent.
    sent: usize,
    /// Bytes of the buffer that were read.
    read: usize,
    /// The input has ended.
    ended: bool,
    /// The peer has been told so.
    done: bool,
}

impl Outward {
    fn new() -> Self {
        Self {
            buffer: vec![0; BUFFER],
            sent: 0,
            read: 0,
            ended: false,
            done: false,
        }
    }

    /// Read bytes wait to be sent.
    fn pending(&self) -> bool {
        self.sent < self.read
    }

    /// All that was read is sent, and what may come is typed by somebody.
    fn is_idle_terminal(&self) -> bool {
        !self.pending() && io::stdin().is_terminal()
    }

    /// More input can be taken.
    fn hungry(&self) -> bool {
        !self.ended && !self.pending()
    }

    fn read(&mut self, input: &mut impl Read) -> io::Result<()> {
        match input.read(&mut self.buffer) {
            Ok(n) => {
                (self.sent, self.read, self.ended) = (0, n, n == 0);
                Ok(())
            }
            Err(error) if is_soon(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Sends what there is room for, and the end after the last byte.
    fn write(&mut self, mut stream: &V4vStream) -> io::Result<()> {
        while self.pending() {
            match stream.write(&self.buffer[self.sent..self.read]) {
                Ok(n) => self.sent += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Err(unsent()),
                Err(error) => return Err(error),
            }
        }
        if self.ended && !self.done {
            stream.shutdown(Shutdown::Write)?;
            self.done = true;
        }
        Ok(())
    }

    /// The peer is gone: bytes that it did not take are an error, input that may yet come is not.
    fn give_up(&mut self, stream: &V4vStream) -> io::Result<()> {
        self.write(stream)?;
        if self.pending() {
            return Err(unsent());
        }
        Ok(())
    }
}

/// The peer takes no more, and there is more.
fn unsent() -> io::Error {
    io::Error::new(
        ErrorKind::BrokenPipe,
        "the peer has closed the connection and did not take all of the input",
    )
}

fn is_soon(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
