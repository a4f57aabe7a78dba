//! Stream sockets: descriptors, on either backend.

use crate::address::{SockaddrV4v, give, text_of};
use crate::failure::{fail, mistake, returned};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use std::ffi::{c_char, c_int};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd};
use v4vsock::{ToV4vAddr, V4vAddr, descriptor};

/// The flags that these functions take, with their meaning in `socket(2)`.
const FLAGS: c_int = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;

/// A stream that is connected to `to`, or -1. `errno` is 0 or, for a descriptor that is returned, `EINPROGRESS`.
///
/// # Safety
/// `to` is null or points to a `struct sockaddr_v4v`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn v4v_connect(to: *const SockaddrV4v, flags: c_int) -> c_int {
    // SAFETY: the caller's promise.
    let to = unsafe { to.as_ref() }
        .ok_or_else(|| mistake("the address is NULL"))
        .and_then(|to| to.decode());
    connect(to, flags)
}

/// The same with the address as text, `DOMAIN:PORT`.
///
/// # Safety
/// `to` is null or ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn v4v_connect_text(to: *const c_char, flags: c_int) -> c_int {
    // SAFETY: the caller's promise.
    let to = unsafe { text_of(to) }.and_then(|to| to.to_v4v_addr());
    connect(to, flags)
}

fn connect(to: io::Result<V4vAddr>, flags: c_int) -> c_int {
    let nonblocking = flags & libc::SOCK_NONBLOCK != 0;
    let outcome = checked(flags)
        .and(to)
        .and_then(|to| descriptor::connect(to, nonblocking))
        .and_then(|c| Ok((handed_over(c.socket, flags)?, c.in_progress)));
    match outcome {
        Ok((socket, in_progress)) => {
            Errno::set_raw(if in_progress { libc::EINPROGRESS } else { 0 });
            socket
        }
        Err(error) => fail(&error),
    }
}

/// A stream socket that listens on `port` (0: a free one), or -1.
#[unsafe(no_mangle)]
pub extern "C" fn v4v_listen(port: u32, backlog: c_int, flags: c_int) -> c_int {
    let outcome = checked(flags)
        .and_then(|()| descriptor::listen(port, backlog))
        .and_then(|socket| {
            if flags & libc::SOCK_NONBLOCK != 0 {
                let status = OFlag::from_bits_retain(fcntl(&socket, FcntlArg::F_GETFL)?);
                fcntl(&socket, FcntlArg::F_SETFL(status | OFlag::O_NONBLOCK))?;
            }
            handed_over(socket, flags)
        });
    returned(outcome)
}

/// The next connection at a listener, or -1; the caller's address in `peer`, unless that is null.
///
/// # Safety
/// `peer` is null or a `struct sockaddr_v4v` may be written there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn v4v_accept(listener: c_int, peer: *mut SockaddrV4v, flags: c_int) -> c_int {
    let nonblocking = flags & libc::SOCK_NONBLOCK != 0;
    let outcome = checked(flags)
        .and_then(|()| borrowed(listener))
        .and_then(|listener| descriptor::accept(listener, nonblocking))
        .and_then(|(socket, from)| {
            if !peer.is_null() {
                // SAFETY: the caller's promise.
                unsafe { give(peer, from) }?;
            }
            handed_over(socket, flags)
        });
    returned(outcome)
}

/// The own address of a socket; 0 or -1.
///
/// # Safety
/// `addr` is null or a `struct sockaddr_v4v` may be written there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn v4v_getsockname(socket: c_int, addr: *mut SockaddrV4v) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { address_of(socket, addr, descriptor::local_addr) }
}

/// The address of the other end of a socket; 0 or -1.
///
/// # Safety
/// `addr` is null or a `struct sockaddr_v4v` may be written there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn v4v_getpeername(socket: c_int, addr: *mut SockaddrV4v) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { address_of(socket, addr, descriptor::peer_addr) }
}

/// # Safety
/// `addr` is null or a `struct sockaddr_v4v` may be written there.
unsafe fn address_of(
    socket: c_int,
    addr: *mut SockaddrV4v,
    ask: impl FnOnce(BorrowedFd<'_>) -> io::Result<Option<V4vAddr>>,
) -> c_int {
    let outcome = borrowed(socket)
        .and_then(ask)
        .and_then(|known| known.ok_or_else(|| io::Error::from_raw_os_error(libc::EAFNOSUPPORT)))
        // SAFETY: the caller's promise.
        .and_then(|known| unsafe { give(addr, known) });
    returned(outcome)
}

fn checked(flags: c_int) -> io::Result<()> {
    if flags & !FLAGS == 0 {
        Ok(())
    } else {
        Err(mistake("flags other than SOCK_NONBLOCK and SOCK_CLOEXEC"))
    }
}

/// The descriptor of the C program's, which must be open: for the time of a call it is taken to be so.
fn borrowed<'a>(socket: c_int) -> io::Result<BorrowedFd<'a>> {
    if socket < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: a number that no descriptor has makes the system calls below fail with EBADF, and nothing is kept.
    let socket = unsafe { BorrowedFd::borrow_raw(socket) };
    fcntl(socket, FcntlArg::F_GETFD)?;
    Ok(socket)
}

/// The descriptor, now the C program's, with the flags that it asked for.
fn handed_over(socket: OwnedFd, flags: c_int) -> io::Result<c_int> {
    if flags & libc::SOCK_CLOEXEC == 0 {
        fcntl(socket.as_fd(), FcntlArg::F_SETFD(FdFlag::empty()))?;
    }
    Ok(socket.into_raw_fd())
}
