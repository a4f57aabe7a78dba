//! Ports and listeners.

use crate::backend::{Connection, Kind};
use crate::pair::{On, Pair};
use crate::side::Side;
use crate::transfer::{expect_bytes, expect_eof, expect_errno, expect_reset_once, write_all};
use crate::wait::{
    HEAD_START, PROMPT, QUIET, Ready, await_ready, expect_would_block, promptly, stays_unready,
};
use libc::{EACCES, EADDRINUSE, ECONNREFUSED};
use std::collections::HashSet;
use std::thread::sleep;
use std::time::Instant;

pub(super) const PAIRS: &[Pair] = &[
    Pair::new(
        "port_in_use",
        "a second listener at a port is refused",
        On::Both,
        in_use_server,
        one_byte_client,
    ),
    Pair::new(
        "ephemeral_ports",
        "port 0 gives each listener a free port of its own, not a privileged one",
        On::Tcp,
        ephemeral_server,
        ephemeral_client,
    ),
    Pair::new(
        "privileged_port",
        "ports below 1024 need the right to them",
        On::V4vOnly,
        privileged_server,
        privileged_client,
    )
    .privileged(),
    Pair::new(
        "listen_again",
        "a port is free as soon as its listener is closed, 100 times",
        On::Both,
        again_server,
        again_client,
    ),
    Pair::new(
        "close_refuses_queued",
        "closing a listener resets the connections that wait for accept",
        On::Both,
        queued_server,
        queued_client,
    ),
    Pair::new(
        "accept_nonblocking",
        "a non-blocking accept says EAGAIN until the listener polls readable",
        On::Both,
        nonblocking_server,
        nonblocking_client,
    ),
    Pair::new(
        "accept_timeout",
        "accept gives up after its time-out",
        On::Both,
        timeout_server,
        one_byte_client,
    ),
    Pair::new(
        "accepted_inherits_nothing",
        "an accepted connection blocks although its listener does not",
        On::Both,
        inherit_server,
        late_byte_client,
    ),
];

/// Times that a port is bound anew.
const AGAIN: usize = 100;

/// Connects and sends one byte.
fn one_byte_client(side: &mut Side) {
    let conn = side.connect_stream();
    write_all(&*conn, b"x");
    expect_eof(&*conn);
}

fn in_use_server(side: &mut Side) {
    let listener = side.backend.listen(Kind::Stream, 0, 1).expect("listen");
    let port = listener.local_port().expect("port");
    let error = side.backend.listen(Kind::Stream, port, 1).err().expect("refused");
    expect_errno(&error, &[EADDRINUSE]);
    side.control
        .tell("address", listener.local_addr().expect("address"));
    expect_bytes(&*listener.accept().expect("accept").0, b"x");
}

fn ephemeral_server(side: &mut Side) {
    let listeners: Vec<_> = (0..20)
        .map(|_| side.backend.listen(Kind::Stream, 0, 1).expect("listen"))
        .collect();
    let ports: HashSet<_> = listeners.iter().map(|l| l.local_port().expect("port")).collect();
    assert_eq!(ports.len(), listeners.len(), "every port is another: {ports:?}");
    assert!(
        ports.iter().all(|port| *port >= 1024),
        "no port is privileged: {ports:?}"
    );
    for listener in &listeners {
        side.control
            .tell("address", listener.local_addr().expect("address"));
        expect_bytes(&*listener.accept().expect("accept").0, b"x");
    }
}

fn ephemeral_client(side: &mut Side) {
    (0..20).for_each(|_| one_byte_client(side));
}

fn privileged_server(side: &mut Side) {
    let listener = side
        .backend
        .listen(Kind::Stream, 80, 1)
        .expect("the right to port 80");
    side.control
        .tell("address", listener.local_addr().expect("address"));
    expect_bytes(&*listener.accept().expect("accept").0, b"x");
}

fn privileged_client(side: &mut Side) {
    for port in [1, 81, 1023] {
        let error = side
            .backend
            .listen(Kind::Stream, port, 1)
            .err()
            .expect("no right to ports below 1024");
        expect_errno(&error, &[EACCES]);
    }
    side.backend
        .listen(Kind::Stream, 1024, 1)
        .expect("port 1024 is free to all");
    one_byte_client(side);
}

fn again_server(side: &mut Side) {
    let mut port = 0;
    for _ in 0..AGAIN {
        let listener = side.backend.listen(Kind::Stream, port, 1).expect("listen");
        port = listener.local_port().expect("port");
        side.control
            .tell("address", listener.local_addr().expect("address"));
        expect_bytes(&*listener.accept().expect("accept").0, b"x");
    }
}

fn again_client(side: &mut Side) {
    (0..AGAIN).for_each(|_| one_byte_client(side));
}

fn queued_server(side: &mut Side) {
    let listener = side.listen(Kind::Stream);
    side.control.expect("connected");
    drop(listener);
    side.control.signal("closed");
    side.control.expect("done");
}

fn queued_client(side: &mut Side) {
    let addr = side.control.expect("address");
    let connect = || side.backend.connect(Kind::Stream, &addr);
    let queued: Vec<Box<dyn Connection>> = (0..3).map(|_| connect().expect("connect")).collect();
    side.control.signal("connected");
    side.control.expect("closed");
    for conn in queued {
        promptly(|| expect_reset_once(&*conn));
    }
    expect_errno(
        &side.backend.connect(Kind::Stream, &addr).err().expect("refused"),
        &[ECONNREFUSED],
    );
    side.control.signal("done");
}

fn nonblocking_server(side: &mut Side) {
    let listener = side.listen(Kind::Stream);
    listener.set_nonblocking(true).expect("O_NONBLOCK");
    expect_would_block(listener.accept().map(|_| ()));
    stays_unready(&*listener, Ready::IN);
    side.control.signal("connect");
    await_ready(&*listener, Ready::IN);
    let _conn = listener.accept().expect("accept");
    expect_would_block(listener.accept().map(|_| ()));
    stays_unready(&*listener, Ready::IN);
    side.control.signal("done");
}

fn nonblocking_client(side: &mut Side) {
    let addr = side.control.expect("address");
    side.control.expect("connect");
    let _conn = side.backend.connect(Kind::Stream, &addr).expect("connect");
    side.control.expect("done");
}

fn timeout_server(side: &mut Side) {
    let listener = side.backend.listen(Kind::Stream, 0, 1).expect("listen");
    listener.set_accept_timeout(Some(QUIET)).expect("SO_RCVTIMEO");
    let start = Instant::now();
    expect_would_block(listener.accept().map(|_| ()));
    let took = start.elapsed();
    assert!(took >= QUIET && took < PROMPT, "{took:?}");
    listener.set_accept_timeout(None).expect("SO_RCVTIMEO");
    side.control
        .tell("address", listener.local_addr().expect("address"));
    expect_bytes(&*listener.accept().expect("accept").0, b"x");
}

fn inherit_server(side: &mut Side) {
    let listener = side.listen(Kind::Stream);
    listener.set_nonblocking(true).expect("O_NONBLOCK");
    await_ready(&*listener, Ready::IN);
    let (conn, _) = listener.accept().expect("accept");
    side.control.signal("accepted");
    expect_bytes(&*conn, b"x");
}

fn late_byte_client(side: &mut Side) {
    let conn = side.connect_stream();
    side.control.expect("accepted");
    sleep(HEAD_START);
    write_all(&*conn, b"x");
    expect_eof(&*conn);
}
