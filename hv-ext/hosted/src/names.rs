//! The names of brokered sockets: who is at either end, for whoever holds the descriptor.
//!
//! A brokered connection is a pair of Unix stream sockets, of which the daemon has bound both to names in the abstract namespace.
//! `getsockname` and `getpeername` tell them in every process that the descriptor gets to, by `fork`, `exec`, `dup` or
//! `SCM_RIGHTS`. One name belongs to the listener and to all sockets that are accepted from it, the other to one caller:
//!
//! ```text
//! v4v/listen/PID.UID/DOMAIN:PORT/NONCE          v4v/call/PID.UID/DOMAIN:PORT/DOMAIN:PORT/NONCE
//!            │       the listener                          │       the caller  the listener
//!            the daemon                                    the daemon
//! ```
//!
//! Anybody can bind such a name. Who accepts believes a caller's only where the kernel says (`SO_PEERCRED`) that the caller is the
//! daemon of the listener's own name, which the daemon bound itself.

use std::fmt;

use v4v_ring::{Addr, DomId};

/// Who bound the names: the daemon as the kernel shows it (`struct ucred`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Broker {
    /// Its process id, in its own namespace.
    pub pid: i32,
    /// Its user.
    pub uid: u32,
}

impl Broker {
    /// Whether credentials that the kernel gave (`SO_PEERCRED`) are this daemon's. A process of a namespace that this one does not see
    /// has the process id 0 here: then the user decides.
    #[must_use]
    pub fn is(self, pid: i32, uid: u32) -> bool {
        uid == self.uid && (pid == self.pid || pid == 0)
    }
}

/// The name of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListenerName {
    /// The daemon that bound it.
    pub broker: Broker,
    /// Where it listens.
    pub addr: Addr,
    /// A random number, no other name's.
    pub nonce: u64,
}

/// The name of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallerName {
    /// The daemon that bound it.
    pub broker: Broker,
    /// The caller.
    pub from: Addr,
    /// Whom it called.
    pub to: Addr,
    /// A random number, no other name's.
    pub nonce: u64,
}

/// A brokered socket's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// Of a listener, or of a socket that was accepted there.
    Listener(ListenerName),
    /// Of a caller.
    Caller(CallerName),
}

impl Name {
    /// The name in these bytes, those behind the leading zero of an abstract address; `None` where they are no brokered socket's.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let name = match text.strip_prefix("v4v/")?.split_once('/')? {
            ("listen", rest) => Self::Listener(listener(rest)?),
            ("call", rest) => Self::Caller(caller(rest)?),
            _ => return None,
        };
        // Each name has one spelling.
        (name.to_string() == text).then_some(name)
    }
}

fn listener(rest: &str) -> Option<ListenerName> {
    let [daemon, addr, nonce] = fields(rest)?;
    Some(ListenerName {
        broker: broker(daemon)?,
        addr: address(addr)?,
        nonce: u64::from_str_radix(nonce, 16).ok()?,
    })
}

fn caller(rest: &str) -> Option<CallerName> {
    let [daemon, from, to, nonce] = fields(rest)?;
    Some(CallerName {
        broker: broker(daemon)?,
        from: address(from)?,
        to: address(to)?,
        nonce: u64::from_str_radix(nonce, 16).ok()?,
    })
}

/// As many parts as there are to be.
fn fields<const N: usize>(rest: &str) -> Option<[&str; N]> {
    rest.split('/').collect::<Vec<_>>().try_into().ok()
}

fn broker(text: &str) -> Option<Broker> {
    let (pid, uid) = text.split_once('.')?;
    Some(Broker {
        pid: pid.parse().ok()?,
        uid: uid.parse().ok()?,
    })
}

fn address(text: &str) -> Option<Addr> {
    let (domain, port) = text.split_once(':')?;
    Some(Addr::new(DomId(domain.parse().ok()?), port.parse().ok()?))
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listener(name) => name.fmt(f),
            Self::Caller(name) => name.fmt(f),
        }
    }
}

impl fmt::Display for ListenerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Broker { pid, uid } = self.broker;
        let (domain, port) = (self.addr.domain.0, self.addr.port);
        write!(f, "v4v/listen/{pid}.{uid}/{domain}:{port}/{:016x}", self.nonce)
    }
}

impl fmt::Display for CallerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Broker { pid, uid }, from, to) = (self.broker, self.from, self.to);
        write!(
            f,
            "v4v/call/{pid}.{uid}/{}:{}/{}:{}/{:016x}",
            from.domain.0, from.port, to.domain.0, to.port, self.nonce
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that an abstract address holds (`sun_path` without its first byte).
    const ABSTRACT_MAX: usize = 107;

    fn longest() -> [Name; 2] {
        let addr = Addr::new(DomId(u16::MAX), u32::MAX);
        let broker = Broker {
            pid: i32::MIN,
            uid: u32::MAX,
        };
        [
            Name::Listener(ListenerName {
                broker,
                addr,
                nonce: u64::MAX,
            }),
            Name::Caller(CallerName {
                broker,
                from: addr,
                to: addr,
                nonce: 1,
            }),
        ]
    }

    #[test]
    fn names_come_back_and_fit() {
        for name in longest() {
            let text = name.to_string();
            assert_eq!(Name::decode(text.as_bytes()), Some(name));
            assert!(text.len() <= ABSTRACT_MAX, "{text}");
        }
    }

    #[test]
    fn other_text_is_no_name() {
        for text in [
            "",
            "v4v/",
            "v4v/listen/1.2/3:4",
            "v4v/listen/1.2/3:4/5",
            "v4v/listen/+1.2/3:4/0000000000000005",
            "v4v/listen/1.2/3:4/0000000000000005/",
            "v4v/listen/1.2/03:4/0000000000000005",
            "v4v/call/1.2/1:2/65536:4/0000000000000005",
            "v4v/other/1:2/3:4/0000000000000005",
            "v4v/call/1.2/1:2/3:4/000000000000000A",
            "v4v/call/1:2/3:4/0000000000000005",
        ] {
            assert_eq!(Name::decode(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Name::decode(b"v4v/\xFF"), None);
    }

    #[test]
    fn a_daemon_is_known_by_process_and_user() {
        let broker = Broker { pid: 7, uid: 500 };
        assert!(broker.is(7, 500) && broker.is(0, 500));
        assert!(!broker.is(8, 500) && !broker.is(7, 0) && !broker.is(0, 0));
    }
}
