//! `connect`: V4V for the peers of the policy.

use crate::active;
use crate::address;
use crate::carry::Carried;
use crate::listener;
use crate::log::say;
use crate::notes::{self, Notes};
use crate::socket::{self, TcpState};
use crate::{errno, next, restart, swap, table, v4v};
use libc::{
    EAGAIN, EALREADY, EINPROGRESS, EINTR, EINVAL, EISCONN, SOL_SOCKET, c_int, sockaddr, socklen_t, timeval,
};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use v4v_wrapper_policy::{Domain, Route};

/// Between two calls of one that finds no room.
const PAUSE: Duration = Duration::from_millis(10);

/// A call of the program's.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    pub(crate) fd: c_int,
    pub(crate) address: *const sockaddr,
    pub(crate) len: socklen_t,
}

impl Call {
    /// As without this library.
    ///
    /// # Safety
    /// As the C library's.
    unsafe fn plainly(self) -> c_int {
        // SAFETY: the caller's promise.
        unsafe { next::connect(self.fd, self.address, self.len) }
    }
}

/// Connects. As the C library's function.
///
/// # Safety
/// As the C library's.
pub(crate) unsafe fn connect(call: Call) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let Some(policy) = active::policy() else {
            return call.plainly();
        };
        if let Some(listener) = listener::behind(call.fd) {
            let fd = listener.tcp();
            return Call { fd, ..call }.plainly();
        }
        match address::inet(call.address, call.len) {
            Some(to) => match policy.route(to) {
                Route::V4v { domain, fallback } => over_v4v(call, to, domain, fallback),
                Route::Tcp(_) => elsewhere(call),
            },
            None if is_disconnect(call) => disconnect(call),
            None => elsewhere(call),
        }
    }
}

/// A connect that is not V4V's, of a descriptor that may be.
///
/// # Safety
/// As the C library's.
unsafe fn elsewhere(call: Call) -> c_int {
    // SAFETY: the caller's promise.
    let result = unsafe { call.plainly() };
    // A Unix socket knows no IP address; TCP knows that it is connected.
    if result < 0 && errno::get() == EINVAL && Notes::of(call.fd).is_some() {
        return errno::fail(EISCONN);
    }
    result
}

/// # Safety
/// As the C library's.
unsafe fn over_v4v(call: Call, to: SocketAddr, domain: &Domain, fallback: bool) -> c_int {
    let fd = call.fd;
    match socket::tcp_state(fd) {
        Some(TcpState::Closed) => {}
        // SAFETY: the caller's promise.
        Some(_) => return unsafe { call.plainly() },
        None => {
            return match Notes::of(fd) {
                Some(notes) => again(fd, notes),
                // SAFETY: the caller's promise.
                None => unsafe { call.plainly() },
            };
        }
    }
    if fallback && table::is_bound(fd) {
        say!(
            Info,
            "connect to {to}: TCP, because the socket is bound to a port, which V4V would not show to the peer"
        );
        // SAFETY: the caller's promise.
        return unsafe { call.plainly() };
    }
    match attempt(fd, to, domain) {
        Err(error) if fallback && error != EINTR && error != EINPROGRESS => {
            say!(
                Info,
                "connect to {to}: TCP, because V4V said {}",
                std::io::Error::from_raw_os_error(error)
            );
            // SAFETY: the caller's promise.
            unsafe { call.plainly() }
        }
        Err(error) => errno::fail(error),
        Ok(()) => 0,
    }
}

/// Makes a V4V connection under the program's number, or gives an errno. EINPROGRESS: it is there or on its way, and the program will
/// see how it went.
fn attempt(fd: c_int, to: SocketAddr, domain: &Domain) -> Result<(), c_int> {
    let nonblocking = socket::is_nonblocking(fd);
    let carried = Carried::of(fd);
    let limit = carried.send_timeout().filter(|_| !nonblocking);
    let cookie = socket::cookie(fd);
    let made = match limit {
        Some(limit) => within(limit, || v4v::connect(domain, to.port(), true)),
        None => v4v::connect(domain, to.port(), nonblocking),
    }?;
    carried.put(std::os::fd::AsRawFd::as_raw_fd(&made.fd));
    let notes = carried.notes().with(notes::CONNECTING, nonblocking.into());
    if !notes.store(std::os::fd::AsRawFd::as_raw_fd(&made.fd)) {
        return Err(libc::EOPNOTSUPP);
    }
    // Another thread may have closed it meanwhile, and the number be another file's.
    if cookie.is_none() || socket::cookie(fd) != cookie {
        return Err(libc::EBADF);
    }
    swap::replace(fd, &made.fd)?;
    say!(Debug, "connect to {to}: V4V, to domain {domain}");
    if nonblocking {
        // TCP answers so, even where the peer is the same machine: programs are used to it.
        return Err(EINPROGRESS);
    }
    let Some(limit) = limit else { return Ok(()) };
    let outcome = if made.in_progress {
        await_connection(fd, limit)
    } else {
        Ok(())
    };
    socket::set_nonblocking(fd, false);
    outcome
}

/// Repeats a call that finds no room for one more as long as SO_SNDTIMEO lets it.
fn within(
    limit: timeval,
    mut call: impl FnMut() -> Result<v4v::Connection, c_int>,
) -> Result<v4v::Connection, c_int> {
    let end = Instant::now() + duration(limit);
    loop {
        match call() {
            Err(EAGAIN) if Instant::now() < end => std::thread::sleep(PAUSE),
            Err(EAGAIN) => return Err(EINPROGRESS),
            outcome => return outcome,
        }
    }
}

fn duration(limit: timeval) -> Duration {
    let seconds = u64::try_from(limit.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_micros(u64::try_from(limit.tv_usec).unwrap_or(0))
}

/// Waits for a connection as long as SO_SNDTIMEO lets it.
fn await_connection(fd: c_int, limit: timeval) -> Result<(), c_int> {
    let end = Instant::now() + duration(limit);
    loop {
        let left = end.saturating_duration_since(Instant::now()).as_millis();
        match poll_out(fd, c_int::try_from(left).unwrap_or(c_int::MAX)) {
            0 => return Err(EINPROGRESS),
            1.. => return outcome(fd),
            _ if errno::get() == EINTR && restart::goes_on() => {}
            _ => return Err(errno::get()),
        }
    }
}

fn poll_out(fd: c_int, milliseconds: c_int) -> c_int {
    let mut polled = libc::pollfd {
        fd,
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: one entry, which is this function's.
    unsafe { libc::poll(&raw mut polled, 1, milliseconds) }
}

fn outcome(fd: c_int) -> Result<(), c_int> {
    match socket::option::<c_int>(fd, SOL_SOCKET, libc::SO_ERROR) {
        Some(0) | None => Ok(()),
        Some(error) => Err(error),
    }
}

/// A second connect of a V4V socket: what TCP says of a connection that is on its way, there since, and there.
fn again(fd: c_int, notes: Notes) -> c_int {
    if notes.get(notes::CONNECTING) == 0 {
        return errno::fail(EISCONN);
    }
    if poll_out(fd, 0) == 0 {
        return errno::fail(EALREADY);
    }
    notes.with(notes::CONNECTING, 0).store(fd);
    match outcome(fd) {
        Ok(()) => 0,
        Err(error) => errno::fail(error),
    }
}

/// Whether the program wants its socket unconnected again.
///
/// # Safety
/// As the C library's.
unsafe fn is_disconnect(call: Call) -> bool {
    // SAFETY: the caller's promise.
    let family = unsafe { address::family(call.address, call.len) };
    family == Some(libc::AF_UNSPEC as libc::sa_family_t)
}

/// Gives the program a TCP socket back, unconnected, in the place of a V4V one.
///
/// # Safety
/// As the C library's.
unsafe fn disconnect(call: Call) -> c_int {
    let Some(notes) = Notes::of(call.fd) else {
        // SAFETY: the caller's promise.
        return unsafe { call.plainly() };
    };
    let family = if notes.is_v6() {
        libc::AF_INET6
    } else {
        libc::AF_INET
    };
    let nonblocking = if socket::is_nonblocking(call.fd) {
        libc::SOCK_NONBLOCK
    } else {
        0
    };
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | nonblocking;
    // SAFETY: numbers alone; what comes back is a new descriptor or -1.
    let fresh = unsafe {
        let fd = next::socket(family, kind, 0);
        if fd < 0 {
            return -1;
        }
        <std::os::fd::OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(fd)
    };
    match swap::replace(call.fd, &fresh) {
        Ok(()) => 0,
        Err(error) => errno::fail(error),
    }
}
