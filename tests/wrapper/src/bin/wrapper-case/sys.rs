//! Calls that Rust's library does not make.

use libc::{c_int, c_void, socklen_t};
use std::io;
use std::os::fd::RawFd;

/// A call's result, or its error.
pub(crate) fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// A number option as the C library, and so the wrapper, tells it.
pub(crate) fn option(fd: RawFd, level: c_int, name: c_int) -> io::Result<c_int> {
    let (mut value, mut len): (c_int, socklen_t) = (0, 4);
    // SAFETY: value and length are this function's.
    check(unsafe { libc::getsockopt(fd, level, name, (&raw mut value).cast(), &raw mut len) })?;
    Ok(value)
}

/// Sets a number option.
pub(crate) fn set_option(fd: RawFd, level: c_int, name: c_int, value: c_int) {
    // SAFETY: the value is this function's.
    check(unsafe { libc::setsockopt(fd, level, name, (&raw const value).cast::<c_void>(), 4) })
        .expect("setsockopt");
}

/// The family of a socket as the kernel tells it, which nobody stands before.
pub(crate) fn kernels_family(fd: RawFd) -> c_int {
    let (mut value, mut len): (c_int, socklen_t) = (0, 4);
    // SAFETY: value and length are this function's.
    let result = unsafe {
        let (value, len) = (&raw mut value, &raw mut len);
        libc::syscall(
            libc::SYS_getsockopt,
            fd,
            libc::SOL_SOCKET,
            libc::SO_DOMAIN,
            value,
            len,
        )
    };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
    value
}

/// How many descriptors this process has.
pub(crate) fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("proc").count()
}

/// An errno.
pub(crate) fn errno(error: &io::Error) -> c_int {
    error.raw_os_error().unwrap_or(0)
}
