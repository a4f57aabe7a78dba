//! The few system calls that no safe wrapper offers.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

/// `poll(2)` on one descriptor for `events`; the bits that are ready.
pub(crate) fn poll(fd: impl AsFd, events: i16, wait: Duration) -> io::Result<i16> {
    let mut entry = libc::pollfd { fd: fd.as_fd().as_raw_fd(), events, revents: 0 };
    let wait = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: `entry` is one pollfd, alive and exclusively ours for the call; its descriptor is borrowed, so open.
    match unsafe { libc::poll(&raw mut entry, 1, wait) } {
        n if n < 0 => Err(io::Error::last_os_error()),
        _ => Ok(entry.revents),
    }
}

/// `FIONREAD`.
pub(crate) fn fionread(fd: impl AsFd) -> io::Result<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: FIONREAD writes one int to its argument, which `bytes` is; the descriptor is borrowed, so open.
    let result = unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::FIONREAD, &raw mut bytes) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    usize::try_from(bytes).map_err(io::Error::other)
}

/// Lets `SIGPIPE` kill this process, as it does a C program. Rust's runtime ignores it otherwise.
pub(crate) fn sigpipe_kills() {
    // SAFETY: SIG_DFL runs no code of ours, so nothing has to be async-signal-safe.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

/// `buf` as socket2's receiving calls want it.
pub(crate) fn uninit(buf: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    // SAFETY: same layout; socket2 promises to write only initialised bytes through it, so `buf` stays valid.
    unsafe { &mut *(std::ptr::from_mut(buf) as *mut [MaybeUninit<u8>]) }
}
