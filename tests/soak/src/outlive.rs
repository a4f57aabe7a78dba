//! A process that waits in every way that there is when its daemon ends.

use crate::roles::{PORT, ready};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::thread::{self, JoinHandle};
use v4vsock::{V4vDatagram, V4vListener, V4vStream};

/// A call that waits, what it is, and the error that it is to end with.
type Waiting = (&'static str, ErrorKind, JoinHandle<io::Error>);

/// Waits in several calls at once; an error unless each ends with the one that is expected.
///
/// # Errors
/// What ended otherwise.
pub(crate) fn outlive() -> io::Result<()> {
    let domain = v4vsock::local_domain()?;
    let (mut read_end, _far_reader) = pair(domain)?;
    let (mut write_end, _far_writer) = pair(domain)?;
    let (polled, _far_polled) = pair(domain)?;
    let listener = V4vListener::bind(PORT + 1)?;
    let polled_listener = V4vListener::bind(PORT + 2)?;
    let datagram = V4vDatagram::bind(PORT + 3)?;
    let late = V4vDatagram::bind(PORT + 4)?;
    let waiting: [Waiting; 6] = [
        (
            "read",
            ErrorKind::ConnectionReset,
            thread::spawn(move || read_end.read(&mut [0; 1]).map_or_else(|e| e, unexpected)),
        ),
        (
            "write",
            ErrorKind::ConnectionReset,
            thread::spawn(move || write_for_ever(&mut write_end)),
        ),
        (
            "accept",
            ErrorKind::NetworkDown,
            thread::spawn(move || listener.accept().map_or_else(|e| e, unexpected)),
        ),
        (
            "recv_from",
            ErrorKind::NetworkDown,
            thread::spawn(move || datagram.recv_from(&mut [0; 1]).map_or_else(|e| e, unexpected)),
        ),
        (
            "poll for a stream's bytes",
            ErrorKind::ConnectionReset,
            thread::spawn(move || {
                await_readable(&polled);
                (&polled).read(&mut [0; 1]).map_or_else(|e| e, unexpected)
            }),
        ),
        (
            "poll for a connection",
            ErrorKind::NetworkDown,
            thread::spawn(move || {
                await_readable(&polled_listener);
                polled_listener.accept().map_or_else(|e| e, unexpected)
            }),
        ),
    ];
    ready()?;
    for (call, expected, thread) in waiting {
        let error = thread
            .join()
            .map_err(|_| io::Error::other(format!("{call} panicked")))?;
        if error.kind() != expected {
            return Err(io::Error::other(format!(
                "{call} ended with {error} ({:?}), not {expected:?}",
                error.kind()
            )));
        }
    }
    // The first look at a descriptor that nobody looked at before.
    let mut fds = [PollFd::new(late.as_fd(), PollFlags::POLLIN)];
    if poll(&mut fds, PollTimeout::from(5000_u16))? == 0 {
        return Err(io::Error::other("a poll after the daemon's end waits"));
    }
    match V4vListener::bind(PORT) {
        Err(_) => Ok(()),
        Ok(_) => Err(io::Error::other("a socket was opened at a daemon that is gone")),
    }
}

/// Two ends of a connection within this domain.
fn pair(domain: u16) -> io::Result<(V4vStream, V4vStream)> {
    let listener = V4vListener::bind(PORT)?;
    let stream = V4vStream::connect((domain, PORT))?;
    Ok((stream, listener.accept()?.0))
}

fn write_for_ever(stream: &mut V4vStream) -> io::Error {
    let bytes = [0; 65536];
    loop {
        if let Err(error) = stream.write_all(&bytes) {
            return error;
        }
    }
}

fn await_readable(socket: &impl AsFd) {
    let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    // A failure shows in the call that follows.
    let _ = poll(&mut fds, PollTimeout::NONE);
}

fn unexpected<T>(_: T) -> io::Error {
    io::Error::other("it succeeded")
}
