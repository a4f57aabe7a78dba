//! Sockets that the daemon makes and connects.

use crate::{Client, Daemon};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};
use v4v_hosted::names::{CallerName, ListenerName, Name};
use v4v_hosted::wire::{DomainRecord, op};
use v4v_ring::{Addr, DomId};

impl Client {
    fn listen(&self, port: u64) -> Result<UnixListener, crate::client::Reply> {
        self.socket_of(op::LISTEN, [port, 16, 0, 0]).map(Into::into)
    }

    fn call_port(&self, domain: DomId, port: u64) -> Result<UnixStream, crate::client::Reply> {
        let socket = self.socket_of(op::CONNECT, [domain.0.into(), port, 0, 0])?;
        let stream = UnixStream::from(socket);
        stream.set_nonblocking(false).expect("set");
        Ok(stream)
    }

    fn socket_of(&self, op: u32, args: [u64; 4]) -> Result<OwnedFd, crate::client::Reply> {
        let mut reply = self.call(op, args, &[]);
        match reply.fds.pop() {
            Some(socket) => Ok(socket),
            None => Err(reply),
        }
    }
}

/// Asks until it is given what was closed before: until its exec, a daemon that another test starts has a copy of each descriptor.
fn in_the_end<T, E: std::fmt::Debug>(mut ask: impl FnMut() -> Result<T, E>) -> T {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        match ask() {
            Ok(given) => return given,
            Err(error) => assert!(Instant::now() < end, "still refused: {error:?}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T, crate::client::Reply>, errno: i32, part: &str) {
    outcome.expect_err("refused").assert_refused(errno, part);
}

fn name(address: &std::os::unix::net::SocketAddr) -> Option<Name> {
    use std::os::linux::net::SocketAddrExt;
    Name::decode(address.as_abstract_name()?)
}

#[test]
fn two_domains_are_connected_and_named() {
    let daemon = Daemon::start();
    let (a, b) = (Client::join(&daemon, "a"), Client::join(&daemon, "b"));
    let listener = a.listen(5001).expect("free");
    let mut caller = b.call_port(a.id, 5001).expect("connected");
    let (mut accepted, from) = listener.accept().expect("one waits");
    caller.write_all(b"hello").expect("written");
    let mut text = [0; 5];
    accepted.read_exact(&mut text).expect("read");
    assert_eq!(&text, b"hello");
    let Some(Name::Caller(CallerName { from, to, .. })) = name(&from) else {
        panic!("{from:?} is no caller's name");
    };
    assert_eq!((from.domain, to), (b.id, Addr::new(a.id, 5001)));
    let Some(Name::Listener(ListenerName { broker, addr, .. })) = name(&caller.peer_addr().expect("a name"))
    else {
        panic!("no listener's name");
    };
    assert_eq!(addr, Addr::new(a.id, 5001));
    assert!(broker.is(daemon.pid(), nix::unistd::geteuid().as_raw()));
}

#[test]
fn the_policy_decides_as_for_rings() {
    let daemon = Daemon::with_policy(
        "default = 'deny'
        [[allow]]
        from = 'a'
        to = 'b'
        ports = '5001'",
    );
    let (a, b) = (Client::join(&daemon, "a"), Client::join(&daemon, "b"));
    let _listeners = [5001, 5002].map(|port| [&a, &b].map(|c| c.listen(port).expect("free")));
    assert!(a.call_port(b.id, 5001).is_ok());
    assert!(a.call_port(a.id, 5002).is_ok(), "a domain may talk to itself");
    refusal(a.call_port(b.id, 5002), libc::EACCES, "[[allow]]");
    refusal(b.call_port(a.id, 5001), libc::EACCES, "[[allow]]");
}

#[test]
fn nobody_listens_where_the_policy_says_so() {
    let daemon = Daemon::with_policy("wildcard = 'deny'");
    refusal(Client::join(&daemon, "a").listen(5001), libc::EPERM, "wildcard");
}

#[test]
fn listeners_count_as_rings_until_they_are_closed() {
    let daemon = Daemon::with_policy("rings = 3");
    let a = Client::join(&daemon, "a");
    let first = a.listen(5001).expect("room");
    let _second = a.listen(5002).expect("room");
    assert_eq!(a.register(5003, DomId::ANY, 4032).result, 0);
    refusal(a.listen(5004), libc::ENOSPC, "its quota");
    a.register(5004, DomId::ANY, 4032)
        .assert_refused(libc::ENOSPC, "its quota");
    drop(first);
    let _third = in_the_end(|| a.listen(5004));
    a.register(5005, DomId::ANY, 4032)
        .assert_refused(libc::ENOSPC, "its quota");
    assert_eq!(
        a.register(5003, DomId::ANY, 4032).result,
        0,
        "a ring registered again is not another"
    );
}

#[test]
fn a_port_is_a_rings_or_a_listeners() {
    let daemon = Daemon::start();
    let (a, b) = (Client::join(&daemon, "a"), Client::join(&daemon, "b"));
    let listener = a.listen(5001).expect("free");
    let _others = b.listen(5001).expect("another domain's port is another");
    a.register(5001, DomId::ANY, 4032)
        .assert_refused(libc::EADDRINUSE, "in use");
    assert_eq!(
        a.register(5001, b.id, 4032).result,
        0,
        "a ring for one partner is no listener's"
    );
    assert_eq!(a.register(5002, DomId::ANY, 4032).result, 0);
    refusal(a.listen(5002), libc::EADDRINUSE, "in use");
    refusal(b.call_port(a.id, 5002), libc::ECONNREFUSED, "V4vStream");
    drop(listener);
    in_the_end(|| match a.register(5001, DomId::ANY, 4032).result {
        0 => Ok(()),
        refused => Err(refused),
    });
}

#[test]
fn nonsense_is_refused() {
    let daemon = Daemon::start();
    let a = Client::join(&daemon, "a");
    for port in [1 << 31, u64::MAX] {
        refusal(a.listen(port), libc::EINVAL, "no socket's port");
        refusal(a.call_port(a.id, port), libc::EINVAL, "no socket's port");
    }
    refusal(a.call_port(a.id, 0), libc::EINVAL, "no socket's port");
    refusal(a.call_port(DomId(999), 1), libc::EHOSTUNREACH, "no domain 999");
    a.call(op::CONNECT, [u64::MAX, 1, 0, 0], &[])
        .assert_refused(libc::EHOSTUNREACH, "no domain");
    let observer = Client::connect(&daemon);
    assert_eq!(observer.hello("").result, 0);
    refusal(observer.listen(5001), libc::ENODEV, "joined no domain");
}

#[test]
fn a_domain_stays_while_somebody_listens_for_it() {
    let daemon = Daemon::start();
    let a = Client::join(&daemon, "a");
    let id = a.id;
    let listener = a.listen(5001).expect("free");
    drop(a);
    let b = Client::join(&daemon, "b");
    assert!(b.call_port(id, 5001).is_ok());
    let (_accepted, _) = listener.accept().expect("one waits");
    let again = Client::join(&daemon, "a");
    assert_eq!(again.id, id, "whoever joins by the name is in that domain");
    drop((again, listener));
    let there = || b.call(op::RESOLVE, [0; 4], b"a").result;
    in_the_end(|| {
        if there() > 0 {
            Err("the domain is still there")
        } else {
            Ok(())
        }
    });
}

#[test]
fn calls_are_counted() {
    let daemon = Daemon::start();
    let (a, b) = (Client::join(&daemon, "a"), Client::join(&daemon, "b"));
    let _listener = a.listen(5001).expect("free");
    for _ in 0..3 {
        b.call_port(a.id, 5001).expect("connected");
    }
    refusal(b.call_port(a.id, 5002), libc::ECONNREFUSED, "nobody listens");
    let blob = a.call(op::LIST_DOMAINS, [0; 4], &[]).blob;
    let counts: Vec<_> = DomainRecord::decode_all(&blob)
        .map(|d| (d.id, d.listeners, d.calls_out, d.calls_in))
        .collect();
    assert_eq!(counts, [(a.id, 1, 0, 3), (b.id, 0, 3, 0)]);
}

#[test]
fn a_full_backlog_does_not_stall_the_daemon() {
    let daemon = Daemon::start();
    let (a, b) = (Client::join(&daemon, "a"), Client::join(&daemon, "b"));
    let _listener = a.listen(5001).expect("free");
    let mut waiting = Vec::new();
    let full = loop {
        match b.call_port(a.id, 5001) {
            Ok(socket) => waiting.push(socket),
            Err(reply) => break reply,
        }
    };
    full.assert_refused(libc::EAGAIN, "backlog");
    assert!(b.call(op::RESOLVE, [0; 4], b"a").result > 0);
    let mut fds = [PollFd::new(waiting[0].as_fd(), PollFlags::POLLOUT)];
    assert_eq!(poll(&mut fds, PollTimeout::ZERO), Ok(1), "who waits is connected");
}

#[test]
fn who_leaves_a_listener_unread_is_disconnected_and_the_port_is_free() {
    let daemon = Daemon::start();
    let a = Client::join(&daemon, "a");
    a.send(op::LISTEN, [5001, 16, 0, 0], &[], &[]);
    a.send(op::LISTEN, [5002, 16, 0, 0], &[], &[]);
    let mut fds = [PollFd::new(a.socket().as_fd(), PollFlags::empty())];
    assert_eq!(poll(&mut fds, 20_000_u16), Ok(1), "it is disconnected");
    // What it was sent goes with its socket.
    drop(a);
    let a = Client::join(&daemon, "a");
    let _listener = in_the_end(|| a.listen(5001));
}
