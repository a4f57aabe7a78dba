//! The few system calls that no safe wrapper offers.

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::{ForkResult, Pid, fork};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::ptr::null_mut;
use std::time::Duration;

/// `poll(2)` on one descriptor for `events`; the bits that are ready.
pub(crate) fn poll(fd: impl AsFd, events: i16, wait: Duration) -> io::Result<i16> {
    let mut entry = libc::pollfd {
        fd: fd.as_fd().as_raw_fd(),
        events,
        revents: 0,
    };
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

/// Sends this process a `SIGALRM` every `time`, from then on until it is called with zero. The handler does nothing, so that
/// calls end with `EINTR`.
pub(crate) fn alarm_every(time: Duration) -> io::Result<()> {
    extern "C" fn ignore(_signal: libc::c_int) {}
    // Without SA_RESTART.
    let action = SigAction::new(SigHandler::Handler(ignore), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler touches nothing.
    unsafe { sigaction(Signal::SIGALRM, &action) }?;
    let value = libc::timeval {
        tv_sec: time.as_secs().cast_signed(),
        tv_usec: time.subsec_micros().into(),
    };
    let timer = libc::itimerval {
        it_interval: value,
        it_value: value,
    };
    // SAFETY: the kernel reads one itimerval, which `timer` is; a null pointer asks for no old one.
    match unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Runs `part` in a child of this process, which has one thread; the child's exit code is what `part` returns.
pub(crate) fn in_child(part: impl FnOnce() -> i32) -> io::Result<Pid> {
    // SAFETY: a side that forks has started no thread, so the child finds no lock held and may do what its parent may.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            let code = part();
            // SAFETY: _exit takes an int and does not return; nothing of the parent's is flushed or dropped twice.
            unsafe { libc::_exit(code) }
        }
    }
}

/// `accept4(2)`, without the peer's address.
pub(crate) fn accept4(fd: impl AsFd, flags: i32) -> io::Result<OwnedFd> {
    // SAFETY: two null pointers ask for no address; the descriptor is borrowed, so open.
    let accepted = unsafe { libc::accept4(fd.as_fd().as_raw_fd(), null_mut(), null_mut(), flags) };
    if accepted < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(accepted) })
}

/// An `ioctl(2)` that no socket knows.
pub(crate) fn unknown_ioctl(fd: impl AsFd) -> io::Result<()> {
    /// Of no driver (Linux's Documentation/userspace-api/ioctl/ioctl-number.rst).
    const UNKNOWN: libc::Ioctl = 0x7F_7F;
    let mut bytes = [0_u8; 64];
    // SAFETY: whatever would answer finds 64 bytes that are ours; the descriptor is borrowed, so open.
    match unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), UNKNOWN, bytes.as_mut_ptr()) } {
        n if n < 0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// `setsockopt(2)` of one int.
pub(crate) fn set_option(fd: impl AsFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    let fd = fd.as_fd().as_raw_fd();
    // SAFETY: the kernel reads one int from `value`, whose size we tell; the descriptor is borrowed, so open.
    match unsafe {
        libc::setsockopt(
            fd,
            level,
            name,
            (&raw const value).cast(),
            size_of_val(&value) as u32,
        )
    } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// `buf` as socket2's receiving calls want it.
pub(crate) fn uninit(buf: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    // SAFETY: same layout; socket2 promises to write only initialised bytes through it, so `buf` stays valid.
    unsafe { &mut *(std::ptr::from_mut(buf) as *mut [MaybeUninit<u8>]) }
}
