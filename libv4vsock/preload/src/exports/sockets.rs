//! Sockets, connections, listeners.

use crate::connect::{self, Call};
use crate::listener::{self, behind};
use crate::{address, errno, next, table};
use libc::{c_int, sockaddr, socklen_t};

/// As the C library's.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int {
    // SAFETY: the caller's promise.
    let fd = unsafe { next::socket(domain, kind, protocol) };
    if fd >= 0 {
        table::forget_notes(fd);
    }
    fd
}

/// As the C library's.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn bind(fd: c_int, address: *const sockaddr, len: socklen_t) -> c_int {
    // SAFETY: the caller's promise; what the kernel has read can be read here.
    unsafe {
        let socket = behind(fd).map_or(fd, listener::Behind::tcp);
        let result = next::bind(socket, address, len);
        if result == 0 && address::inet(address, len).is_some_and(|at| at.port() != 0) {
            table::note_bound(fd);
        }
        result
    }
}

/// As the C library's: V4V where the policy says so.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn connect(fd: c_int, address: *const sockaddr, len: socklen_t) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { connect::connect(Call { fd, address, len }) }
}

/// As the C library's: serves V4V too where the policy says so.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn listen(fd: c_int, backlog: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        if let Some(both) = behind(fd) {
            return next::listen(both.tcp(), backlog);
        }
        let result = next::listen(fd, backlog);
        if result == 0 {
            errno::kept(|| listener::serve(fd, backlog));
        }
        result
    }
}

/// As the C library's.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn accept(
    fd: c_int,
    address: *mut sockaddr,
    len: *mut socklen_t,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        match behind(fd) {
            Some(both) => listener::accept(fd, both, address, len, 0),
            None => next::accept(fd, address, len),
        }
    }
}

/// As the C library's.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn accept4(
    fd: c_int,
    address: *mut sockaddr,
    len: *mut socklen_t,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        match behind(fd) {
            Some(both) => listener::accept(fd, both, address, len, flags),
            None => next::accept4(fd, address, len, flags),
        }
    }
}

/// As the C library's.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn shutdown(fd: c_int, how: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let Some(both) = behind(fd) else {
            return next::shutdown(fd, how);
        };
        if how != libc::SHUT_WR {
            errno::kept(|| next::shutdown(both.v4v(), how));
        }
        next::shutdown(both.tcp(), how)
    }
}

/// The same as [`connect`], by the C library's other name.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn __connect(
    fd: c_int,
    address: *const sockaddr,
    len: socklen_t,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { connect(fd, address, len) }
}
