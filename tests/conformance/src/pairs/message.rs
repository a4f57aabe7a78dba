//! The flags of `send(2)` and `recv(2)`, and `recvmsg(2)`.

use crate::backend::Connection;
use crate::pair::{On, Pair};
use crate::pattern::Pattern;
use crate::side::Side;
use crate::sys::{in_child, sigpipe_kills, uninit};
use crate::transfer::{
    expect_bytes, expect_eof, expect_errno, fill, read_pattern, write_all, write_until_stuck,
};
use crate::wait::{HEAD_START, Ready, await_ready, expect_would_block, until};
use libc::{EAGAIN, EPIPE, MSG_DONTWAIT, MSG_NOSIGNAL, MSG_PEEK, MSG_TRUNC, MSG_WAITALL};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use socket2::{MaybeUninitSlice, SockRef};
use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::thread::sleep;
use std::time::Duration;

pub(super) const PAIRS: &[Pair] = &[
    Pair::new(
        "message_peek",
        "MSG_PEEK leaves the bytes",
        On::Both,
        ten_server,
        peek_client,
    )
    .descriptors(),
    Pair::new(
        "message_dontwait",
        "MSG_DONTWAIT says EAGAIN on a socket that else waits, receiving and sending",
        On::Both,
        full_server,
        dont_wait_client,
    )
    .descriptors(),
    Pair::new(
        "message_waitall",
        "MSG_WAITALL waits for the whole buffer",
        On::Both,
        slow_server,
        wait_all_client,
    )
    .descriptors(),
    Pair::new(
        "message_waitall_ends",
        "and returns less at a time-out and at the end",
        On::Both,
        slow_server,
        wait_all_less_client,
    )
    .descriptors(),
    Pair::new(
        "message_sigpipe",
        "a write to a closed peer raises SIGPIPE, with MSG_NOSIGNAL it says EPIPE",
        On::Both,
        closing_server,
        sigpipe_client,
    )
    .descriptors(),
    Pair::new(
        "message_sigpipe_after_shutdown",
        "so does one after the own shutdown",
        On::Both,
        eof_server,
        shut_sigpipe_client,
    )
    .descriptors(),
    Pair::new(
        "message_vectors",
        "sendmsg gathers, recvmsg scatters",
        On::Both,
        gather_server,
        scatter_client,
    )
    .descriptors(),
    Pair::new(
        "message_truncated",
        "recvmsg says MSG_TRUNC of a datagram that was cut, and who sent it",
        On::Both,
        cut_server,
        datagram_client,
    )
    .descriptors(),
];

const TEN: &[u8] = b"0123456789";
const TIMEOUT: Duration = Duration::from_millis(200);

fn recv(conn: &dyn Connection, buf: &mut [u8], flags: i32) -> io::Result<usize> {
    SockRef::from(&conn.as_fd()).recv_with_flags(uninit(buf), flags)
}

fn send(conn: &dyn Connection, buf: &[u8], flags: i32) -> io::Result<usize> {
    SockRef::from(&conn.as_fd()).send_with_flags(buf, flags)
}

fn ten_server(side: &mut Side) {
    let conn = side.accept_stream();
    write_all(&*conn, TEN);
    expect_eof(&*conn);
}

fn peek_client(side: &mut Side) {
    let conn = side.connect_stream();
    let mut buf = [0; 20];
    for len in [4, 20] {
        let n = recv(&*conn, &mut buf[..len], MSG_PEEK).expect("recv");
        assert_eq!(buf[..n], TEN[..len.min(10)]);
    }
    expect_bytes(&*conn, TEN);
}

fn full_server(side: &mut Side) {
    let conn = side.accept_stream();
    let mut pattern = Pattern::new(1);
    side.control.expect("looked");
    fill(&*conn, &mut pattern);
    conn.set_nonblocking(false).expect("blocking");
    let (error, _) = write_until_stuck(&mut pattern, |bytes| {
        send(&*conn, bytes, MSG_DONTWAIT | MSG_NOSIGNAL)
    });
    expect_errno(&error, &[EAGAIN]);
    side.control.tell("taken", pattern.at());
    expect_eof(&*conn);
}

fn dont_wait_client(side: &mut Side) {
    let conn = side.connect_stream();
    expect_would_block(recv(&*conn, &mut [0; 10], MSG_DONTWAIT));
    side.control.signal("looked");
    let taken = usize::try_from(side.control.expect_number("taken")).expect("a size");
    read_pattern(&*conn, &mut Pattern::new(1), taken, 64 << 10);
    expect_would_block(recv(&*conn, &mut [0; 10], MSG_DONTWAIT));
}

/// Writes ten bytes in two parts, then, when asked, five more and the end.
fn slow_server(side: &mut Side) {
    let conn = side.accept_stream();
    write_all(&*conn, &TEN[..5]);
    sleep(HEAD_START);
    write_all(&*conn, &TEN[5..]);
    side.control.expect("end");
    write_all(&*conn, &TEN[..5]);
    conn.shutdown(Shutdown::Write).expect("shutdown");
    expect_eof(&*conn);
}

fn wait_all_client(side: &mut Side) {
    let conn = side.connect_stream();
    let mut buf = [0; 10];
    assert_eq!(recv(&*conn, &mut buf, MSG_WAITALL).expect("recv"), 10);
    assert_eq!(buf, TEN);
    side.control.signal("end");
    expect_bytes(&*conn, &TEN[..5]);
    expect_eof(&*conn);
}

fn wait_all_less_client(side: &mut Side) {
    let conn = side.connect_stream();
    conn.set_read_timeout(Some(HEAD_START + TIMEOUT))
        .expect("SO_RCVTIMEO");
    let mut buf = [0; 20];
    assert_eq!(
        recv(&*conn, &mut buf, MSG_WAITALL).expect("recv"),
        10,
        "at the time-out"
    );
    conn.set_read_timeout(None).expect("SO_RCVTIMEO");
    side.control.signal("end");
    assert_eq!(
        recv(&*conn, &mut buf, MSG_WAITALL).expect("recv"),
        5,
        "at the end"
    );
    assert_eq!(recv(&*conn, &mut buf, MSG_WAITALL).expect("recv"), 0, "the end");
}

fn closing_server(side: &mut Side) {
    drop(side.accept_stream());
    side.control.signal("closed");
    side.control.expect("done");
}

/// Writes with `flags` in a child that SIGPIPE kills, until a write fails; how the child ended: 0 for EPIPE.
fn write_in_child(conn: &dyn Connection, flags: i32) -> WaitStatus {
    let child = in_child(|| {
        sigpipe_kills();
        loop {
            // The first writes to a closed peer may succeed, and one may say that it was reset.
            match send(conn, b"x", flags).map_err(|e| e.raw_os_error()) {
                Err(Some(EPIPE)) => return 0,
                Ok(_) | Err(Some(libc::ECONNRESET)) => sleep(Duration::from_millis(1)),
                Err(_) => return 1,
            }
        }
    });
    waitpid(child.expect("fork"), None).expect("waitpid")
}

fn expect_signal(conn: &dyn Connection) {
    assert!(matches!(
        write_in_child(conn, MSG_NOSIGNAL),
        WaitStatus::Exited(_, 0)
    ));
    assert!(matches!(
        write_in_child(conn, 0),
        WaitStatus::Signaled(_, Signal::SIGPIPE, _)
    ));
}

fn sigpipe_client(side: &mut Side) {
    let conn = side.connect_stream();
    side.control.expect("closed");
    expect_signal(&*conn);
    side.control.signal("done");
}

fn eof_server(side: &mut Side) {
    expect_eof(&*side.accept_stream());
}

fn shut_sigpipe_client(side: &mut Side) {
    let conn = side.connect_stream();
    conn.shutdown(Shutdown::Write).expect("shutdown");
    expect_signal(&*conn);
    expect_errno(&send(&*conn, b"x", MSG_NOSIGNAL).expect_err("shut"), &[EPIPE]);
}

fn gather_server(side: &mut Side) {
    let conn = side.accept_stream();
    let slices = [&b"01"[..], b"", b"2345", b"6789"].map(io::IoSlice::new);
    let fd = conn.as_fd();
    assert_eq!(
        SockRef::from(&fd)
            .send_vectored_with_flags(&slices, MSG_NOSIGNAL)
            .expect("sendmsg"),
        10
    );
    expect_eof(&*conn);
}

fn scatter_client(side: &mut Side) {
    let conn = side.connect_stream();
    until("all", || {
        (conn.available().expect("FIONREAD") == 10).then_some(())
    });
    let (mut a, mut b) = ([0; 3], [0; 20]);
    let mut slices = [&mut a[..], &mut b].map(|slice| MaybeUninitSlice::new(uninit(slice)));
    let (n, flags) = SockRef::from(&conn.as_fd())
        .recv_vectored(&mut slices)
        .expect("recvmsg");
    assert_eq!((n, flags.is_truncated()), (10, false));
    assert_eq!((&a[..], &b[..7]), (&TEN[..3], &TEN[3..]));
}

fn cut_server(side: &mut Side) {
    let socket = super::datagram::open(side);
    let from = side.control.expect("me");
    await_ready(&*socket, Ready::IN);
    let mut buf = [0; 4];
    let fd = socket.as_fd();
    let raw = SockRef::from(&fd);
    for flags in [MSG_PEEK, 0] {
        let mut slices = [MaybeUninitSlice::new(uninit(&mut buf))];
        let (n, got, _) = raw
            .recv_from_vectored_with_flags(&mut slices, flags)
            .expect("recvmsg");
        assert_eq!((n, got.is_truncated()), (4, true));
        assert_eq!(buf, TEN[..4]);
    }
    assert_eq!(super::datagram::receive(&*socket), (b"next".to_vec(), from));
    side.control.signal("next");
    assert_eq!(
        raw.recv_with_flags(uninit(&mut buf), MSG_TRUNC).expect("recv"),
        10,
        "its whole length"
    );
}

fn datagram_client(side: &mut Side) {
    let (socket, to) = super::datagram::open_towards(side);
    side.control.tell("me", socket.local_addr().expect("address"));
    super::datagram::send(&*socket, TEN, &to);
    super::datagram::send(&*socket, b"next", &to);
    side.control.expect("next");
    super::datagram::send(&*socket, TEN, &to);
}
