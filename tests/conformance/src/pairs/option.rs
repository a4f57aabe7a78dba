//! `getsockopt` and `setsockopt` on the descriptor.

use crate::backend::Kind;
use crate::pair::{On, Pair};
use crate::pattern::Pattern;
use crate::side::Side;
use crate::sys::set_option;
use crate::transfer::{
    expect_eof, expect_errno, expect_reset_once, read_pattern_to_end, write_all, write_pattern,
};
use crate::wait::{Ready, await_ready, promptly};
use libc::{ECONNRESET, ENOPROTOOPT, EOPNOTSUPP};
use socket2::{Domain, SockRef, Type};
use std::os::fd::AsFd;
use std::time::Duration;

pub(super) const PAIRS: &[Pair] = &[
    Pair::new(
        "option_type",
        "SO_TYPE tells streams and datagrams apart, SO_DOMAIN says the family",
        On::Both,
        type_server,
        type_client,
    )
    .descriptors(),
    Pair::new(
        "option_packet_type",
        "SO_TYPE names packets",
        On::Unix,
        packet_server,
        packet_client,
    )
    .descriptors(),
    Pair::new(
        "option_accepts",
        "SO_ACCEPTCONN is a listener's",
        On::Both,
        accepts_server,
        close_client,
    )
    .descriptors(),
    Pair::new(
        "option_buffers",
        "SO_RCVBUF and SO_SNDBUF are at least what was asked for",
        On::Both,
        idle_server,
        buffers_client,
    )
    .descriptors(),
    Pair::new(
        "option_error",
        "SO_ERROR is 0, then the reset's, then 0 again",
        On::Both,
        unread_server,
        error_client,
    )
    .descriptors(),
    Pair::new(
        "option_linger",
        "SO_LINGER can be set, read and taken away",
        On::Both,
        idle_server,
        linger_client,
    )
    .descriptors(),
    Pair::new(
        "option_linger_delivers",
        "close with a linger time loses nothing that its reader takes in time",
        On::Both,
        lingering_server,
        lingered_client,
    )
    .descriptors(),
    Pair::new(
        "option_linger_zero",
        "close with a linger time of 0 is a reset, from the descriptor too",
        On::Tcp,
        aborting_server,
        aborted_client,
    )
    .descriptors(),
    Pair::new(
        "option_unknown",
        "an option or a level that nobody knows is refused",
        On::Both,
        idle_server,
        unknown_client,
    )
    .descriptors(),
];

/// Bytes asked for as buffers: less than any system's limit.
const BUFFER: usize = 32 << 10;
const LINGER: Duration = Duration::from_secs(5);

fn idle_server(side: &mut Side) {
    let conn = side.accept_stream();
    expect_eof(&*conn);
}

fn close_client(side: &mut Side) {
    drop(side.connect_stream());
}

fn type_server(side: &mut Side) {
    let family = side.backend.family().expect("a family");
    let listener = side.listen(Kind::Stream);
    let (conn, _) = listener.accept().expect("accept");
    let datagram = side.backend.datagram(0).expect("datagram socket");
    for (fd, kind) in [
        (listener.as_fd(), Type::STREAM),
        (conn.as_fd(), Type::STREAM),
        (datagram.as_fd(), Type::DGRAM),
    ] {
        assert_eq!(SockRef::from(&fd).r#type().expect("SO_TYPE"), kind);
        assert_eq!(
            SockRef::from(&fd).domain().expect("SO_DOMAIN"),
            Domain::from(family)
        );
    }
}

fn type_client(side: &mut Side) {
    let family = side.backend.family().expect("a family");
    let conn = side.connect_stream();
    let fd = conn.as_fd();
    assert_eq!(SockRef::from(&fd).r#type().expect("SO_TYPE"), Type::STREAM);
    assert_eq!(
        SockRef::from(&fd).domain().expect("SO_DOMAIN"),
        Domain::from(family)
    );
    let addr = SockRef::from(&fd).peer_addr().expect("getpeername");
    assert_eq!(i32::from(addr.family()), family, "addresses bear the family too");
}

fn packet_server(side: &mut Side) {
    let conn = side.accept(Kind::Packet);
    assert_eq!(
        SockRef::from(&conn.as_fd()).r#type().expect("SO_TYPE"),
        Type::SEQPACKET
    );
}

fn packet_client(side: &mut Side) {
    let conn = side.connect(Kind::Packet);
    assert_eq!(
        SockRef::from(&conn.as_fd()).r#type().expect("SO_TYPE"),
        Type::SEQPACKET
    );
}

fn accepts_server(side: &mut Side) {
    let listener = side.listen(Kind::Stream);
    let (conn, _) = listener.accept().expect("accept");
    assert!(
        SockRef::from(&listener.as_fd())
            .is_listener()
            .expect("SO_ACCEPTCONN")
    );
    assert!(!SockRef::from(&conn.as_fd()).is_listener().expect("SO_ACCEPTCONN"));
}

fn buffers_client(side: &mut Side) {
    let addr = side.control.expect("address");
    let conn = side.backend.connect_sized(&addr, BUFFER).expect("connect");
    let fd = conn.as_fd();
    let raw = SockRef::from(&fd);
    assert!(raw.recv_buffer_size().expect("SO_RCVBUF") >= BUFFER);
    raw.set_send_buffer_size(BUFFER).expect("SO_SNDBUF");
    assert!(raw.send_buffer_size().expect("SO_SNDBUF") >= BUFFER);
}

/// Closes with what the client sent unread.
fn unread_server(side: &mut Side) {
    let conn = side.accept_stream();
    side.control.expect("written");
    await_ready(&*conn, Ready::IN);
    drop(conn);
    side.control.signal("closed");
    side.control.expect("done");
}

fn error_client(side: &mut Side) {
    let conn = side.connect_stream();
    let fd = conn.as_fd();
    let raw = SockRef::from(&fd);
    assert!(raw.take_error().expect("SO_ERROR").is_none());
    write_all(&*conn, b"never read");
    side.control.signal("written");
    side.control.expect("closed");
    await_ready(&*conn, Ready::IN);
    expect_errno(
        &raw.take_error().expect("SO_ERROR").expect("a reset"),
        &[ECONNRESET],
    );
    assert!(raw.take_error().expect("SO_ERROR").is_none(), "it is told once");
    side.control.signal("done");
}

fn linger_client(side: &mut Side) {
    let conn = side.connect_stream();
    let fd = conn.as_fd();
    let raw = SockRef::from(&fd);
    assert_eq!(raw.linger().expect("SO_LINGER"), None);
    for linger in [Some(LINGER), Some(Duration::ZERO), None] {
        raw.set_linger(linger).expect("SO_LINGER");
        assert_eq!(raw.linger().expect("SO_LINGER"), linger);
    }
}

fn lingering_server(side: &mut Side) {
    let conn = side.accept_stream();
    SockRef::from(&conn.as_fd())
        .set_linger(Some(LINGER))
        .expect("SO_LINGER");
    write_pattern(&*conn, &mut Pattern::new(1), 1 << 20, 1 << 20);
    promptly(|| drop(conn));
    side.control.expect("read");
}

fn lingered_client(side: &mut Side) {
    let conn = side.connect_stream();
    assert_eq!(read_pattern_to_end(&*conn, &mut Pattern::new(1)), 1 << 20);
    side.control.signal("read");
}

fn aborting_server(side: &mut Side) {
    let conn = side.accept_stream();
    SockRef::from(&conn.as_fd())
        .set_linger(Some(Duration::ZERO))
        .expect("SO_LINGER");
    drop(conn);
    side.control.signal("closed");
}

fn aborted_client(side: &mut Side) {
    let conn = side.connect_stream();
    side.control.expect("closed");
    promptly(|| expect_reset_once(&*conn));
}

fn unknown_client(side: &mut Side) {
    const UNKNOWN: i32 = 9999;
    let conn = side.connect_stream();
    let error = set_option(&*conn, libc::SOL_SOCKET, UNKNOWN, 1).expect_err("an unknown option");
    expect_errno(&error, &[ENOPROTOOPT]);
    let error = set_option(&*conn, UNKNOWN, 1, 1).expect_err("an unknown level");
    expect_errno(&error, &[ENOPROTOOPT, EOPNOTSUPP]);
}
