//! Datagrams where something is too long, too much or not there.

use super::datagram::{open, open_towards, receive, send};
use crate::pair::{On, Pair, Role};
use crate::pattern::Pattern;
use crate::side::{Side, die};
use crate::transfer::expect_errno;
use crate::wait::{expect_would_block, until, would_block};
use libc::{EADDRINUSE, ECONNREFUSED, EMSGSIZE, ENOTCONN};

pub(super) const PAIRS: &[Pair] = &[
    Pair::new(
        "dgram_truncated",
        "what does not fit the buffer is lost, and that is told",
        On::Both,
        short_server,
        long_client,
    ),
    Pair::new(
        "dgram_zero_length",
        "an empty datagram is one",
        On::Both,
        empty_server,
        empty_client,
    ),
    Pair::new(
        "dgram_too_long",
        "one that is too long is refused with EMSGSIZE, and nothing of it arrives",
        On::Both,
        next_server,
        too_long_client,
    ),
    Pair::new(
        "dgram_largest",
        "one of 60 000 bytes arrives",
        On::Both,
        largest_server,
        largest_client,
    ),
    Pair::new(
        "dgram_refused",
        "a port whose socket is gone refuses",
        On::Both,
        gone_server,
        gone_client,
    ),
    Pair::new(
        "dgram_killed",
        "a killed receiver's port refuses",
        On::Both,
        killed_server,
        expect_refusals,
    )
    .dies(Role::Server),
    Pair::new(
        "dgram_port_in_use",
        "a port has one socket",
        On::Both,
        in_use_server,
        idle_client,
    ),
    Pair::new(
        "dgram_full",
        "a sender without room is told EAGAIN, and what was taken before arrives",
        On::Unix,
        full_server,
        flooding_client,
    ),
    Pair::new(
        "dgram_flow",
        "senders that wait for room lose nothing of 20 000 datagrams",
        On::Unix,
        flow_server,
        flow_client,
    ),
];

/// More than any family takes: UDP 65 507, V4V 64 KiB, AF_UNIX what its send buffer holds.
const TOO_LONG: usize = 400_000;
const FLOW: u32 = 20_000;

fn short_server(side: &mut Side) {
    let socket = open(side);
    let mut buf = [0; 10];
    let (message, from) = socket.recv_from(&mut buf).expect("recvfrom");
    assert_eq!(
        (message.bytes, message.truncated, from.is_empty()),
        (10, true, false)
    );
    Pattern::new(1).check(&buf);
    assert_eq!(receive(&*socket).0, b"next");
}

fn long_client(side: &mut Side) {
    let (socket, to) = open_towards(side);
    send(&*socket, &Pattern::new(1).take(100), &to);
    send(&*socket, b"next", &to);
}

fn empty_server(side: &mut Side) {
    let socket = open(side);
    let (bytes, from) = receive(&*socket);
    assert_eq!((bytes.len(), from.is_empty()), (0, false));
    assert_eq!(receive(&*socket).0, b"next");
    assert_eq!(receive(&*socket).0, b"");
}

fn empty_client(side: &mut Side) {
    let (socket, to) = open_towards(side);
    [&b""[..], b"next", b""]
        .iter()
        .for_each(|bytes| send(&*socket, bytes, &to));
}

fn next_server(side: &mut Side) {
    let socket = open(side);
    assert_eq!(receive(&*socket).0, b"next");
}

fn too_long_client(side: &mut Side) {
    let (socket, to) = open_towards(side);
    let error = socket.send_to(&vec![0; TOO_LONG], &to).expect_err("too long");
    expect_errno(&error, &[EMSGSIZE]);
    send(&*socket, b"next", &to);
}

fn largest_server(side: &mut Side) {
    let (bytes, _) = receive(&*open(side));
    assert_eq!(bytes.len(), 60_000);
    Pattern::new(1).check(&bytes);
}

fn largest_client(side: &mut Side) {
    let (socket, to) = open_towards(side);
    send(&*socket, &Pattern::new(1).take(60_000), &to);
}

fn gone_server(side: &mut Side) {
    drop(open(side));
    side.control.signal("gone");
    side.control.expect("done");
}

fn killed_server(side: &mut Side) {
    let _socket = open(side);
    side.control.signal("gone");
    die();
}

fn gone_client(side: &mut Side) {
    expect_refusals(side);
    side.control.signal("done");
}

/// Sends to a port whose socket goes meanwhile, until it is refused.
fn expect_refusals(side: &mut Side) {
    let (socket, to) = open_towards(side);
    side.control.expect("gone");
    // UDP lets the first datagram go and tells the next call; a connected socket hears of it at all.
    let error = until("refusal", || {
        socket.connect(&to).and_then(|()| socket.send(b"x")).err()
    });
    expect_errno(&error, &[ECONNREFUSED]);
    let error = until("refusal again", || socket.send(b"x").err());
    expect_errno(&error, &[ECONNREFUSED, ENOTCONN]);
}

fn in_use_server(side: &mut Side) {
    let socket = open(side);
    let port = socket.local_port().expect("port");
    let error = side.backend.datagram(port).err().expect("refused");
    expect_errno(&error, &[EADDRINUSE]);
}

fn idle_client(side: &mut Side) {
    side.control.expect("address");
}

fn full_server(side: &mut Side) {
    let socket = open(side);
    let sent = side.control.expect_number("sent");
    let mut pattern = Pattern::new(1);
    (0..sent).for_each(|_| pattern.check(&receive(&*socket).0));
    socket.set_nonblocking(true).expect("O_NONBLOCK");
    expect_would_block(socket.recv_from(&mut [0; 10]));
    side.control.signal("drained");
    socket.set_nonblocking(false).expect("blocking");
    assert_eq!(receive(&*socket).0, b"more");
}

fn flooding_client(side: &mut Side) {
    let (socket, to) = open_towards(side);
    socket.set_nonblocking(true).expect("O_NONBLOCK");
    let mut pattern = Pattern::new(1);
    let mut sent = 0;
    loop {
        let mut ahead = pattern;
        match socket.send_to(&ahead.take(1000), &to) {
            Ok(n) => assert_eq!(n, 1000),
            Err(error) => break assert!(would_block(&error), "{error}"),
        }
        pattern = ahead;
        sent += 1;
    }
    assert!(sent > 0);
    side.control.tell("sent", sent);
    side.control.expect("drained");
    until("room", || socket.send_to(b"more", &to).ok());
}

fn flow_server(side: &mut Side) {
    let socket = open(side);
    for n in 0..FLOW {
        assert_eq!(receive(&*socket).0, n.to_le_bytes());
    }
}

fn flow_client(side: &mut Side) {
    let (socket, to) = open_towards(side);
    (0..FLOW).for_each(|n| send(&*socket, &n.to_le_bytes(), &to));
}
