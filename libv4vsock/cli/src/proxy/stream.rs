//! A connection of either kind.

use super::endpoint::Endpoint;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use v4vsock::tokio::V4vStream;

/// Between two attempts where a listener's backlog is full.
const PAUSE: Duration = Duration::from_millis(20);

/// Either.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    V4v(V4vStream),
}

impl Stream {
    /// Connects, within a time.
    pub(crate) async fn connect(to: &Endpoint, within: Duration) -> io::Result<Self> {
        let attempt = async {
            match to {
                Endpoint::Tcp(address) => TcpStream::connect(address.as_str())
                    .await
                    .and_then(Self::from_tcp),
                Endpoint::V4v(address) => connect_v4v(address).await.map(Self::V4v),
            }
        };
        match timeout(within, attempt).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let why = format!("no answer within {} s", within.as_secs());
                Err(io::Error::new(ErrorKind::TimedOut, why))
            }
        }
    }

    /// What is written goes at once: whoever wrote it has decided how much that is.
    pub(crate) fn from_tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self::Tcp(stream))
    }

    /// Closes it so that the peer sees a reset, where the kind knows one.
    pub(crate) fn reset(self) {
        // It fails where the connection is gone already.
        let _ = match self {
            Self::Tcp(stream) => stream.set_zero_linger(),
            Self::V4v(stream) => stream.reset(),
        };
    }
}

async fn connect_v4v(address: &str) -> io::Result<V4vStream> {
    loop {
        match V4vStream::connect(address).await {
            Err(error) if error.kind() == ErrorKind::WouldBlock => sleep(PAUSE).await,
            outcome => return outcome,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::V4v(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::V4v(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::V4v(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::V4v(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
