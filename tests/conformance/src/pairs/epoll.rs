//! epoll: level- and edge-triggered, and one shot.

use crate::backend::{Connection, Kind};
use crate::pair::{On, Pair};
use crate::pattern::Pattern;
use crate::side::Side;
use crate::transfer::{drain, expect_bytes, expect_eof, fill, read_exact, write_all};
use crate::wait::{PROMPT, Poller, expect_would_block, until};
use nix::sys::epoll::EpollFlags as Flags;
use std::io;
use std::net::Shutdown;
use std::time::{Duration, Instant};

pub(super) const PAIRS: &[Pair] = &[
    Pair::new(
        "epoll_level",
        "level-triggered: an event at every look until all is read",
        On::Both,
        ticks_server,
        level_client,
    ),
    Pair::new(
        "epoll_edge",
        "edge-triggered: one event per arrival, and another after a read that said EAGAIN",
        On::Both,
        ticks_server,
        edge_client,
    ),
    Pair::new(
        "epoll_edge_added_late",
        "edge-triggered: data that is there already gives an event when the descriptor is added",
        On::Both,
        ticks_server,
        added_late_client,
    ),
    Pair::new(
        "epoll_edge_write",
        "edge-triggered: an event when a full connection has space again, each time",
        On::Both,
        edge_write_server,
        draining_client,
    ),
    Pair::new(
        "epoll_edge_end",
        "edge-triggered: the peer's end gives an event with RDHUP",
        On::Both,
        end_server,
        end_client,
    ),
    Pair::new(
        "epoll_oneshot",
        "one shot: one event, then none until it is armed again",
        On::Both,
        ticks_server,
        oneshot_client,
    ),
    Pair::new(
        "epoll_edge_full_duplex",
        "8 MiB each way between two edge-triggered loops that read and write until EAGAIN",
        On::Both,
        |side| duplex(&*side.accept_stream()),
        |side| duplex(&*side.connect_stream()),
    ),
    Pair::new(
        "epoll_many",
        "of 50 connections in one epoll those with data are named, and no other",
        On::Both,
        many_server,
        many_client,
    ),
    Pair::new(
        "epoll_listener",
        "a listener gives an event for a connection that waits",
        On::Both,
        listener_server,
        listener_client,
    ),
];

const LARGE: usize = 8 << 20;

/// Writes five bytes whenever the client asks, until it says "enough".
fn ticks_server(side: &mut Side) {
    let conn = side.accept_stream();
    while side.control.expect("more") == "yes" {
        write_all(&*conn, b"tick!");
        side.control.signal("written");
    }
}

/// Has the server write five bytes.
fn tick(side: &mut Side) {
    side.control.tell("more", "yes");
    side.control.expect("written");
}

fn enough(side: &mut Side) {
    side.control.tell("more", "no");
}

/// Reads all there is with a last read that says EAGAIN.
fn read_to_eagain(conn: &dyn Connection, bytes: usize) {
    read_exact(conn, bytes);
    expect_would_block(conn.read(&mut [0; 1]));
}

fn level_client(side: &mut Side) {
    let conn = side.connect_stream();
    conn.set_nonblocking(true).expect("O_NONBLOCK");
    let poller = Poller::of(&*conn, Flags::EPOLLIN);
    poller.quiet();
    for _ in 0..3 {
        tick(side);
        (0..3).for_each(|_| assert_eq!(poller.event(), Flags::EPOLLIN));
        expect_bytes(&*conn, b"ti");
        assert_eq!(poller.event(), Flags::EPOLLIN, "three bytes are left");
        read_to_eagain(&*conn, 3);
        poller.quiet();
    }
    enough(side);
}

fn edge_client(side: &mut Side) {
    let conn = side.connect_stream();
    conn.set_nonblocking(true).expect("O_NONBLOCK");
    let poller = Poller::of(&*conn, Flags::EPOLLIN | Flags::EPOLLET);
    poller.quiet();
    for _ in 0..5 {
        tick(side);
        assert_eq!(poller.event(), Flags::EPOLLIN);
        poller.quiet();
        read_to_eagain(&*conn, 5);
        poller.quiet();
    }
    enough(side);
}

fn added_late_client(side: &mut Side) {
    let conn = side.connect_stream();
    conn.set_nonblocking(true).expect("O_NONBLOCK");
    tick(side);
    until("data", || {
        (conn.available().expect("FIONREAD") == 5).then_some(())
    });
    let poller = Poller::of(&*conn, Flags::EPOLLIN | Flags::EPOLLET);
    assert_eq!(poller.event(), Flags::EPOLLIN);
    read_to_eagain(&*conn, 5);
    tick(side);
    assert_eq!(poller.event(), Flags::EPOLLIN);
    enough(side);
}

fn edge_write_server(side: &mut Side) {
    let conn = side.accept_stream();
    conn.set_nonblocking(true).expect("O_NONBLOCK");
    let poller = Poller::of(&*conn, Flags::EPOLLOUT | Flags::EPOLLET);
    assert_eq!(poller.event(), Flags::EPOLLOUT, "fresh");
    let mut pattern = Pattern::new(1);
    for _ in 0..3 {
        fill(&*conn, &mut pattern);
        // What came while the fill went on is no news.
        poller.wait(Duration::ZERO);
        poller.quiet();
        side.control.tell("full", pattern.at());
        assert_eq!(poller.event(), Flags::EPOLLOUT);
        side.control.signal("writable");
        side.control.expect("drained");
    }
}

fn draining_client(side: &mut Side) {
    let conn = side.connect_stream();
    conn.set_nonblocking(true).expect("O_NONBLOCK");
    let mut pattern = Pattern::new(1);
    for _ in 0..3 {
        let total = side.control.expect_number("full");
        until("all of it", || {
            drain(&*conn, &mut pattern);
            (pattern.at() == total).then_some(())
        });
        side.control.expect("writable");
        side.control.signal("drained");
    }
}

fn end_server(side: &mut Side) {
    let conn = side.accept_stream();
    side.control.expect("waiting");
    conn.shutdown(Shutdown::Write).expect("shutdown");
    expect_eof(&*conn);
}

fn end_client(side: &mut Side) {
    let conn = side.connect_stream();
    let poller = Poller::of(&*conn, Flags::EPOLLIN | Flags::EPOLLRDHUP | Flags::EPOLLET);
    poller.quiet();
    side.control.signal("waiting");
    let mut seen = Flags::empty();
    let start = Instant::now();
    while !seen.contains(Flags::EPOLLIN | Flags::EPOLLRDHUP) {
        assert!(start.elapsed() < PROMPT, "only {seen:?}");
        seen |= poller.event();
    }
    expect_eof(&*conn);
}

fn oneshot_client(side: &mut Side) {
    let conn = side.connect_stream();
    conn.set_nonblocking(true).expect("O_NONBLOCK");
    let flags = Flags::EPOLLIN | Flags::EPOLLONESHOT;
    let poller = Poller::of(&*conn, flags);
    tick(side);
    assert_eq!(poller.event(), Flags::EPOLLIN);
    poller.quiet();
    tick(side);
    poller.quiet();
    poller.rearm(&*conn, flags);
    assert_eq!(poller.event(), Flags::EPOLLIN, "armed again, with data");
    read_to_eagain(&*conn, 10);
    poller.rearm(&*conn, flags);
    poller.quiet();
    tick(side);
    assert_eq!(poller.event(), Flags::EPOLLIN, "armed again, before data");
    enough(side);
}

/// Sends and receives the same pattern from one thread, which waits in epoll alone.
fn duplex(conn: &dyn Connection) {
    conn.set_nonblocking(true).expect("O_NONBLOCK");
    let poller = Poller::of(conn, Flags::EPOLLIN | Flags::EPOLLOUT | Flags::EPOLLET);
    let (mut sent, mut got) = (Pattern::new(1), Pattern::new(1));
    while sent.at() < LARGE as u64 || got.at() < LARGE as u64 {
        assert_ne!(
            poller.wait(PROMPT).len(),
            0,
            "stuck: {} sent, {} got",
            sent.at(),
            got.at()
        );
        pump(conn, &mut sent, &mut got);
    }
    conn.shutdown(Shutdown::Write).expect("shutdown");
    conn.set_nonblocking(false).expect("blocking");
    expect_eof(conn);
}

/// Writes and reads until both say EAGAIN or have all they want.
fn pump(conn: &dyn Connection, sent: &mut Pattern, got: &mut Pattern) {
    let mut buf = vec![0; 64 << 10];
    let (mut can_write, mut can_read) = (true, true);
    while can_write || can_read {
        if can_write {
            let want = (LARGE as u64 - sent.at()).min(50_000);
            let mut ahead = *sent;
            let result = conn.write(&ahead.take(usize::try_from(want).expect("a size")));
            can_write = step(result, want, |n| sent.skip(n));
        }
        if can_read {
            let left = LARGE as u64 - got.at();
            let result = conn.read(&mut buf[..usize::try_from(left.min(50_000)).expect("a size")]);
            can_read = step(result, left, |n| got.check(&buf[..n]));
        }
    }
}

/// Whether to go on after a call that moved what `result` says of what was `wanted`.
fn step(result: io::Result<usize>, wanted: u64, moved: impl FnOnce(usize)) -> bool {
    match result {
        _ if wanted == 0 => false,
        Ok(n) => {
            assert!(n > 0, "end of stream");
            moved(n);
            true
        }
        result => {
            expect_would_block(result);
            false
        }
    }
}

const MANY: u64 = 50;

fn many_server(side: &mut Side) {
    let listener = side.listen(Kind::Stream);
    let conns: Vec<_> = (0..MANY).map(|_| listener.accept().expect("accept").0).collect();
    for conn in conns.iter().step_by(3) {
        write_all(&**conn, b"x");
    }
    side.control.signal("written");
    side.control.expect("looked");
}

fn many_client(side: &mut Side) {
    let addr = side.control.expect("address");
    let poller = Poller::new();
    let conns: Vec<_> = (0..MANY)
        .map(|token| {
            let conn = side.backend.connect(Kind::Stream, &addr).expect("connect");
            poller.add(&*conn, Flags::EPOLLIN, token);
            conn
        })
        .collect();
    side.control.expect("written");
    let expected: Vec<_> = (0..MANY).step_by(3).collect();
    let start = Instant::now();
    loop {
        let mut tokens: Vec<_> = poller.wait(PROMPT).iter().map(|event| event.data()).collect();
        tokens.sort_unstable();
        if tokens == expected {
            break;
        }
        assert!(start.elapsed() < PROMPT, "events of {tokens:?}");
    }
    conns
        .iter()
        .step_by(3)
        .for_each(|conn| expect_bytes(&**conn, b"x"));
    side.control.signal("looked");
}

fn listener_server(side: &mut Side) {
    let listener = side.listen(Kind::Stream);
    listener.set_nonblocking(true).expect("O_NONBLOCK");
    let poller = Poller::of(&*listener, Flags::EPOLLIN | Flags::EPOLLET);
    poller.quiet();
    for _ in 0..3 {
        side.control.signal("connect");
        assert_eq!(poller.event(), Flags::EPOLLIN);
        let (_conn, _) = listener.accept().expect("accept");
        expect_would_block(listener.accept().map(|_| ()));
    }
    side.control.expect("done");
}

fn listener_client(side: &mut Side) {
    let addr = side.control.expect("address");
    let conns: Vec<_> = (0..3)
        .map(|_| {
            side.control.expect("connect");
            side.backend.connect(Kind::Stream, &addr).expect("connect")
        })
        .collect();
    side.control.signal("done");
    drop(conns);
}
