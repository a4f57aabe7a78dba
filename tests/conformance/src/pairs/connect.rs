//! Connecting.

use crate::backend::Kind;
use crate::pair::{On, Pair};
use crate::side::Side;
use crate::transfer::{expect_bytes, expect_eof, expect_errno, read_exact, write_all};
use crate::wait::{Ready, await_ready, promptly};
use libc::{ECONNREFUSED, EHOSTUNREACH};

pub(super) const PAIRS: &[Pair] = &[
    Pair::new(
        "echo",
        "bytes go both ways over a fresh connection",
        On::Both,
        echo_server,
        echo_client,
    ),
    Pair::new(
        "connect_before_accept",
        "connecting is complete, and writing works, before the server accepts",
        On::Both,
        early_server,
        early_client,
    ),
    Pair::new(
        "addresses",
        "both sides name both ends alike",
        On::Tcp,
        addresses_server,
        addresses_client,
    ),
    Pair::new(
        "connect_refused",
        "a port whose listener is gone refuses at once",
        On::Both,
        refused_server,
        refused_client,
    ),
    Pair::new(
        "connect_nowhere",
        "a domain that does not exist refuses at once",
        On::V4vOnly,
        nowhere_server,
        nowhere_client,
    ),
    Pair::new(
        "connect_nonblocking",
        "a connection begun without waiting polls writable when it is made, without an error",
        On::Both,
        echo_server,
        nonblocking_client,
    ),
    Pair::new(
        "connect_nonblocking_refused",
        "a refused one says so at once or by SO_ERROR",
        On::Both,
        refused_server,
        nonblocking_refused_client,
    ),
    Pair::new(
        "many_connections",
        "200 connections are open at once and each carries its own bytes",
        On::Both,
        many_server,
        many_client,
    ),
    Pair::new(
        "reconnect",
        "1000 connections to one port, each right after the close of the last",
        On::Both,
        reconnect_server,
        reconnect_client,
    ),
];

/// Connections open at once.
const MANY: usize = 200;
/// Connections one after the other.
const AGAIN: u32 = 1000;

fn echo_server(side: &mut Side) {
    let conn = side.accept_stream();
    let got = read_exact(&*conn, 5);
    write_all(&*conn, &got);
    expect_eof(&*conn);
}

fn echo_client(side: &mut Side) {
    let conn = side.connect_stream();
    write_all(&*conn, b"hello");
    expect_bytes(&*conn, b"hello");
}

fn early_server(side: &mut Side) {
    let listener = side.listen(Kind::Stream);
    side.control.expect("written");
    let (conn, _) = listener.accept().expect("accept");
    expect_bytes(&*conn, b"early");
}

fn early_client(side: &mut Side) {
    let conn = promptly(|| side.connect_stream());
    write_all(&*conn, b"early");
    side.control.signal("written");
    expect_eof(&*conn);
}

fn addresses_server(side: &mut Side) {
    let listener = side.listen(Kind::Stream);
    let (conn, from) = listener.accept().expect("accept");
    assert_eq!(conn.peer_addr().expect("peer"), from);
    side.control.tell("local", conn.local_addr().expect("local"));
    side.control.tell("peer", from);
    assert_eq!(
        conn.local_port().expect("port"),
        listener.local_port().expect("port")
    );
    side.control.expect("compared");
}

fn addresses_client(side: &mut Side) {
    let addr = side.control.expect("address");
    let conn = side.backend.connect(Kind::Stream, &addr).expect("connect");
    assert_eq!(
        conn.peer_addr().expect("peer"),
        addr,
        "the peer is who was dialled"
    );
    assert_eq!(conn.peer_addr().expect("peer"), side.control.expect("local"));
    assert_eq!(conn.local_addr().expect("local"), side.control.expect("peer"));
    assert_ne!(conn.local_port().expect("port"), 0);
    side.control.signal("compared");
}

fn refused_server(side: &mut Side) {
    let listener = side.backend.listen(Kind::Stream, 0, 1).expect("listen");
    let addr = listener.local_addr().expect("address");
    drop(listener);
    side.control.tell("address", addr);
    side.control.expect("refused");
}

fn refused_client(side: &mut Side) {
    let addr = side.control.expect("address");
    for _ in 0..3 {
        let error = promptly(|| side.backend.connect(Kind::Stream, &addr))
            .err()
            .expect("refused");
        expect_errno(&error, &[ECONNREFUSED]);
    }
    side.control.signal("refused");
}

fn nowhere_server(side: &mut Side) {
    side.control.expect("refused");
}

fn nowhere_client(side: &mut Side) {
    let addr = side.backend.nowhere().expect("such an address");
    let error = promptly(|| side.backend.connect(Kind::Stream, &addr))
        .err()
        .expect("refused");
    expect_errno(&error, &[ECONNREFUSED, EHOSTUNREACH]);
    side.control.signal("refused");
}

fn nonblocking_client(side: &mut Side) {
    let addr = side.control.expect("address");
    let conn = side.backend.start_connect(&addr).expect("connect");
    await_ready(&*conn, Ready::OUT);
    assert!(conn.take_error().expect("SO_ERROR").is_none());
    conn.set_nonblocking(false).expect("blocking");
    write_all(&*conn, b"hello");
    expect_bytes(&*conn, b"hello");
}

fn nonblocking_refused_client(side: &mut Side) {
    let addr = side.control.expect("address");
    let error = match side.backend.start_connect(&addr) {
        Err(error) => error,
        Ok(conn) => {
            await_ready(&*conn, Ready::ERR);
            let error = conn.take_error().expect("SO_ERROR").expect("an error");
            assert!(conn.take_error().expect("SO_ERROR").is_none(), "it is told once");
            error
        }
    };
    expect_errno(&error, &[ECONNREFUSED]);
    side.control.signal("refused");
}

fn many_server(side: &mut Side) {
    let listener = side.listen(Kind::Stream);
    let conns: Vec<_> = (0..MANY).map(|_| listener.accept().expect("accept").0).collect();
    for conn in &conns {
        let name = read_exact(&**conn, 4);
        write_all(&**conn, &name);
        write_all(&**conn, &name);
    }
    side.control.expect("checked");
}

fn many_client(side: &mut Side) {
    let addr = side.control.expect("address");
    let conns: Vec<_> = (0..MANY)
        .map(|_| side.backend.connect(Kind::Stream, &addr).expect("connect"))
        .collect();
    for (name, conn) in (0_u32..).zip(&conns) {
        write_all(&**conn, &name.to_le_bytes());
    }
    for (name, conn) in (0_u32..).zip(&conns) {
        expect_bytes(&**conn, &[name.to_le_bytes(), name.to_le_bytes()].concat());
    }
    side.control.signal("checked");
}

fn reconnect_server(side: &mut Side) {
    let listener = side.listen(Kind::Stream);
    for round in 0..AGAIN {
        let (conn, _) = listener.accept().expect("accept");
        expect_bytes(&*conn, &round.to_le_bytes());
        write_all(&*conn, b"y");
    }
}

fn reconnect_client(side: &mut Side) {
    let addr = side.control.expect("address");
    for round in 0..AGAIN {
        let conn = side.backend.connect(Kind::Stream, &addr).expect("connect");
        write_all(&*conn, &round.to_le_bytes());
        expect_bytes(&*conn, b"y");
    }
}
