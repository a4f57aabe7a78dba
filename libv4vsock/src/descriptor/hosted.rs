//! Descriptors without a kernel module: Unix sockets that `v4vd` binds and connects, with names that say who is where.

use super::Connecting;
use crate::addr::V4vAddr;
use crate::error::{errno, renumbered, with_reason};
use crate::hosted::control::{Control, connection};
use crate::hosted::platform::descriptors;
use nix::poll::{PollTimeout, poll};
use nix::sys::socket::{getsockopt, sockopt};
use socket2::{SockAddr, SockRef};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};
use v4v_hosted::names::{Broker, Name};
use v4v_hosted::wire::op;

/// How long a call is repeated that finds no room in the backlog, about as long as TCP repeats a SYN (`tcp_syn_retries`).
const PATIENCE: Duration = Duration::from_secs(120);
/// Milliseconds before it is repeated for the first time, doubled each time …
const PAUSE_FIRST_MS: u8 = 1;
/// … up to these.
const PAUSE_MOST_MS: u8 = 64;

pub(super) fn connect(to: V4vAddr, nonblocking: bool) -> io::Result<Connecting> {
    let socket = connect_within(to, nonblocking, PATIENCE)?;
    Ok(Connecting {
        socket,
        in_progress: false,
    })
}

/// A connection to a hosted listener with a descriptor, for a socket of the library's; `None`: as long as [`connect`] tries.
pub(crate) fn connect_stream(
    to: V4vAddr,
    nonblocking: bool,
    timeout: Option<Duration>,
) -> io::Result<OwnedFd> {
    connect_within(to, nonblocking, timeout.unwrap_or(PATIENCE))
}

fn connect_within(to: V4vAddr, nonblocking: bool, patience: Duration) -> io::Result<OwnedFd> {
    let start = Instant::now();
    let mut pause = PAUSE_FIRST_MS;
    loop {
        match call(to) {
            Err(error) if errno(&error) == Some(libc::EAGAIN) && !nonblocking => {
                if start.elapsed() > patience {
                    return Err(renumbered(&error, libc::ETIMEDOUT));
                }
                // A signal ends it, as it does a connect.
                poll(&mut [], PollTimeout::from(pause))?;
                pause = (pause * 2).min(PAUSE_MOST_MS);
            }
            outcome => {
                let socket = outcome?;
                SockRef::from(&socket).set_nonblocking(nonblocking)?;
                return Ok(socket);
            }
        }
    }
}

fn call(to: V4vAddr) -> io::Result<OwnedFd> {
    let control = joined(libc::ENETUNREACH)?;
    let args = [to.domain().into(), to.port().into(), 0, 0];
    let answer = control.call(op::CONNECT, args, &[]).map_err(|error| {
        if is_daemons_end(&error) {
            renumbered(&error, libc::ENETUNREACH)
        } else {
            error
        }
    })?;
    let [socket] = descriptors(answer)?;
    Ok(socket)
}

pub(super) fn listen(port: u32, backlog: i32) -> io::Result<OwnedFd> {
    let control = joined(libc::ENETDOWN)?;
    let backlog = u64::try_from(backlog).unwrap_or(0);
    let [socket] = descriptors(control.call(op::LISTEN, [port.into(), backlog, 0, 0], &[])?)?;
    check_broker(&control, socket.as_fd())?;
    Ok(socket)
}

/// This process's connection to `v4vd`; where there is no daemon, an error of this number.
fn joined(number: i32) -> io::Result<Arc<Control>> {
    connection().map_err(|error| match errno(&error) {
        Some(libc::ENOENT | libc::ECONNREFUSED) => renumbered(&error, number),
        _ => error,
    })
}

fn is_daemons_end(error: &io::Error) -> bool {
    errno(error) == Some(libc::ENETDOWN)
}

pub(super) fn is_reachable(own: &SockAddr) -> io::Result<bool> {
    let Some(Name::Listener(name)) = name(own) else {
        return Err(super::no_listener());
    };
    let control = joined(libc::ENETDOWN)?;
    let now = getsockopt(&control.socket(), sockopt::PeerCredentials)?;
    Ok(name.broker.is(now.pid(), now.uid()))
}

/// An error where callers would never be believed: the daemon's user has another number here than the daemon itself knows.
fn check_broker(control: &Control, socket: BorrowedFd<'_>) -> io::Result<()> {
    let seen = getsockopt(&control.socket(), sockopt::PeerCredentials)?;
    let name = name(&SockRef::from(&socket).local_addr()?);
    match name {
        Some(Name::Listener(name)) if name.broker.is(seen.pid(), seen.uid()) => Ok(()),
        _ => Err(with_reason(
            libc::EACCES,
            "v4vd is another user here than where it runs: start it in the same user and process namespaces as this program",
        )),
    }
}

pub(super) fn local_addr(own: &SockAddr) -> Option<V4vAddr> {
    match name(own)? {
        Name::Listener(name) => Some(name.addr.into()),
        Name::Caller(name) => Some(name.from.into()),
    }
}

pub(super) fn peer_addr(socket: BorrowedFd<'_>, own: &SockAddr) -> io::Result<Option<V4vAddr>> {
    let Some(own) = name(own) else {
        return Ok(None);
    };
    let peer = name(&SockRef::from(&socket).peer_addr()?);
    Ok(match (own, peer) {
        (Name::Listener(own), Some(Name::Caller(peer))) => ((peer.to, peer.broker) == (own.addr, own.broker)
            && is_peer(socket, own.broker)?)
        .then_some(peer.from.into()),
        (Name::Caller(own), Some(Name::Listener(peer))) => {
            ((own.to, own.broker) == (peer.addr, peer.broker)).then_some(own.to.into())
        }
        _ => None,
    })
}

/// Whether it was this daemon that connected the other end.
fn is_peer(socket: BorrowedFd<'_>, broker: Broker) -> io::Result<bool> {
    let peer = getsockopt(&socket, sockopt::PeerCredentials)?;
    Ok(broker.is(peer.pid(), peer.uid()))
}

fn name(address: &SockAddr) -> Option<Name> {
    Name::decode(address.as_abstract_namespace()?)
}
