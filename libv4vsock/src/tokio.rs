//! The same sockets on tokio's reactor.
//!
//! ```no_run
//! use tokio::io::AsyncWriteExt;
//! # async fn serve() -> std::io::Result<()> {
//! let listener = v4vsock::tokio::V4vListener::bind(5001)?;
//! let (mut stream, peer) = listener.accept().await?;
//! stream.write_all(format!("hello, {peer}").as_bytes()).await?;
//! # Ok(()) }
//! ```

use crate::addr::{ToV4vAddr, V4vAddr};
use crate::options::SocketOptions;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

/// A byte stream, as `tokio::net::TcpStream`.
#[derive(Debug)]
pub struct V4vStream(AsyncFd<crate::V4vStream>);

/// Listens for [`V4vStream`]s, as `tokio::net::TcpListener`.
#[derive(Debug)]
pub struct V4vListener(AsyncFd<crate::V4vListener>);

impl V4vStream {
    /// Connects. Looking a name up asks the daemon, which takes microseconds, so it is done at once.
    ///
    /// # Errors
    /// As [`crate::V4vStream::connect`].
    pub async fn connect(addr: impl ToV4vAddr) -> io::Result<Self> {
        let stream = Self::from_std(SocketOptions::new().nonblocking(true).connect_stream(addr)?)?;
        // Writability says that the attempt is over; the error, if any, says how.
        drop(stream.0.writable().await?);
        match stream.0.get_ref().take_error()? {
            Some(error) => Err(error),
            None => stream.0.get_ref().peer_addr().map(|_| stream),
        }
    }

    /// A blocking stream, made asynchronous.
    ///
    /// # Errors
    /// Outside of a tokio runtime with I/O; the system's.
    pub fn from_std(stream: crate::V4vStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        // SAFETY: a stream's descriptor is the same for its whole life, and closed with it.
        Ok(Self(unsafe { AsyncFd::register(stream) }?))
    }

    /// Closes the connection so that the peer sees a reset.
    ///
    /// # Errors
    /// As [`crate::V4vStream::reset`].
    pub fn reset(self) -> io::Result<()> {
        self.0.into_inner().reset()
    }

    /// The own address.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<V4vAddr> {
        self.0.get_ref().local_addr()
    }

    /// The peer's address.
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn peer_addr(&self) -> io::Result<V4vAddr> {
        self.0.get_ref().peer_addr()
    }
}

impl V4vListener {
    /// Listens on `port`; 0: on a free port.
    ///
    /// # Errors
    /// As [`crate::V4vListener::bind`].
    pub fn bind(port: u32) -> io::Result<Self> {
        let listener = crate::V4vListener::bind(port)?;
        listener.set_nonblocking(true)?;
        // SAFETY: a listener's descriptor is the same for its whole life, and closed with it.
        Ok(Self(unsafe {
            AsyncFd::register_with_interest(listener, Interest::READABLE)
        }?))
    }

    /// The next connection and its peer's address.
    ///
    /// # Errors
    /// As [`crate::V4vListener::accept`].
    pub async fn accept(&self) -> io::Result<(V4vStream, V4vAddr)> {
        let (stream, peer) = self
            .0
            .async_io(Interest::READABLE, crate::V4vListener::accept)
            .await?;
        Ok((V4vStream::from_std(stream)?, peer))
    }

    /// The own address.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<V4vAddr> {
        self.0.get_ref().local_addr()
    }
}

impl AsyncRead for V4vStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.0.poll_read_ready(cx))?;
            let space = buffer.initialize_unfilled();
            match guard.try_io(|stream| stream.get_ref().read(space)) {
                Ok(outcome) => return Poll::Ready(outcome.map(|n| buffer.advance(n))),
                Err(_would_block) => {}
            }
        }
    }
}

impl V4vStream {
    fn poll_io<T>(
        &self,
        cx: &mut Context<'_>,
        mut io: impl FnMut(&mut &crate::V4vStream) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            let mut guard = ready!(self.0.poll_write_ready(cx))?;
            match guard.try_io(|stream| io(&mut stream.get_ref())) {
                Ok(outcome) => return Poll::Ready(outcome),
                Err(_would_block) => {}
            }
        }
    }
}

impl AsyncWrite for V4vStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_io(cx, |stream| stream.write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_io(cx, |stream| stream.write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.get_ref().shutdown(Shutdown::Write))
    }
}
