//! How a socket is made, where the defaults do not fit.

use std::io;
use std::time::Duration;
use v4v_ring::layout::{PAGE, RING_HEADER, SLOT};
use v4v_sock::SocketKind;
use v4v_sock::connect::ConnOptions;
use v4v_sock::limits::{CONN_RING_DEFAULT, CONN_RING_MAX, CONN_RING_MIN};

/// Connections that may wait for `accept` unless the user says otherwise, as in [`std::net`].
const BACKLOG: usize = 128;

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
    pub(crate) receive_buffer: u32,
    pub(crate) backlog: usize,
    pub(crate) nonblocking: bool,
    pub(crate) timeout: Option<Duration>,
}

impl SocketOptions {
    /// The defaults: a ring of 576 KiB, a backlog of 128, blocking.
    #[must_use]
    pub fn new() -> Self {
        Self {
            receive_buffer: CONN_RING_DEFAULT,
            backlog: BACKLOG,
            nonblocking: false,
            timeout: None,
        }
    }

    /// Bytes of the receiving ring (`SO_RCVBUF`), rounded to whole pages; from 4 KiB to 16 MiB less a page, else an error when
    /// the socket is made. It cannot be changed later.
    #[must_use]
    pub fn receive_buffer(mut self, bytes: usize) -> Self {
        let pages = bytes.div_ceil(PAGE as usize).saturating_mul(PAGE as usize);
        self.receive_buffer = u32::try_from(pages)
            .unwrap_or(u32::MAX)
            .saturating_sub(RING_HEADER)
            & !(SLOT - 1);
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
        if !(CONN_RING_MIN..=CONN_RING_MAX).contains(&self.receive_buffer) {
            let reason = format!(
                "a receive buffer of {} bytes: it must be between {CONN_RING_MIN} and {CONN_RING_MAX}",
                self.receive_buffer
            );
            return Err(crate::error::with_reason(libc::EINVAL, &reason));
        }
        Ok(ConnOptions {
            kind,
            ring_len: self.receive_buffer,
        })
    }
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self::new()
    }
}
