//! Sockets that are the kernel's own, for programs that need all that a descriptor can do: listening and connecting.
//!
//! The same rules hold as for rings: the policy, privileged ports, the quota, one space of ports. What is connected then goes
//! past the daemon, and outlives it.

use nix::errno::Errno;
use nix::sys::socket::Backlog;
use v4v_ring::{Addr, DomId};

use super::endpoint;
use super::limits::{BACKLOG_LEAST, DYNAMIC_PORTS, PORT_TRIES};
use super::machine::Hv;
use super::policy::RING_PORT_BIT;
use super::refusal::Refusal;
use super::rings::Caller;
use super::service::{Answer, Gift};
use crate::names::{CallerName, ListenerName};

/// LISTEN: a listening socket at port `args[0]` (0: a free one) of `domain`, with the backlog `args[1]`.
///
/// # Errors
/// `EINVAL`: no such port. `EADDRINUSE`: a listener or a ring has it. `EACCES`, `EPERM`, `ENOSPC`: policy and quota. The system's.
pub fn listen(hv: &Hv, caller: Caller, domain: DomId, args: [u64; 4]) -> Result<Answer, Refusal> {
    let port = port_of(args[0])?;
    let addr = match port {
        0 => free_port(hv, domain)?,
        port => Addr::new(domain, port),
    };
    let machine = hv.host();
    machine.may_listen(addr, caller.uid)?;
    let name = ListenerName {
        broker: endpoint::broker(),
        addr,
        nonce: endpoint::random(),
    };
    let socket = endpoint::listener(&name, backlog(args[1])).map_err(|e| system("listen", e))?;
    machine.listeners_mut().insert(name, caller.uid);
    Ok(Answer {
        result: addr.port.into(),
        blob: Vec::new(),
        gift: Gift::Listener(name, socket),
    })
}

/// CONNECT: a socket that is connected to port `args[1]` of the domain `args[0]`.
///
/// # Errors
/// `EINVAL`: no such port. `EHOSTUNREACH`: no such domain. `EACCES`: the policy. `ECONNREFUSED`: nobody listens there with a
/// descriptor. `EAGAIN`: the backlog is full. The system's.
pub fn connect(hv: &Hv, domain: DomId, args: [u64; 4]) -> Result<Answer, Refusal> {
    let machine = hv.host();
    let port = port_of(args[1]).and_then(|port| if port == 0 { Err(no_port(0)) } else { Ok(port) })?;
    let there = u16::try_from(args[0]).ok().map(DomId);
    let Some((to, uid)) = there.and_then(|id| machine.domains().get(id).map(|d| (id, d.uid))) else {
        return Err(Refusal::new(
            libc::EHOSTUNREACH,
            format!("there is no domain {}: `v4v stat` lists all domains", args[0]),
        ));
    };
    let to = Addr::new(to, port);
    machine.check_send(domain, to)?;
    let Some(listener) = machine.listeners().get(to) else {
        return Err(nobody(hv, to));
    };
    let from = Addr::new(domain, dynamic_port());
    let name = CallerName {
        broker: endpoint::broker(),
        from,
        to,
        nonce: endpoint::random(),
    };
    let socket = endpoint::call(name, &listener, uid).map_err(|errno| match errno {
        Errno::ECONNREFUSED => {
            machine.listeners_mut().is_taken(to);
            nobody(hv, to)
        }
        Errno::EPERM => {
            machine.listeners_mut().remove(&listener);
            log::warn!("somebody else has taken the name of the listener that was at {to}");
            nobody(hv, to)
        }
        Errno::EAGAIN => Refusal::new(libc::EAGAIN, format!("the backlog of {to} is full: try again")),
        errno => system("connect", errno),
    })?;
    machine.domains_mut().count_call(domain, to.domain);
    Ok(Answer {
        result: from.port.into(),
        blob: Vec::new(),
        gift: Gift::Caller(socket),
    })
}

/// Where nobody listens with a descriptor: perhaps somebody does with a ring.
fn nobody(hv: &Hv, to: Addr) -> Refusal {
    let why = if hv.host().has_wildcard_ring(to) {
        format!(
            "{to} is a ring socket's (v4vsock's V4vListener or V4vDatagram), and a descriptor cannot be connected to it: call it \
             with V4vStream, or have its program listen with v4vsock::descriptor"
        )
    } else {
        format!("nobody listens at {to}")
    };
    Refusal::new(libc::ECONNREFUSED, why)
}

fn port_of(arg: u64) -> Result<u32, Refusal> {
    let port = u32::try_from(arg).ok().filter(|port| port & RING_PORT_BIT == 0);
    port.ok_or_else(|| no_port(arg))
}

fn no_port(arg: u64) -> Refusal {
    Refusal::new(
        libc::EINVAL,
        format!("{arg} is no socket's port: those are 1 to {}", RING_PORT_BIT - 1),
    )
}

/// The backlog as the kernel takes it. Nobody repeats a call that found no room, as TCP does, so there is more than was asked for.
fn backlog(wanted: u64) -> Backlog {
    let wanted = i32::try_from(wanted).unwrap_or(i32::MAX).max(BACKLOG_LEAST);
    Backlog::new(wanted).unwrap_or(Backlog::MAXCONN)
}

/// A random one of the dynamic ports.
fn dynamic_port() -> u32 {
    let (first, last) = (*DYNAMIC_PORTS.start(), *DYNAMIC_PORTS.end());
    // The remainder is less than 2^14.
    first + u32::try_from(endpoint::random() % u64::from(last - first + 1)).unwrap_or(0)
}

fn free_port(hv: &Hv, domain: DomId) -> Result<Addr, Refusal> {
    let tries = std::iter::repeat_with(dynamic_port).take(PORT_TRIES);
    let mut addrs = tries.chain(DYNAMIC_PORTS).map(|port| Addr::new(domain, port));
    addrs.find(|addr| !hv.host().is_port_taken(*addr)).ok_or_else(|| {
        Refusal::new(
            libc::EADDRINUSE,
            "all dynamic ports of this domain are taken: close sockets",
        )
    })
}

fn system(what: &str, errno: Errno) -> Refusal {
    Refusal::new(
        errno as i32,
        format!("v4vd cannot {what} for this process: {}", errno.desc()),
    )
}
