//! Bytes between two connections, both directions at once.

use super::stream::Stream;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};

/// Bytes that are held of each direction at most, beside the kernel's buffers: what a reader does not take, its sender waits with.
const BUFFER: usize = 64 * 1024;

/// What went through a connection so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// From the caller to the other side.
    pub(crate) out: AtomicU64,
    /// Back to the caller.
    pub(crate) back: AtomicU64,
}

/// Passes on until both directions have ended. An end of one is passed on as that, and the other goes on.
///
/// # Errors
/// Where one side broke, or `cut` came first. That is passed on to both as a reset.
pub(crate) async fn relay(
    caller: Stream,
    other: Stream,
    counts: &Counts,
    cut: impl Future<Output = ()>,
) -> io::Result<()> {
    let (mut caller_read, mut caller_write) = split(caller);
    let (mut other_read, mut other_write) = split(other);
    let both = async {
        tokio::try_join!(
            pump(&mut caller_read, &mut other_write, &counts.out),
            pump(&mut other_read, &mut caller_write, &counts.back),
        )
    };
    let outcome = tokio::select! {
        outcome = both => outcome,
        () = cut => Err(io::Error::other("the proxy was stopped")),
    };
    if outcome.is_err() {
        caller_read.unsplit(caller_write).reset();
        other_read.unsplit(other_write).reset();
    }
    outcome.map(drop)
}

async fn pump(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    count: &AtomicU64,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let n = from.read(&mut buffer).await?;
        if n == 0 {
            return match to.shutdown().await {
                // It has gone already, with all that it wanted; the other direction will tell if not.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
                outcome => outcome,
            };
        }
        to.write_all(&buffer[..n]).await?;
        count.fetch_add(n as u64, Ordering::Relaxed);
    }
}
