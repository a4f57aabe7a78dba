//! The socket as a file: `read`, `write`, `dup`, `fork`, `ioctl`, and the ways to new descriptors.

use crate::backend::Kind;
use crate::pair::{On, Pair};
use crate::side::Side;
use crate::sys::{accept4, fionread, in_child, unknown_ioctl};
use crate::transfer::{await_available, expect_bytes, expect_eof, expect_errno, read_exact, write_all};
use crate::wait::{HEAD_START, Ready, await_ready, expect_would_block, stays_unready};
use libc::{ENOTTY, SOCK_CLOEXEC, SOCK_NONBLOCK};
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sys::wait::{WaitStatus, waitpid};
use socket2::{Domain, Socket, Type};
use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::os::fd::AsFd;
use std::thread::sleep;

pub(super) const PAIRS: &[Pair] = &[
    Pair::new(
        "fd_read_write",
        "read, write, readv and writev work on it",
        On::Both,
        files_server,
        files_client,
    )
    .descriptors(),
    Pair::new(
        "fd_dup",
        "the connection lives until its last descriptor is closed",
        On::Both,
        dup_server,
        dup_client,
    )
    .descriptors(),
    Pair::new(
        "fd_fork",
        "a child inherits it, and the connection lives until both have closed it",
        On::Both,
        fork_server,
        fork_client,
    )
    .descriptors(),
    Pair::new(
        "fd_fork_listener",
        "a child accepts from the listener of its parent",
        On::Both,
        fork_listener_server,
        dup_client,
    )
    .descriptors(),
    Pair::new(
        "fd_ioctl",
        "FIONREAD counts, and what is unknown is ENOTTY",
        On::Both,
        ten_server,
        ioctl_client,
    )
    .descriptors(),
    Pair::new(
        "fd_accept4",
        "accept4 makes it non-blocking and closed at exec, as asked",
        On::Both,
        accept4_server,
        accept4_client,
    )
    .descriptors(),
    Pair::new(
        "fd_close_on_exec",
        "descriptors are closed at exec, as those of std::net",
        On::Both,
        close_server,
        close_client,
    ),
    Pair::new(
        "fd_socketpair",
        "socketpair makes a connection",
        On::Unix,
        pair_of_streams,
        pair_of_streams,
    )
    .descriptors(),
];

fn files_server(side: &mut Side) {
    let conn = side.accept_stream();
    let mut file = File::from(conn.as_fd().try_clone_to_owned().expect("dup"));
    assert_eq!(file.write(b"01234").expect("write"), 5);
    let slices = [&b"56"[..], b"", b"789"].map(IoSlice::new);
    assert_eq!(file.write_vectored(&slices).expect("writev"), 5);
    drop(file);
    expect_eof(&*conn);
}

fn files_client(side: &mut Side) {
    let conn = side.connect_stream();
    let mut file = File::from(conn.as_fd().try_clone_to_owned().expect("dup"));
    await_available(&*conn, 10);
    let mut buf = [0; 4];
    assert_eq!(file.read(&mut buf).expect("read"), 4);
    assert_eq!(&buf, b"0123");
    let (mut a, mut b) = ([0; 1], [0; 10]);
    let mut slices = [&mut a[..], &mut b].map(IoSliceMut::new);
    assert_eq!(file.read_vectored(&mut slices).expect("readv"), 6);
    assert_eq!((&a, &b[..5]), (b"4", &b"56789"[..]));
}

fn dup_server(side: &mut Side) {
    let conn = side.accept_stream();
    let mut file = File::from(conn.as_fd().try_clone_to_owned().expect("dup"));
    drop(conn);
    side.control.signal("closed");
    side.control.expect("looked");
    file.write_all(b"x").expect("write");
}

/// Sees a byte, then the end, and neither too early.
fn dup_client(side: &mut Side) {
    let conn = side.connect_stream();
    side.control.expect("closed");
    stays_unready(&*conn, Ready::IN);
    side.control.signal("looked");
    expect_bytes(&*conn, b"x");
    expect_eof(&*conn);
}

fn fork_server(side: &mut Side) {
    let conn = side.accept_stream();
    let child = in_child(|| {
        sleep(HEAD_START);
        i32::from(conn.write(b"x").is_err())
    });
    drop(conn);
    let ended = waitpid(child.expect("fork"), None).expect("waitpid");
    assert!(matches!(ended, WaitStatus::Exited(_, 0)), "{ended:?}");
}

fn fork_client(side: &mut Side) {
    let conn = side.connect_stream();
    expect_bytes(&*conn, b"x");
    expect_eof(&*conn);
}

fn fork_listener_server(side: &mut Side) {
    let listener = side.listen(Kind::Stream);
    let child = in_child(|| {
        let Ok((conn, _)) = listener.accept() else {
            return 1;
        };
        sleep(2 * HEAD_START);
        i32::from(conn.write(b"x").is_err())
    });
    drop(listener);
    side.control.signal("closed");
    side.control.expect("looked");
    let ended = waitpid(child.expect("fork"), None).expect("waitpid");
    assert!(matches!(ended, WaitStatus::Exited(_, 0)), "{ended:?}");
}

fn ten_server(side: &mut Side) {
    let conn = side.accept_stream();
    write_all(&*conn, b"0123456789");
    expect_eof(&*conn);
}

fn ioctl_client(side: &mut Side) {
    let conn = side.connect_stream();
    await_ready(&*conn, Ready::IN);
    assert_eq!(fionread(&*conn).expect("FIONREAD"), 10);
    read_exact(&*conn, 4);
    assert_eq!(fionread(&*conn).expect("FIONREAD"), 6);
    expect_errno(&unknown_ioctl(&*conn).expect_err("unknown"), &[ENOTTY]);
    assert_eq!(read_exact(&*conn, 6), b"456789");
}

fn accept4_server(side: &mut Side) {
    let listener = side.listen(Kind::Stream);
    for flags in [0, SOCK_NONBLOCK, SOCK_CLOEXEC, SOCK_NONBLOCK | SOCK_CLOEXEC] {
        let conn = accept4(&*listener, flags).expect("accept4");
        let at_exec = FdFlag::from_bits_retain(fcntl(&conn, FcntlArg::F_GETFD).expect("F_GETFD"));
        let mode = OFlag::from_bits_retain(fcntl(&conn, FcntlArg::F_GETFL).expect("F_GETFL"));
        assert_eq!(at_exec.contains(FdFlag::FD_CLOEXEC), flags & SOCK_CLOEXEC != 0);
        assert_eq!(mode.contains(OFlag::O_NONBLOCK), flags & SOCK_NONBLOCK != 0);
        if flags & SOCK_NONBLOCK != 0 {
            expect_would_block(File::from(conn).read(&mut [0; 1]));
        }
    }
}

fn accept4_client(side: &mut Side) {
    let addr = side.control.expect("address");
    for _ in 0..4 {
        expect_eof(&*side.backend.connect(Kind::Stream, &addr).expect("connect"));
    }
}

#[track_caller]
fn expect_close_on_exec(fd: impl AsFd) {
    let flags = FdFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFD).expect("F_GETFD"));
    assert!(flags.contains(FdFlag::FD_CLOEXEC));
}

fn close_server(side: &mut Side) {
    let listener = side.listen(Kind::Stream);
    let (conn, _) = listener.accept().expect("accept");
    expect_close_on_exec(&*listener);
    expect_close_on_exec(&*conn);
    expect_close_on_exec(&*side.backend.datagram(0).expect("datagram socket"));
}

fn close_client(side: &mut Side) {
    expect_close_on_exec(&*side.connect_stream());
}

/// Both sides do the same, each for itself.
fn pair_of_streams(side: &mut Side) {
    let family = Domain::from(side.backend.family().expect("a family"));
    let (mut a, mut b) = Socket::pair(family, Type::STREAM, None).expect("socketpair");
    let mut buf = [0; 10];
    for _ in 0..2 {
        a.write_all(b"hello").expect("write");
        assert_eq!(b.read(&mut buf).expect("read"), 5);
        assert_eq!(&buf[..5], b"hello");
        (a, b) = (b, a);
    }
    drop(a);
    assert_eq!(b.read(&mut buf).expect("read"), 0, "the end");
    side.control.meet("done");
}
