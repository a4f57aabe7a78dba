//! Calls at the wrong time: each has an errno, and changes nothing.

use crate::backend::Kind;
use crate::pair::{On, Pair};
use crate::side::Side;
use crate::sys::accept4;
use crate::transfer::{expect_bytes, expect_eof, expect_errno, write_all};
use libc::{EADDRINUSE, EINVAL, EISCONN, ENOTCONN, EOPNOTSUPP};
use socket2::{Domain, SockRef, Socket, Type};
use std::os::fd::AsFd;

pub(super) const PAIRS: &[Pair] = &[
    Pair::new(
        "order_connected",
        "connecting, binding or listening with a connected socket is refused, and it goes on working",
        On::Both,
        echo_server,
        connected_client,
    )
    .descriptors(),
    Pair::new(
        "order_listening",
        "a listener cannot be connected or bound again, and goes on accepting",
        On::Both,
        listening_server,
        echo_client,
    )
    .descriptors(),
    Pair::new(
        "order_fresh",
        "a socket that is not connected has no peer, accepts nothing and reads nothing",
        On::Both,
        fresh,
        fresh,
    )
    .descriptors(),
];

fn echo_server(side: &mut Side) {
    // It stays, so that a second connect would have somewhere to go.
    let listener = side.listen(Kind::Stream);
    let (conn, _) = listener.accept().expect("accept");
    expect_bytes(&*conn, b"x");
    write_all(&*conn, b"y");
    expect_eof(&*conn);
}

fn echo_client(side: &mut Side) {
    let conn = side.connect_stream();
    write_all(&*conn, b"x");
    expect_bytes(&*conn, b"y");
}

fn connected_client(side: &mut Side) {
    let conn = side.connect_stream();
    let fd = conn.as_fd();
    let raw = SockRef::from(&fd);
    let peer = raw.peer_addr().expect("getpeername");
    expect_errno(&raw.connect(&peer).expect_err("connected"), &[EISCONN]);
    expect_errno(&raw.bind(&peer).expect_err("connected"), &[EINVAL, EADDRINUSE]);
    expect_errno(&raw.listen(1).expect_err("connected"), &[EINVAL]);
    expect_errno(&accept4(fd, 0).expect_err("no listener"), &[EINVAL]);
    write_all(&*conn, b"x");
    expect_bytes(&*conn, b"y");
}

fn listening_server(side: &mut Side) {
    let listener = side.listen(Kind::Stream);
    let fd = listener.as_fd();
    let raw = SockRef::from(&fd);
    let own = raw.local_addr().expect("getsockname");
    expect_errno(&raw.connect(&own).expect_err("a listener"), &[EISCONN, EINVAL]);
    expect_errno(&raw.bind(&own).expect_err("bound"), &[EINVAL, EADDRINUSE]);
    expect_errno(&raw.peer_addr().expect_err("no peer"), &[ENOTCONN]);
    expect_errno(
        &raw.send(b"x").expect_err("a listener"),
        &[ENOTCONN, libc::EPIPE, EOPNOTSUPP],
    );
    raw.listen(5).expect("a new backlog");
    let (conn, _) = listener.accept().expect("accept");
    expect_bytes(&*conn, b"x");
    write_all(&*conn, b"y");
    expect_eof(&*conn);
}

/// Both sides do the same, each for itself.
fn fresh(side: &mut Side) {
    let family = Domain::from(side.backend.family().expect("a family"));
    let raw = Socket::new(family, Type::STREAM, None).expect("socket");
    expect_errno(&raw.peer_addr().expect_err("no peer"), &[ENOTCONN]);
    expect_errno(&accept4(&raw, 0).expect_err("no listener"), &[EINVAL]);
    // AF_UNIX calls both EINVAL, or ENOTCONN, as it comes.
    expect_errno(
        &raw.recv(&mut [std::mem::MaybeUninit::new(0)])
            .expect_err("no peer"),
        &[ENOTCONN, EINVAL],
    );
    let error = raw
        .send_with_flags(b"x", libc::MSG_NOSIGNAL)
        .expect_err("no peer");
    expect_errno(&error, &[ENOTCONN, libc::EPIPE]);
    side.control.meet("done");
}
