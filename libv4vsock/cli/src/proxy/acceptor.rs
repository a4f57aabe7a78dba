//! Listening on either side.

use super::endpoint::Door;
use super::stream::Stream;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::TcpListener;
use tokio::time::sleep;
use v4vsock::descriptor;
use v4vsock::tokio::V4vStream;

/// Callers that wait to be accepted.
const BACKLOG: i32 = 1024;
/// How often it is looked whether `v4vd` knows the listener, and how soon one is made anew.
const LOOK: Duration = Duration::from_secs(1);

/// A listener.
#[derive(Debug)]
pub(crate) enum Acceptor {
    Tcp(TcpListener),
    /// A descriptor: Rust's ring sockets reach it as well as other programs.
    V4v(AsyncFd<OwnedFd>),
}

impl Acceptor {
    pub(crate) async fn open(door: &Door) -> io::Result<Self> {
        match door {
            Door::Tcp(address) => match TcpListener::bind(address.as_str()).await {
                Ok(listener) => Ok(Self::Tcp(listener)),
                Err(error) => Err(io::Error::new(
                    error.kind(),
                    format!("cannot listen at tcp:{address}: {error}"),
                )),
            },
            Door::V4v(port) => v4v(*port).map(Self::V4v),
        }
    }

    /// Where it listens, as events have it.
    pub(crate) fn address(&self) -> io::Result<String> {
        Ok(match self {
            Self::Tcp(listener) => format!("tcp:{}", listener.local_addr()?),
            Self::V4v(listener) => format!("v4v:{}", own(listener)?),
        })
    }

    /// The next connection, and who calls. `None`: `v4vd` was started again and knew nothing of the listener, which was made anew.
    pub(crate) async fn accept(&mut self) -> io::Result<Option<(Stream, String)>> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok(Some((Stream::from_tcp(stream)?, format!("tcp:{peer}"))))
            }
            Self::V4v(listener) => loop {
                tokio::select! {
                    accepted = accept(listener) => return accepted.map(Some),
                    () = sleep(LOOK) => if renew(listener)? {
                        return Ok(None);
                    },
                }
            },
        }
    }
}

fn v4v(port: u32) -> io::Result<AsyncFd<OwnedFd>> {
    let listener = std::os::unix::net::UnixListener::from(descriptor::listen(port, BACKLOG)?);
    listener.set_nonblocking(true)?;
    // SAFETY: an owned descriptor is the same for its whole life, and closed with it.
    Ok(unsafe { AsyncFd::register_with_interest(listener.into(), Interest::READABLE) }?)
}

fn own(listener: &AsyncFd<OwnedFd>) -> io::Result<v4vsock::V4vAddr> {
    descriptor::local_addr(listener.get_ref().as_fd())?.ok_or_else(|| ErrorKind::InvalidInput.into())
}

async fn accept(listener: &AsyncFd<OwnedFd>) -> io::Result<(Stream, String)> {
    let take = |fd: &OwnedFd| descriptor::accept(fd.as_fd(), true);
    let (socket, peer) = listener.async_io(Interest::READABLE, take).await?;
    let stream = v4vsock::V4vStream::from_descriptor(socket)?;
    Ok((Stream::V4v(V4vStream::from_std(stream)?), format!("v4v:{peer}")))
}

/// Whether the listener was made anew.
fn renew(listener: &mut AsyncFd<OwnedFd>) -> io::Result<bool> {
    // Without v4vd there is nobody to ask: it may come.
    if !matches!(descriptor::is_reachable(listener.get_ref().as_fd()), Ok(false)) {
        return Ok(false);
    }
    *listener = v4v(own(listener)?.port())?;
    Ok(true)
}
