//! A listener for both, made of a TCP socket that listens.

use super::record::{self, Record};
use crate::active;
use crate::carry::Carried;
use crate::log::say;
use crate::socket::{self, TcpState};
use crate::table::{self, Entry};
use crate::{errno, hidden, next, swap, v4v};
use libc::{EPOLL_CTL_ADD, EPOLLIN, c_int, epoll_event};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Connections that may wait in a V4V listener at least: nobody repeats a call that finds no room, as TCP repeats a SYN.
const BACKLOG_LEAST: c_int = 1024;

/// What the epoll set says of each of the two: so that it is known again after `exec`. Text in hexadecimal, "V4vLIS" and a number.
const MARK: u64 = 0x5634_764C_4953_0000;
pub(super) const TCP_MARK: u64 = MARK | 1;
pub(super) const V4V_MARK: u64 = MARK | 2;

/// Has a TCP socket that has just begun to listen serve V4V too, if the policy says so. Whatever goes wrong: it serves TCP.
pub(crate) fn serve(fd: c_int, backlog: c_int) {
    let Some(policy) = active::policy() else { return };
    let Some(at) = socket::local_inet(fd) else { return };
    if socket::tcp_state(fd) != Some(TcpState::Listening) {
        return;
    }
    if let Err(why) = policy.listens(at) {
        say!(Info, "{at} is served over TCP alone: {why}");
        return;
    }
    let Ok(listener) = v4v::listen(at.port(), backlog.max(BACKLOG_LEAST)) else {
        return;
    };
    match assemble(fd, listener) {
        Ok(()) => say!(Debug, "{at} is served over TCP and V4V"),
        Err(error) => say!(
            Error,
            "{at} is served over TCP alone: {}",
            std::io::Error::from_raw_os_error(error)
        ),
    }
}

/// Puts a descriptor for both under the program's number. `v4v` is this function's to close.
fn assemble(fd: c_int, v4v: c_int) -> Result<(), c_int> {
    // SAFETY: the caller gives it away.
    let v4v = unsafe { OwnedFd::from_raw_fd(v4v) };
    let nonblocking = socket::is_nonblocking(fd);
    let outer = outer(nonblocking)?;
    let cloexec = socket::is_cloexec(fd);
    let has_options = Carried::of(fd).is_any();
    let (number, record) = record::take(socket::is_v6(fd), has_options).ok_or(libc::ENOMEM)?;
    let tcp = hidden::copy(fd, cloexec);
    let v4v = hidden::copy(v4v.as_raw_fd(), cloexec);
    let made = (|| {
        if tcp < 0 || v4v < 0 {
            return Err(errno::get());
        }
        record.fill(tcp, v4v);
        for (socket, mark) in [(tcp, TCP_MARK), (v4v, V4V_MARK)] {
            watch(outer.as_raw_fd(), socket, mark)?;
            if !table::set(socket, Entry::Hidden(number)) {
                return Err(libc::ENOMEM);
            }
        }
        swap::replace(fd, &outer)?;
        Ok(())
    })();
    if made.is_err() {
        undo(record, [tcp, v4v]);
        return made;
    }
    // Only now: where it is not made, the program's socket is as it was.
    socket::set_nonblocking(tcp, true);
    socket::set_nonblocking(v4v, true);
    table::set(fd, Entry::Outer(number));
    Ok(())
}

fn outer(nonblocking: bool) -> Result<OwnedFd, c_int> {
    // SAFETY: a new descriptor, or -1.
    let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    if fd < 0 {
        return Err(errno::get());
    }
    socket::set_nonblocking(fd, nonblocking);
    // SAFETY: just made, and this function's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Has the outer descriptor poll on this socket.
pub(super) fn watch(outer: c_int, socket: c_int, mark: u64) -> Result<(), c_int> {
    let mut event = epoll_event {
        events: EPOLLIN as u32,
        u64: mark,
    };
    // SAFETY: the event is this function's.
    match unsafe { next::epoll_ctl(outer, EPOLL_CTL_ADD, socket, &raw mut event) } {
        0 => Ok(()),
        _ => Err(errno::get()),
    }
}

fn undo(record: &Record, sockets: [c_int; 2]) {
    for socket in sockets {
        if socket >= 0 {
            table::set(socket, Entry::Plain);
            // SAFETY: it is this library's copy.
            unsafe { next::close(socket) };
        }
    }
    record.free();
}
