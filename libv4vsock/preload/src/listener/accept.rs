//! `accept`, from two listeners.

use super::Behind;
use super::record::Record;
use crate::carry::Carried;
use crate::notes::Notes;
use crate::{errno, names, next, restart, socket, v4v};
use libc::{
    EAGAIN, EINTR, EINVAL, SOCK_CLOEXEC, SOCK_NONBLOCK, SOL_SOCKET, c_int, sockaddr, socklen_t, timeval,
};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::time::{Duration, Instant};

/// The next connection of either. As the C library's `accept4`.
///
/// # Safety
/// As the C library's.
pub(crate) unsafe fn accept(
    outer: c_int,
    behind: Behind,
    address: *mut sockaddr,
    len: *mut socklen_t,
    flags: c_int,
) -> c_int {
    if flags & !(SOCK_CLOEXEC | SOCK_NONBLOCK) != 0 {
        return errno::fail(EINVAL);
    }
    let record = behind.record;
    let before = errno::get();
    let mut patience = None;
    loop {
        let v4v_first = record.is_v4vs_turn();
        for over_v4v in [v4v_first, !v4v_first] {
            // SAFETY: the caller's promise.
            let accepted = unsafe {
                if over_v4v {
                    from_v4v(record, address, len, flags)
                } else {
                    from_tcp(record.tcp(), address, len, flags)
                }
            };
            if accepted >= 0 {
                // Of what was tried on the way the program need not hear.
                errno::set(before);
                return accepted;
            }
            if errno::get() != EAGAIN {
                return accepted;
            }
        }
        if socket::is_nonblocking(outer) {
            return errno::fail(EAGAIN);
        }
        let patience = patience.get_or_insert_with(|| Patience::of(record.tcp()));
        if let Err(error) = patience.wait(outer) {
            return errno::fail(error);
        }
    }
}

/// Does not wait, even where another process, to which the listener was passed, has set it blocking.
///
/// # Safety
/// As the C library's.
unsafe fn from_tcp(tcp: c_int, address: *mut sockaddr, len: *mut socklen_t, flags: c_int) -> c_int {
    let mut polled = libc::pollfd {
        fd: tcp,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one entry, which is this function's; the rest is the caller's promise.
    unsafe {
        if libc::poll(&raw mut polled, 1, 0) == 0 {
            return errno::fail(EAGAIN);
        }
        next::accept4(tcp, address, len, flags)
    }
}

/// # Safety
/// As the C library's.
unsafe fn from_v4v(record: &Record, address: *mut sockaddr, len: *mut socklen_t, flags: c_int) -> c_int {
    let (socket, peer) = match v4v::accept(record.v4v(), flags & SOCK_NONBLOCK != 0) {
        Ok(accepted) => accepted,
        Err(error) => return errno::fail(error),
    };
    let fd = socket.as_raw_fd();
    let notes = if record.has_options() {
        let carried = Carried::of(record.tcp());
        carried.put(fd);
        carried.notes()
    } else {
        Notes::new(record.is_v6())
    };
    if !notes.store(fd) {
        return errno::fail(libc::ECONNABORTED);
    }
    if flags & SOCK_CLOEXEC == 0 {
        socket::set_cloexec(fd, false);
    }
    if !address.is_null() && !len.is_null() {
        // SAFETY: the caller's promise.
        unsafe { names::raw(peer, notes).give(address, len) };
    }
    socket.into_raw_fd()
}

/// How long a call waits for a connection: as SO_RCVTIMEO says.
struct Patience {
    end: Option<Instant>,
}

impl Patience {
    fn of(tcp: c_int) -> Self {
        let limit = socket::option::<timeval>(tcp, SOL_SOCKET, libc::SO_RCVTIMEO);
        let limit = limit.map_or(Duration::ZERO, |t| {
            let micros = u64::try_from(t.tv_usec).unwrap_or(0);
            Duration::from_secs(u64::try_from(t.tv_sec).unwrap_or(0)) + Duration::from_micros(micros)
        });
        Self {
            end: (!limit.is_zero()).then(|| Instant::now() + limit),
        }
    }

    /// Waits for a connection, or gives the errno of a call that ends without one.
    fn wait(&self, outer: c_int) -> Result<(), c_int> {
        let milliseconds = match self.end {
            None => -1,
            // Rounded up: a wait that ends early would be one more turn of the loop, not an end.
            Some(end) => {
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(EAGAIN);
                }
                c_int::try_from(left.as_millis() + 1).unwrap_or(c_int::MAX)
            }
        };
        let mut polled = libc::pollfd {
            fd: outer,
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one entry, which is this function's.
        let result = unsafe { libc::poll(&raw mut polled, 1, milliseconds) };
        match result {
            1.. if polled.revents & libc::POLLNVAL != 0 => Err(libc::EBADF),
            0.. => Ok(()),
            // The kernel restarts no accept that has a time limit.
            _ if errno::get() == EINTR && self.end.is_none() && restart::goes_on() => Ok(()),
            _ => Err(errno::get()),
        }
    }
}
