//! How a socket is made, where the defaults do not fit.

use std::io;
use std::time::Duration;
use v4v_ring::layout::{PAGE, RING_HEADER};
use v4v_sock::SocketKind;
use v4v_sock::connect::ConnOptions;
use v4v_sock::limits::{CONN_RING_DEFAULT, CONN_RING_MAX};

/// Connections that may wait for `accept` unless the user says otherwise, as in [`std::net`].
const BACKLOG: usize = 128;

/// Greatest [`receive_buffer`](SocketOptions::receive_buffer) in bytes: 16 MiB.
pub const RECEIVE_BUFFER_MAX: usize = (CONN_RING_MAX + RING_HEADER) as usize;

const DEFAULT_BUFFER: usize = (CONN_RING_DEFAULT + RING_HEADER) as usize;

const _: () = assert!(RECEIVE_BUFFER_MAX == 16 << 20 && DEFAULT_BUFFER == 576 << 10);

/// How a connecting or listening socket is made.
///
/// ```no_run
/// use std::time::Duration;
/// let stream = v4vsock::SocketOptions::new()
///     .receive_buffer(4 << 20)
///     .connect_timeout(Duration::from_secs(1))
///     .connect_stream("gpu:5001")?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SocketOptions {
    /// Bytes of the ring with its header, as they were asked for.
    receive_buffer: usize,
    pub(crate) backlog: usize,
    pub(crate) nonblocking: bool,
    pub(crate) timeout: Option<Duration>,
}

impl SocketOptions {
    /// The defaults: a ring of 576 KiB, a backlog of 128, blocking.
    #[must_use]
    pub fn new() -> Self {
        Self {
            receive_buffer: DEFAULT_BUFFER,
            backlog: BACKLOG,
            nonblocking: false,
            timeout: None,
        }
    }

    /// Least bytes of the receiving ring, its header of 64 bytes included. They are rounded up to whole pages, at least one, so
    /// that 0 asks for the smallest ring; above [`RECEIVE_BUFFER_MAX`], making the socket fails with `InvalidInput`. It cannot be
    /// changed later.
    ///
    /// `SO_RCVBUF` on Linux would shrink what is too much and say nothing. Here nobody gets less than asked for: who needs so
    /// much has to know that it is not to be had.
    #[must_use]
    pub fn receive_buffer(mut self, bytes: usize) -> Self {
        self.receive_buffer = bytes;
        self
    }

    /// Connections that may wait for `accept`, at most 4096.
    #[must_use]
    pub fn backlog(mut self, connections: usize) -> Self {
        self.backlog = connections;
        self
    }

    /// Connecting returns at once; the descriptor is writable when it is done, and `take_error` says how.
    #[must_use]
    pub fn nonblocking(mut self, on: bool) -> Self {
        self.nonblocking = on;
        self
    }

    /// Connecting gives up after this time.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    pub(crate) fn conn(&self, kind: SocketKind) -> io::Result<ConnOptions> {
        Ok(ConnOptions {
            kind,
            ring_len: self.ring_len()?,
        })
    }

    /// Data bytes of the ring.
    fn ring_len(&self) -> io::Result<u32> {
        if self.receive_buffer > RECEIVE_BUFFER_MAX {
            let reason = format!(
                "a receive buffer of {} bytes: at most {RECEIVE_BUFFER_MAX} are possible",
                self.receive_buffer
            );
            return Err(crate::error::with_reason(libc::EINVAL, &reason));
        }
        let bytes = self.receive_buffer.max(1).next_multiple_of(PAGE as usize);
        Ok(bytes as u32 - RING_HEADER)
    }
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use v4v_sock::limits::{CONN_RING_MIN, conn_ring_ok};

    #[test]
    fn a_ring_holds_at_least_what_was_asked_for() {
        let len = |bytes| SocketOptions::new().receive_buffer(bytes).ring_len();
        let page = PAGE as usize;
        for small in [0, 1, page - 1, page] {
            assert_eq!(len(small).expect("one page"), CONN_RING_MIN, "{small}");
        }
        assert_eq!(len(page + 1).expect("two pages"), CONN_RING_MIN + PAGE);
        assert_eq!(len(RECEIVE_BUFFER_MAX).expect("the greatest"), CONN_RING_MAX);
        assert!(conn_ring_ok(len(123_456).expect("between")));
        assert_eq!(
            SocketOptions::new().ring_len().expect("the default"),
            CONN_RING_DEFAULT
        );
    }

    #[test]
    fn too_much_is_an_error_that_names_what_was_asked_for() {
        for bytes in [RECEIVE_BUFFER_MAX + 1, usize::MAX] {
            let error = SocketOptions::new()
                .receive_buffer(bytes)
                .conn(SocketKind::Stream)
                .expect_err("more than a ring holds");
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            let text = error.to_string();
            assert!(
                text.contains(&format!("{bytes} bytes: at most 16777216 are")),
                "{text}"
            );
        }
    }
}
