//! Addresses of sockets.

use crate::address::Raw;
use crate::listener::{Behind, behind};
use crate::notes::Notes;
use crate::{errno, names, next, v4v};
use libc::{AF_INET, AF_INET6, AF_UNIX, AF_UNSPEC, c_int, sockaddr, socklen_t};

/// Whether this may be the address of a V4V socket: one without a path, or of a family that this library does not know. A Unix
/// socket's address comes with its length; that of V4V's has bytes after a first 0.
fn is_suspect(raw: &Raw) -> bool {
    match raw.family() {
        AF_INET | AF_INET6 | AF_UNSPEC | libc::AF_NETLINK | libc::AF_PACKET => false,
        AF_UNIX => raw.is_abstract(),
        _ => true,
    }
}

/// Answers with `real`'s address, or with that which a program sees of a V4V socket.
///
/// # Safety
/// `address` and `len` are the program's.
unsafe fn answer(
    fd: c_int,
    address: *mut sockaddr,
    len: *mut socklen_t,
    real: unsafe fn(c_int, *mut sockaddr, *mut socklen_t) -> c_int,
    v4v: fn(c_int) -> Result<Option<v4vsock::V4vAddr>, c_int>,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        if let Some(both) = behind(fd) {
            return real(both.tcp(), address, len);
        }
        if address.is_null() || len.is_null() || (*len).cast_signed() < 0 {
            return real(fd, address, len);
        }
        let mut raw = Raw::empty();
        let (room, room_len) = raw.as_mut();
        let result = real(fd, room, room_len);
        if result != 0 {
            return result;
        }
        if is_suspect(&raw)
            && !v4v::is_inside()
            && let Some(notes) = Notes::of(fd)
        {
            match v4v(fd) {
                Ok(Some(known)) => raw = names::raw(known, notes),
                Ok(None) => {}
                Err(error) => return errno::fail(error),
            }
        }
        raw.give(address, len);
        0
    }
}

/// As the C library's.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn getsockname(
    fd: c_int,
    address: *mut sockaddr,
    len: *mut socklen_t,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { answer(fd, address, len, next::getsockname, |fd| Ok(v4v::local(fd))) }
}

/// As the C library's.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn getpeername(
    fd: c_int,
    address: *mut sockaddr,
    len: *mut socklen_t,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { answer(fd, address, len, next::getpeername, v4v::peer) }
}

/// The descriptor that a listener's calls go to: its TCP socket.
pub(super) fn tcp_of(fd: c_int) -> c_int {
    behind(fd).map_or(fd, Behind::tcp)
}
