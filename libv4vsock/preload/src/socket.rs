//! Questions to the kernel about a descriptor.

use crate::address::Raw;
use crate::next;
use libc::{F_GETFD, F_GETFL, FD_CLOEXEC, IPPROTO_TCP, O_NONBLOCK, SOL_SOCKET, c_int, c_void, socklen_t};
use std::mem::MaybeUninit;
use std::net::SocketAddr;

/// Types of options' values.
///
/// # Safety
/// Implementors are plain data: any bytes are a value.
pub(crate) unsafe trait Plain: Copy {}

// SAFETY: plain data of the C library's.
unsafe impl Plain for c_int {}
// SAFETY: as above.
unsafe impl Plain for libc::timeval {}
// SAFETY: an integer.
unsafe impl Plain for u64 {}
// SAFETY: as above.
unsafe impl Plain for libc::linger {}

/// An option's value; `None` where the descriptor has no such option.
pub(crate) fn option<T: Plain>(fd: c_int, level: c_int, name: c_int) -> Option<T> {
    let mut value = MaybeUninit::<T>::zeroed();
    let mut len = size_of::<T>() as socklen_t;
    // SAFETY: value and length are this function's own, and the length is the value's.
    let result =
        unsafe { next::getsockopt(fd, level, name, value.as_mut_ptr().cast::<c_void>(), &raw mut len) };
    // SAFETY: the value was zeroed, and any bytes are one.
    (result == 0).then(|| unsafe { value.assume_init() })
}

/// Sets an option; whether the kernel took it.
pub(crate) fn set_option<T: Plain>(fd: c_int, level: c_int, name: c_int, value: T) -> bool {
    let len = size_of::<T>() as socklen_t;
    // SAFETY: value and length are this function's own, and the length is the value's.
    unsafe { next::setsockopt(fd, level, name, (&raw const value).cast::<c_void>(), len) == 0 }
}

/// The state that `TCP_INFO` begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TcpState {
    /// TCP_CLOSE: no connection was asked for.
    Closed,
    /// TCP_LISTEN.
    Listening,
    /// A connection, on its way, there, or going.
    Other,
}

/// A TCP socket's state; `None` where the descriptor is none.
pub(crate) fn tcp_state(fd: c_int) -> Option<TcpState> {
    let mut state = 0_u8;
    let mut len: socklen_t = 1;
    // SAFETY: one byte is announced, and there is one; the kernel cuts what it gives.
    let result = unsafe {
        let value = (&raw mut state).cast::<c_void>();
        next::getsockopt(fd, IPPROTO_TCP, libc::TCP_INFO, value, &raw mut len)
    };
    // linux/tcp_states.h.
    match (result, state) {
        (0, 7) => Some(TcpState::Closed),
        (0, 10) => Some(TcpState::Listening),
        (0, _) => Some(TcpState::Other),
        _ => None,
    }
}

/// Whether calls on it do not wait.
pub(crate) fn is_nonblocking(fd: c_int) -> bool {
    // SAFETY: F_GETFL takes no argument.
    let flags = unsafe { next::fcntl(fd, F_GETFL, 0) };
    flags >= 0 && flags & O_NONBLOCK != 0
}

/// Whether `exec` closes it.
pub(crate) fn is_cloexec(fd: c_int) -> bool {
    // SAFETY: F_GETFD takes no argument.
    let flags = unsafe { next::fcntl(fd, F_GETFD, 0) };
    flags >= 0 && flags & FD_CLOEXEC != 0
}

/// Has `exec` close it, or not.
pub(crate) fn set_cloexec(fd: c_int, wish: bool) {
    let flags = if wish { FD_CLOEXEC } else { 0 };
    // SAFETY: the flags are a number.
    unsafe { next::fcntl(fd, libc::F_SETFD, flags as libc::c_ulong) };
}

/// Has calls on it wait, or not.
pub(crate) fn set_nonblocking(fd: c_int, wish: bool) {
    // SAFETY: F_GETFL takes no argument, and F_SETFL takes a number.
    unsafe {
        let flags = next::fcntl(fd, F_GETFL, 0);
        let wanted = if wish {
            flags | O_NONBLOCK
        } else {
            flags & !O_NONBLOCK
        };
        if flags >= 0 && wanted != flags {
            next::fcntl(fd, libc::F_SETFL, wanted as libc::c_ulong);
        }
    }
}

/// What tells this socket from every other; `None` for what is no socket.
pub(crate) fn cookie(fd: c_int) -> Option<u64> {
    option(fd, SOL_SOCKET, libc::SO_COOKIE)
}

/// The IP address and port that it is bound to; `None` for what is no IP socket.
pub(crate) fn local_inet(fd: c_int) -> Option<SocketAddr> {
    let mut raw = Raw::empty();
    let (address, len) = raw.as_mut();
    // SAFETY: the room is as long as it is said to be.
    let result = unsafe { next::getsockname(fd, address, len) };
    (result == 0).then(|| raw.inet()).flatten()
}

/// Whether it is one of AF_INET6.
pub(crate) fn is_v6(fd: c_int) -> bool {
    option(fd, SOL_SOCKET, libc::SO_DOMAIN) == Some(libc::AF_INET6)
}
