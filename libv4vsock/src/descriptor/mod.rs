//! Sockets that are nothing but descriptors of the kernel's: whatever a program does with one works, `read`, `write`, `poll`, `epoll`,
//! `dup`, `fork`, `exec`, `sendfile`, passing it to another process.
//!
//! ```no_run
//! use std::io::{Read, Write};
//! use std::os::fd::AsFd;
//! use std::os::unix::net::UnixStream;
//! use v4vsock::descriptor;
//!
//! // In the domain "gpu":
//! let listener = descriptor::listen(5001, 128)?;
//! let (socket, peer) = descriptor::accept(listener.as_fd(), false)?;
//! std::fs::File::from(socket).write_all(b"hello")?;
//!
//! // In any other domain:
//! let to = "gpu:5001".parse()?;
//! let socket = descriptor::connect(to, false)?.socket;
//! let mut text = String::new();
//! std::fs::File::from(socket).read_to_string(&mut text)?;
//! # std::io::Result::Ok(())
//! ```
//!
//! On a kernel with AF_V4V these are its sockets. Hosted, they are Unix stream sockets that `v4vd` connects to each other, by the same
//! policy, quotas and ports as everything else, and then leaves alone:
//!
//! - No thread runs for them, and no state is kept in the process: [`local_addr`] and [`peer_addr`] ask the kernel, so that they are
//!   right in whatever process the descriptor has got to.
//! - Connections outlive `v4vd`. A listener does not: what `v4vd` that comes after knows nothing of it, and the program has to listen
//!   anew. Until then its callers are refused.
//! - A [`V4vStream`](crate::V4vStream) reaches such a listener too. The reverse is refused (`ECONNREFUSED`, with a sentence that says
//!   so): the bytes of a [`V4vListener`](crate::V4vListener) go through rings in its memory, hosted, and no descriptor leads there.
//! - Each end is a socket of the family AF_UNIX to those who look, and options of TCP's are not its. The way in which a Unix socket
//!   differs from TCP's remains: a write to a peer that reads nothing is accepted up to the buffer (`SO_SNDBUF`), closing with bytes
//!   unread resets, `SO_LINGER` does nothing.
//! - The port at the caller's end is of `v4vd`'s choice, and means nothing.

mod hosted;
mod kernel;

pub(crate) use hosted::connect_stream as call;

use crate::addr::V4vAddr;
use crate::backend::{Backend, backend};
use crate::error::{check_port, with_reason};
use socket2::{SockAddr, SockRef};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

/// A socket that connects, or is connected.
#[derive(Debug)]
pub struct Connecting {
    /// The descriptor, close-on-exec.
    pub socket: OwnedFd,
    /// It is still on its way: it polls writable when that is over, and `SO_ERROR` says how it went, as in TCP. Only on the kernel's
    /// AF_V4V; hosted, a connection is there at once or not at all.
    pub in_progress: bool,
}

/// Connects a stream. Its descriptor is close-on-exec, and non-blocking if that is asked for.
///
/// # Errors
/// `ECONNREFUSED`: nobody listens there with a descriptor. `EHOSTUNREACH`: there is no such domain. `ENETUNREACH`: there is no `v4vd`.
/// `EACCES`: the policy forbids it. `EINVAL`: no socket can have this port. `EMFILE` and the like: the system's. Where the backlog is
/// full: `EAGAIN` if `nonblocking`, else it is tried again, for two minutes (`ETIMEDOUT`) or until a signal comes (`EINTR`). On the
/// kernel's AF_V4V what `connect(2)` says. Most have a sentence that names the cause; [`errno`](crate::errno) gives the number.
pub fn connect(to: V4vAddr, nonblocking: bool) -> io::Result<Connecting> {
    if to.port() == 0 {
        return Err(with_reason(
            libc::EINVAL,
            "nobody listens on port 0: it asks for a free port, in listen",
        ));
    }
    check_port(to.port())?;
    match backend()? {
        Backend::Kernel { family } => kernel::connect(family, to, nonblocking),
        Backend::Hosted => hosted::connect(to, nonblocking),
    }
}

/// Listens on `port` of this domain for streams (0: on a free port, which [`local_addr`] tells). The descriptor is close-on-exec and
/// blocking; it polls readable while connections wait, and `accept4(2)` takes them. The port is free again when the last copy of
/// the descriptor is closed. Hosted, `backlog` is raised to 128: nobody sends a call again that finds no room.
///
/// # Errors
/// `EADDRINUSE`. `EACCES`: a port below 1024 without the privilege. `EPERM`: the policy lets nobody listen. `ENOSPC`: the domain's quota.
/// `ENETDOWN`: there is no `v4vd`. The system's.
pub fn listen(port: u32, backlog: i32) -> io::Result<OwnedFd> {
    check_port(port)?;
    match backend()? {
        Backend::Kernel { family } => kernel::listen(family, port, backlog),
        Backend::Hosted => hosted::listen(port, backlog),
    }
}

/// The next connection at a listener of [`listen`]'s, and who calls. The descriptor is close-on-exec, and non-blocking if that is
/// asked for; whether this call waits is the listener's matter. Hosted, whoever called past `v4vd` is closed and passed over:
/// a program that accepts by itself tells such a caller by [`peer_addr`], which knows none.
///
/// # Errors
/// `EAGAIN`: the listener is non-blocking, and nobody waits. `ECONNABORTED`: there were only callers to be passed over, many of them; try
/// again. `EINVAL`: this is no V4V socket that listens. The system's.
pub fn accept(listener: BorrowedFd<'_>, nonblocking: bool) -> io::Result<(OwnedFd, V4vAddr)> {
    if local_addr(listener)?.is_none() {
        return Err(no_listener());
    }
    for _ in 0..STRANGERS_MAX {
        let socket = accept_one(listener, nonblocking)?;
        if let Some(peer) = peer_addr(std::os::fd::AsFd::as_fd(&socket)).ok().flatten() {
            return Ok((socket, peer));
        }
        log::debug!("somebody connected to a V4V listener without v4vd, and was closed");
    }
    Err(with_reason(
        libc::ECONNABORTED,
        "many have connected to this listener past v4vd, and were closed",
    ))
}

/// Callers that one [`accept`] passes over.
const STRANGERS_MAX: usize = 64;

fn accept_one(listener: BorrowedFd<'_>, nonblocking: bool) -> io::Result<OwnedFd> {
    use std::os::fd::{AsRawFd, FromRawFd};
    let flags = libc::SOCK_CLOEXEC | if nonblocking { libc::SOCK_NONBLOCK } else { 0 };
    // SAFETY: null pointers ask for no address.
    let socket = unsafe {
        libc::accept4(
            listener.as_raw_fd(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            flags,
        )
    };
    if socket < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for this process, and nothing else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(socket) })
}

/// Whether callers still reach a listener of [`listen`]'s: no longer (hosted) when `v4vd` has been started again, which knows
/// nothing of it. A server that is to outlast that looks now and then, and listens anew.
///
/// # Errors
/// `ENETDOWN`: there is no `v4vd` now. `EINVAL`: this is no V4V socket that listens.
pub fn is_reachable(listener: BorrowedFd<'_>) -> io::Result<bool> {
    match (backend()?, own_address(listener)?) {
        (Backend::Kernel { family }, Some(own)) if kernel::is_of(&own, family) => Ok(true),
        (_, Some(own)) => hosted::is_reachable(&own),
        (_, None) => Err(no_listener()),
    }
}

fn no_listener() -> io::Error {
    with_reason(libc::EINVAL, "this descriptor is no V4V socket that listens")
}

/// The own address of a V4V socket; `None` where the descriptor is none. Asks the kernel alone, so any process may call it that has
/// the descriptor.
///
/// # Errors
/// The system's.
pub fn local_addr(socket: BorrowedFd<'_>) -> io::Result<Option<V4vAddr>> {
    let Some(own) = own_address(socket)? else {
        return Ok(None);
    };
    match backend()? {
        Backend::Kernel { family } if kernel::is_of(&own, family) => kernel::address(&own).map(Some),
        _ => Ok(hosted::local_addr(&own)),
    }
}

/// The address of the other end of a connected V4V socket; `None` where the descriptor is no V4V socket, or (hosted) who called was
/// not connected by `v4vd`. Asks the kernel alone, so any process may call it that has the descriptor.
///
/// # Errors
/// `ENOTCONN`: it is not connected. The system's.
pub fn peer_addr(socket: BorrowedFd<'_>) -> io::Result<Option<V4vAddr>> {
    let Some(own) = own_address(socket)? else {
        return Ok(None);
    };
    match backend()? {
        Backend::Kernel { family } if kernel::is_of(&own, family) => {
            kernel::address(&SockRef::from(&socket).peer_addr()?).map(Some)
        }
        _ => hosted::peer_addr(socket, &own),
    }
}

/// What `getsockname` says; `None` for what is no socket.
fn own_address(socket: BorrowedFd<'_>) -> io::Result<Option<SockAddr>> {
    match SockRef::from(&socket).local_addr() {
        Err(error) if error.raw_os_error() == Some(libc::ENOTSOCK) => Ok(None),
        outcome => outcome.map(Some),
    }
}
