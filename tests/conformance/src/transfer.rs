//! Moving whole runs of bytes over a connection.

use crate::backend::Connection;
use crate::pattern::Pattern;
use crate::wait::{PROMPT, QUIET, Ready, ready_within, until, would_block};
use std::io::{self, IoSlice, IoSliceMut};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The most that [`fill`] writes: more than any buffer of a connection that nobody reads.
const FILL_LIMIT: usize = 64 << 20;

/// Writes all of `bytes`.
#[track_caller]
pub(crate) fn write_all(to: &dyn Connection, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let n = to.write(bytes).expect("write");
        assert!(n > 0, "a write of {} bytes took none", bytes.len());
        bytes = &bytes[n..];
    }
}

/// Writes `bytes` of the pattern in writes of `step`.
#[track_caller]
pub(crate) fn write_pattern(to: &dyn Connection, pattern: &mut Pattern, bytes: usize, step: usize) {
    let mut left = bytes;
    while left > 0 {
        let n = left.min(step);
        write_all(to, &pattern.take(n));
        left -= n;
    }
}

/// Bytes of [`write_slices`].
pub(crate) const SLICES: usize = 1111;

/// Writes [`SLICES`] bytes of a new pattern by one call, from slices of which one is empty.
#[track_caller]
pub(crate) fn write_slices(to: &dyn Connection) {
    let bytes = Pattern::new(1).take(SLICES);
    let (a, rest) = bytes.split_at(1);
    let (b, c) = rest.split_at(110);
    let slices = [a, &[], b, c].map(IoSlice::new);
    assert_eq!(to.write_vectored(&slices).expect("writev"), SLICES);
}

/// Reads what [`write_slices`] wrote by one call, into other slices.
#[track_caller]
pub(crate) fn read_slices(from: &dyn Connection) {
    let (mut a, mut b, mut c) = ([0; 500], [0; 3], [0; 2000]);
    let mut slices = [&mut a[..], &mut [], &mut b, &mut c].map(IoSliceMut::new);
    assert_eq!(from.read_vectored(&mut slices).expect("readv"), SLICES);
    let mut pattern = Pattern::new(1);
    for part in [&a[..], &b, &c[..SLICES - a.len() - b.len()]] {
        pattern.check(part);
    }
}

/// Reads exactly `len` bytes.
#[track_caller]
pub(crate) fn read_exact(from: &dyn Connection, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut got = 0;
    while got < len {
        let n = from.read(&mut bytes[got..]).expect("read");
        assert!(n > 0, "end of stream after {got} of {len} bytes");
        got += n;
    }
    bytes
}

/// Reads `bytes` of the pattern in reads of at most `step`.
#[track_caller]
pub(crate) fn read_pattern(from: &dyn Connection, pattern: &mut Pattern, bytes: usize, step: usize) {
    let mut buf = vec![0; step];
    let mut left = bytes;
    while left > 0 {
        let want = left.min(step);
        let n = from.read(&mut buf[..want]).expect("read");
        assert!(n > 0, "end of stream, {left} of {bytes} bytes missing");
        pattern.check(&buf[..n]);
        left -= n;
    }
}

/// Reads the pattern to the end of the stream; the bytes read.
#[track_caller]
pub(crate) fn read_pattern_to_end(from: &dyn Connection, pattern: &mut Pattern) -> u64 {
    let start = pattern.at();
    let mut buf = vec![0; 64 << 10];
    loop {
        match from.read(&mut buf).expect("read") {
            0 => return pattern.at() - start,
            n => pattern.check(&buf[..n]),
        }
    }
}

/// Checks that a text comes next.
#[track_caller]
pub(crate) fn expect_bytes(from: &dyn Connection, bytes: &[u8]) {
    assert_eq!(read_exact(from, bytes.len()), bytes);
}

/// Waits until `bytes` can be read. TCP may hand over late what several writes gave it.
#[track_caller]
pub(crate) fn await_available(from: &dyn Connection, bytes: usize) {
    until("such FIONREAD", || {
        (from.available().expect("FIONREAD") == bytes).then_some(())
    });
}

/// Checks that the stream has ended.
#[track_caller]
pub(crate) fn expect_eof(from: &dyn Connection) {
    let mut buf = [0; 64];
    assert_eq!(
        from.read(&mut buf).expect("end of stream"),
        0,
        "bytes instead of end of stream"
    );
}

/// Writes the pattern until the connection takes no more, and turns it non-blocking for that; the bytes written.
///
/// What lies in the sender's own queue may still move on, and TCP calls itself writable only when a third of that is free:
/// so the connection counts as full when it takes nothing after a pause either.
#[track_caller]
pub(crate) fn fill(to: &dyn Connection, pattern: &mut Pattern) -> usize {
    to.set_nonblocking(true).expect("O_NONBLOCK");
    let mut total = 0;
    loop {
        let paused = !ready_within(to, Ready::OUT, QUIET).has(Ready::OUT);
        let taken = fill_once(to, pattern);
        if paused && taken == 0 {
            return total;
        }
        total += taken;
        assert!(total < FILL_LIMIT, "never full");
    }
}

/// Writes the pattern until a write would block.
#[track_caller]
pub(crate) fn fill_once(to: &dyn Connection, pattern: &mut Pattern) -> usize {
    let mut total = 0;
    while total < FILL_LIMIT {
        let mut ahead = *pattern;
        match to.write(&ahead.take(64 << 10)) {
            Ok(n) => {
                pattern.skip(n);
                total += n;
            }
            Err(error) if would_block(&error) => break,
            Err(error) => panic!("write: {error}"),
        }
    }
    total
}

/// Writes the pattern to a full connection, by `write`, until a call takes nothing; its error and how long it took.
///
/// Though nobody reads, TCP takes a little more now and then: it probes its peer's window from time to time.
#[track_caller]
pub(crate) fn write_until_stuck(
    pattern: &mut Pattern,
    mut write: impl FnMut(&[u8]) -> io::Result<usize>,
) -> (io::Error, Duration) {
    while pattern.at() < FILL_LIMIT as u64 {
        let mut ahead = *pattern;
        let bytes = ahead.take(1 << 20);
        let start = Instant::now();
        match write(&bytes) {
            Ok(n) => pattern.skip(n),
            Err(error) => return (error, start.elapsed()),
        }
    }
    panic!("never full")
}

/// Reads what is there, without blocking mode; the bytes read. The stream must not end.
#[track_caller]
pub(crate) fn drain(from: &dyn Connection, pattern: &mut Pattern) -> usize {
    let mut buf = vec![0; 64 << 10];
    let mut total = 0;
    loop {
        match from.read(&mut buf) {
            Ok(0) => panic!("end of stream"),
            Ok(n) => {
                pattern.check(&buf[..n]);
                total += n;
            }
            Err(error) if would_block(&error) => return total,
            Err(error) => panic!("read: {error}"),
        }
    }
}

/// Writes until a write fails, promptly; its error.
#[track_caller]
pub(crate) fn write_until_error(to: &dyn Connection) -> io::Error {
    let end = Instant::now() + PROMPT;
    loop {
        if let Err(error) = to.write(&[7; 1000]) {
            return error;
        }
        assert!(Instant::now() < end, "writes still succeed");
        sleep(Duration::from_millis(1));
    }
}

/// Checks that `error` is one of `errnos`.
#[track_caller]
pub(crate) fn expect_errno(error: &io::Error, errnos: &[i32]) {
    let found = errno(error);
    let known = found.is_some_and(|e| errnos.contains(&e));
    let wanted: Vec<_> = errnos.iter().map(|e| io::Error::from_raw_os_error(*e)).collect();
    assert!(known, "{error:?} instead of {wanted:?}");
}

/// The errno in `error`, which V4V may have explained in words.
fn errno(error: &io::Error) -> Option<i32> {
    #[cfg(feature = "v4v")]
    return v4vsock::errno(error);
    #[cfg(not(feature = "v4v"))]
    error.raw_os_error()
}

/// Checks that the connection was reset and says so once: `ECONNRESET`, then end of stream and `EPIPE`.
#[track_caller]
pub(crate) fn expect_reset_once(conn: &dyn Connection) {
    let error = conn.read(&mut [0; 64]).expect_err("a reset");
    expect_errno(&error, &[libc::ECONNRESET]);
    expect_eof(conn);
    let error = conn.write(b"x").expect_err("nobody to write to");
    expect_errno(&error, &[libc::EPIPE]);
}
