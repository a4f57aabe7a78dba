//! What the tests ask of the kernel.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use v4vsock::{V4vAddr, descriptor, errno, local_domain};

/// A connected pair: the caller's end, the listener's end, the listener.
pub(crate) struct Pair {
    pub(crate) caller: OwnedFd,
    pub(crate) accepted: OwnedFd,
    pub(crate) listener: OwnedFd,
    pub(crate) from: V4vAddr,
    pub(crate) to: V4vAddr,
}

/// This domain's address with a port.
pub(crate) fn here(port: u32) -> V4vAddr {
    V4vAddr::new(local_domain().expect("v4vd listens"), port)
}

/// Within this process.
pub(crate) fn pair() -> Pair {
    let listener = descriptor::listen(5001, 1).expect("free");
    let to = here(5001);
    let caller = descriptor::connect(to, false).expect("connected").socket;
    let (accepted, from) = descriptor::accept(listener.as_fd(), false).expect("one waits");
    Pair {
        caller,
        accepted,
        listener,
        from,
        to,
    }
}

pub(crate) fn write(to: impl AsFd, bytes: &[u8]) {
    file(to.as_fd()).write_all(bytes).expect("written");
}

pub(crate) fn read(from: impl AsFd, bytes: usize) -> Vec<u8> {
    let mut buffer = vec![0; bytes];
    file(from.as_fd()).read_exact(&mut buffer).expect("read");
    buffer
}

/// Everything up to the end.
pub(crate) fn read_all(from: impl AsFd) -> Vec<u8> {
    let mut buffer = Vec::new();
    file(from.as_fd()).read_to_end(&mut buffer).expect("read");
    buffer
}

fn file(fd: BorrowedFd<'_>) -> File {
    fd.try_clone_to_owned().expect("a copy").into()
}

/// Asserts that a call failed so, with a sentence that contains `part`.
#[track_caller]
pub(crate) fn assert_refused<T: std::fmt::Debug>(outcome: std::io::Result<T>, number: i32, part: &str) {
    let error = outcome.expect_err("refused");
    assert_eq!(errno(&error), Some(number), "{error}");
    assert!(error.to_string().contains(part), "{part:?} is not in {error}");
}

/// Descriptors of this process.
pub(crate) fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("/proc").count()
}
