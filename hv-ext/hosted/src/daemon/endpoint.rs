//! The kernel's side of a brokered connection: Unix stream sockets with names in the abstract namespace.
//!
//! The daemon binds both ends. So a client's own name for a socket is never believed, and the daemon connects to none but those.

use std::collections::hash_map::RandomState;
use std::fmt::Display;
use std::hash::{BuildHasher, Hasher};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, connect, getsockopt, listen, socket, sockopt,
};

use crate::names::{Broker, CallerName, ListenerName};
use crate::packet::refuse_descriptors;

/// How often a caller's name is chosen anew where somebody has taken it.
const NAME_TRIES: usize = 8;

/// This daemon, as names tell of it.
#[must_use]
pub fn broker() -> Broker {
    Broker {
        pid: nix::unistd::getpid().as_raw(),
        uid: nix::unistd::geteuid().as_raw(),
    }
}

/// A number that nobody can foresee: the standard library keys its hashers from the system's random numbers.
#[must_use]
pub fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A socket that listens under this name. Its descriptor is blocking: it goes to a client.
///
/// # Errors
/// `EADDRINUSE`: somebody has taken the name. The system's.
pub fn listener(name: &ListenerName, backlog: Backlog) -> nix::Result<OwnedFd> {
    let socket = bound(name, SockFlag::SOCK_CLOEXEC)?;
    listen(&socket, backlog)?;
    Ok(socket)
}

/// Whether a socket is bound to this name, so that its listener is there.
///
/// # Errors
/// The system's, where that cannot be told.
pub fn is_bound(name: &ListenerName) -> nix::Result<bool> {
    match bound(name, SockFlag::SOCK_CLOEXEC) {
        Ok(_) => Ok(false),
        Err(Errno::EADDRINUSE) => Ok(true),
        Err(error) => Err(error),
    }
}

/// A socket bound to a caller's name that is connected to this listener, where `domain_uid` is the user who may listen there.
/// Never waits.
///
/// # Errors
/// `EAGAIN`: the backlog is full. `ECONNREFUSED`: nobody listens under that name. `EPERM`: somebody else does. The system's.
pub fn call(mut name: CallerName, listener: &ListenerName, domain_uid: u32) -> nix::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let mut tries = NAME_TRIES;
    let socket = loop {
        match bound(&name, flags) {
            Err(Errno::EADDRINUSE) if tries > 0 => {
                tries -= 1;
                name.nonce = random();
            }
            outcome => break outcome?,
        }
    };
    connect(socket.as_raw_fd(), &address(listener)?)?;
    // The name of a listener that has ended can be bound by anybody.
    let listens = getsockopt(&socket, sockopt::PeerCredentials)?;
    if listener.broker.is(listens.pid(), listens.uid()) || listens.uid() == domain_uid {
        Ok(socket)
    } else {
        Err(Errno::EPERM)
    }
}

fn bound(name: &impl Display, flags: SockFlag) -> nix::Result<OwnedFd> {
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    // V4V carries bytes; and the last to close a descriptor may wait for what that takes.
    refuse_descriptors(&socket);
    bind(socket.as_raw_fd(), &address(name)?)?;
    Ok(socket)
}

fn address(name: &impl Display) -> nix::Result<UnixAddr> {
    UnixAddr::new_abstract(name.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use v4v_ring::{Addr, DomId};

    fn names() -> (CallerName, ListenerName) {
        let (from, to) = (Addr::new(DomId(1), 50_000), Addr::new(DomId(2), 5001));
        let listener = ListenerName {
            broker: broker(),
            addr: to,
            nonce: random(),
        };
        let caller = CallerName {
            broker: broker(),
            from,
            to,
            nonce: random(),
        };
        (caller, listener)
    }

    #[test]
    fn a_listener_is_there_until_its_last_descriptor_is_closed() {
        let (caller, name) = names();
        assert_eq!(is_bound(&name), Ok(false));
        assert_eq!(call(caller, &name, 0).err(), Some(Errno::ECONNREFUSED));
        let socket = listener(&name, Backlog::MAXCONN).expect("a listener");
        assert_eq!(is_bound(&name), Ok(true));
        let connected = call(caller, &name, u32::MAX).expect("this process listens");
        drop(socket);
        assert_eq!(
            is_bound(&name),
            Ok(false),
            "what was connected does not keep the name"
        );
        drop(connected);
    }

    #[test]
    fn a_full_backlog_is_told_at_once() {
        let (caller, name) = names();
        let _socket = listener(&name, Backlog::new(0).expect("a backlog")).expect("a listener");
        let again = CallerName {
            nonce: random(),
            ..caller
        };
        let _waits = call(caller, &name, 0).expect("room for one");
        assert_eq!(call(again, &name, 0).err(), Some(Errno::EAGAIN));
    }

    #[test]
    fn a_taken_caller_name_is_chosen_anew() {
        let (caller, name) = names();
        let _socket = listener(&name, Backlog::MAXCONN).expect("a listener");
        let _squatter = bound(&caller, SockFlag::SOCK_CLOEXEC).expect("free");
        call(caller, &name, 0).expect("another name");
    }
}
