//! V4V's sockets, from the library.

use crate::log::say;
use libc::c_int;
use std::cell::Cell;
use std::io;
use std::os::fd::{BorrowedFd, IntoRawFd, OwnedFd};
use v4v_wrapper_policy::Domain;
use v4vsock::{ToV4vAddr, V4vAddr, descriptor};

thread_local! {
    /// This thread is in a call of the V4V library's.
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is in a call of the V4V library's, which asks the kernel by the same functions as a program, and means it.
pub(crate) fn is_inside() -> bool {
    IS_INSIDE.get()
}

fn inside<T>(call: impl FnOnce() -> T) -> T {
    let before = IS_INSIDE.replace(true);
    let result = call();
    IS_INSIDE.set(before);
    result
}

/// A V4V socket in the making, or made.
pub(crate) struct Connection {
    pub(crate) fd: OwnedFd,
    pub(crate) in_progress: bool,
}

/// Connects to a port of a domain. A failure is said to the log, and given as an errno.
pub(crate) fn connect(domain: &Domain, port: u16, nonblocking: bool) -> Result<Connection, c_int> {
    let attempt = || {
        let to = match domain {
            Domain::Id(id) => V4vAddr::new(*id, port.into()),
            Domain::Name(name) => (name.as_str(), u32::from(port)).to_v4v_addr()?,
        };
        descriptor::connect(to, nonblocking)
    };
    match inside(attempt) {
        Ok(connecting) => Ok(Connection {
            fd: connecting.socket,
            in_progress: connecting.in_progress,
        }),
        Err(error) => {
            say!(Info, "connect to {domain}:{port} over V4V: {error}");
            Err(number(&error, libc::ECONNREFUSED))
        }
    }
}

/// Listens on a port of this domain. A failure is said to the log, and given as an errno.
pub(crate) fn listen(port: u16, backlog: c_int) -> Result<c_int, c_int> {
    match inside(|| descriptor::listen(port.into(), backlog)) {
        Ok(fd) => Ok(fd.into_raw_fd()),
        Err(error) => {
            say!(Warn, "port {port} is served over TCP alone: {error}");
            Err(number(&error, libc::ENETDOWN))
        }
    }
}

/// The next connection of a V4V listener, which must not wait.
pub(crate) fn accept(listener: c_int, nonblocking: bool) -> Result<(OwnedFd, V4vAddr), c_int> {
    // SAFETY: borrowed for this call; a number under which nothing is open makes it fail.
    let listener = unsafe { BorrowedFd::borrow_raw(listener) };
    inside(|| descriptor::accept(listener, nonblocking)).map_err(|error| number(&error, libc::ECONNABORTED))
}

/// A V4V socket's own address.
pub(crate) fn local(fd: c_int) -> Option<V4vAddr> {
    // SAFETY: borrowed for this call; a number under which nothing is open makes it fail.
    let socket = unsafe { BorrowedFd::borrow_raw(fd) };
    inside(|| descriptor::local_addr(socket)).ok().flatten()
}

/// The address of a V4V socket's other end.
pub(crate) fn peer(fd: c_int) -> Result<Option<V4vAddr>, c_int> {
    // SAFETY: borrowed for this call; a number under which nothing is open makes it fail.
    let socket = unsafe { BorrowedFd::borrow_raw(fd) };
    inside(|| descriptor::peer_addr(socket)).map_err(|error| number(&error, libc::ENOTCONN))
}

/// A domain's name, where it has one.
pub(crate) fn name_of(domain: u16) -> Option<String> {
    inside(|| V4vAddr::new(domain, 0).domain_name()).ok().flatten()
}

fn number(error: &io::Error, otherwise: c_int) -> c_int {
    v4vsock::errno(error).unwrap_or(otherwise)
}
