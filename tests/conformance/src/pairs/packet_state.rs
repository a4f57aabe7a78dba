//! Packet connections that are full, shut, closed, reset or dead.

use super::packet::{receive, send};
use crate::backend::{Connection, Ending, Kind};
use crate::pair::{On, Pair, Role};
use crate::pattern::Pattern;
use crate::side::{Side, die};
use crate::transfer::{expect_eof, expect_errno, expect_reset_once, write_until_error};
use crate::wait::{
    HEAD_START, PROMPT, Poller, Ready, await_ready, expect_would_block, promptly, ready_now, ready_within,
    would_block,
};
use libc::{ECONNRESET, EPIPE};
use nix::sys::epoll::EpollFlags as Flags;
use std::net::Shutdown;
use std::thread::sleep;
use std::time::Duration;

pub(super) const PAIRS: &[Pair] = &[
    Pair::new(
        "packet_full",
        "a packet without room is refused with EAGAIN and wholly; what was taken arrives",
        On::Unix,
        filling_server,
        late_client,
    ),
    Pair::new(
        "packet_flow",
        "a writer that waits for room loses none of 20 000 packets",
        On::Unix,
        flow_server,
        flow_client,
    ),
    Pair::new(
        "packet_timeout",
        "a receive gives up after its time-out",
        On::Unix,
        late_server,
        timeout_client,
    ),
    Pair::new(
        "packet_wakes",
        "a receiver that waits is woken",
        On::Unix,
        late_server,
        waiting_client,
    ),
    Pair::new(
        "packet_poll",
        "readable while a packet is there, writable while there is room",
        On::Unix,
        poll_server,
        poll_client,
    ),
    Pair::new(
        "packet_epoll_edge",
        "edge-triggered: one event per arrival, and another after a receive that said EAGAIN",
        On::Unix,
        ticks_server,
        edge_client,
    ),
    Pair::new(
        "packet_half_close",
        "after shutdown for writing the other way still works",
        On::Unix,
        asked_server,
        asking_client,
    ),
    Pair::new(
        "packet_drain_after_close",
        "what was sent before close is received after it, then the end, again and again",
        On::Unix,
        closing_server,
        draining_client,
    ),
    Pair::new(
        "packet_reset",
        "close with unread packets is a reset: ECONNRESET once, then the end and EPIPE",
        On::Unix,
        unread_server,
        reset_client,
    ),
    Pair::new(
        "packet_write_after_close",
        "sending to a closed peer fails",
        On::Unix,
        closed_server,
        writing_client,
    ),
    Pair::new(
        "packet_killed",
        "what a killed peer had sent is received, then its end",
        On::Unix,
        dying_server,
        survivor_client,
    )
    .dies(Role::Server),
];

const FLOW: u32 = 20_000;
/// Bytes of the packets that fill a connection.
const PACKET: usize = 1000;

/// Sends packets of the pattern until one finds no room; how many.
fn fill(conn: &dyn Connection, pattern: &mut Pattern) -> usize {
    let mut sent = 0;
    loop {
        let mut ahead = *pattern;
        match conn.write(&ahead.take(PACKET)) {
            Ok(n) => assert_eq!(n, PACKET, "a packet is taken whole"),
            Err(error) => break assert!(would_block(&error), "{error}"),
        }
        *pattern = ahead;
        sent += 1;
    }
    assert!(sent > 0);
    sent
}

fn filling_server(side: &mut Side) {
    let conn = side.accept(Kind::Packet);
    conn.set_nonblocking(true).expect("O_NONBLOCK");
    let mut pattern = Pattern::new(1);
    for _ in 0..3 {
        let sent = fill(&*conn, &mut pattern);
        side.control.tell("sent", sent);
        side.control.expect("drained");
        await_ready(&*conn, Ready::OUT);
    }
}

fn late_client(side: &mut Side) {
    let conn = side.connect(Kind::Packet);
    conn.set_nonblocking(true).expect("O_NONBLOCK");
    let mut pattern = Pattern::new(1);
    for _ in 0..3 {
        for _ in 0..side.control.expect_number("sent") {
            let packet = receive(&*conn);
            assert_eq!(packet.len(), PACKET);
            pattern.check(&packet);
        }
        expect_would_block(conn.read_message(&mut [0; 1]));
        side.control.signal("drained");
    }
}

fn flow_server(side: &mut Side) {
    let conn = side.accept(Kind::Packet);
    let mut pattern = Pattern::new(1);
    (0..FLOW).for_each(|n| send(&*conn, &pattern.take(n as usize % 300 + 1)));
}

fn flow_client(side: &mut Side) {
    let conn = side.connect(Kind::Packet);
    sleep(HEAD_START);
    let mut pattern = Pattern::new(1);
    for n in 0..FLOW {
        let packet = receive(&*conn);
        assert_eq!(packet.len(), n as usize % 300 + 1);
        pattern.check(&packet);
    }
    expect_eof(&*conn);
}

/// Sends one when the client is ready.
fn late_server(side: &mut Side) {
    let conn = side.accept(Kind::Packet);
    side.control.expect("ready");
    sleep(HEAD_START);
    send(&*conn, b"late");
    expect_eof(&*conn);
}

fn timeout_client(side: &mut Side) {
    let conn = side.connect(Kind::Packet);
    conn.set_read_timeout(Some(Duration::from_millis(50)))
        .expect("SO_RCVTIMEO");
    expect_would_block(conn.read_message(&mut [0; 10]));
    side.control.signal("ready");
    conn.set_read_timeout(Some(PROMPT)).expect("SO_RCVTIMEO");
    assert_eq!(receive(&*conn), b"late");
}

fn waiting_client(side: &mut Side) {
    let conn = side.connect(Kind::Packet);
    side.control.signal("ready");
    assert_eq!(promptly(|| receive(&*conn)), b"late");
}

fn poll_server(side: &mut Side) {
    let conn = side.accept(Kind::Packet);
    side.control.expect("ready");
    send(&*conn, b"late");
    side.control.expect("looked");
}

fn poll_client(side: &mut Side) {
    let conn = side.connect(Kind::Packet);
    assert_eq!(ready_now(&*conn), Ready::OUT, "fresh");
    side.control.signal("ready");
    await_ready(&*conn, Ready::IN);
    assert_eq!(receive(&*conn), b"late");
    assert_eq!(ready_now(&*conn), Ready::OUT, "nothing is left");
    conn.set_nonblocking(true).expect("O_NONBLOCK");
    fill(&*conn, &mut Pattern::new(1));
    let ready = ready_within(&*conn, Ready::OUT, Duration::ZERO);
    assert_eq!(ready, Ready::NONE, "full");
    side.control.signal("looked");
}

/// Sends a packet whenever the client asks, until it says "enough".
fn ticks_server(side: &mut Side) {
    let conn = side.accept(Kind::Packet);
    while side.control.expect("more") == "yes" {
        send(&*conn, b"tick!");
        side.control.signal("sent");
    }
}

fn edge_client(side: &mut Side) {
    let conn = side.connect(Kind::Packet);
    conn.set_nonblocking(true).expect("O_NONBLOCK");
    let poller = Poller::of(&*conn, Flags::EPOLLIN | Flags::EPOLLET);
    poller.quiet();
    for _ in 0..5 {
        side.control.tell("more", "yes");
        side.control.expect("sent");
        assert_eq!(poller.event(), Flags::EPOLLIN);
        poller.quiet();
        assert_eq!(receive(&*conn), b"tick!");
        expect_would_block(conn.read_message(&mut [0; 1]));
        poller.quiet();
    }
    side.control.tell("more", "no");
}

fn asked_server(side: &mut Side) {
    let conn = side.accept(Kind::Packet);
    assert_eq!(receive(&*conn), b"question");
    expect_eof(&*conn);
    send(&*conn, b"answer");
}

fn asking_client(side: &mut Side) {
    let conn = side.connect(Kind::Packet);
    send(&*conn, b"question");
    conn.shutdown(Shutdown::Write).expect("shutdown");
    expect_errno(&conn.write(b"more").expect_err("shut"), &[EPIPE]);
    assert_eq!(receive(&*conn), b"answer");
    expect_eof(&*conn);
}

fn closing_server(side: &mut Side) {
    let conn = side.accept(Kind::Packet);
    [&b"last"[..], b"words"]
        .iter()
        .for_each(|bytes| send(&*conn, bytes));
    drop(conn);
    side.control.signal("closed");
}

fn draining_client(side: &mut Side) {
    let conn = side.connect(Kind::Packet);
    side.control.expect("closed");
    assert_eq!(
        (receive(&*conn), receive(&*conn)),
        (b"last".to_vec(), b"words".to_vec())
    );
    (0..3).for_each(|_| expect_eof(&*conn));
}

fn unread_server(side: &mut Side) {
    let conn = side.accept(Kind::Packet);
    side.control.expect("sent");
    await_ready(&*conn, Ready::IN);
    drop(conn);
    side.control.signal("closed");
    side.control.expect("done");
}

fn reset_client(side: &mut Side) {
    let conn = side.connect(Kind::Packet);
    send(&*conn, b"never read");
    side.control.signal("sent");
    side.control.expect("closed");
    promptly(|| expect_reset_once(&*conn));
    side.control.signal("done");
}

fn closed_server(side: &mut Side) {
    drop(side.accept(Kind::Packet));
    side.control.signal("closed");
    side.control.expect("done");
}

fn writing_client(side: &mut Side) {
    let conn = side.connect(Kind::Packet);
    side.control.expect("closed");
    let error = promptly(|| write_until_error(&*conn));
    expect_errno(&error, &[EPIPE, ECONNRESET]);
    expect_errno(&conn.write(b"more").expect_err("closed"), &[EPIPE]);
    side.control.signal("done");
}

fn dying_server(side: &mut Side) {
    let conn = side.accept(Kind::Packet);
    send(&*conn, b"last words");
    die();
}

fn survivor_client(side: &mut Side) {
    let conn = side.connect(Kind::Packet);
    assert_eq!(receive(&*conn), b"last words");
    promptly(|| match side.backend.killed_peer() {
        Ending::Eof => expect_eof(&*conn),
        Ending::Reset => expect_reset_once(&*conn),
    });
}
