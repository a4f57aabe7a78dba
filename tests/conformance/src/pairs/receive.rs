//! Receiving with flags: looking, counting, and what waits.

use crate::pair::{On, Pair};
use crate::side::Side;
use crate::transfer::{await_available, expect_bytes, expect_eof, read_exact, write_all};
use crate::wait::{HEAD_START, Ready, await_ready, expect_would_block};
use std::net::Shutdown;
use std::thread::sleep;

pub(super) const PAIRS: &[Pair] = &[
    Pair::new(
        "peek",
        "what is peeked at is read again",
        On::Both,
        ten_server,
        peek_client,
    ),
    Pair::new(
        "peek_waits",
        "a peek waits for data as a read does",
        On::Both,
        late_server,
        peek_waits_client,
    ),
    Pair::new(
        "peek_empty",
        "a peek finds nothing, or the end, as a read does",
        On::Both,
        end_server,
        peek_empty_client,
    ),
    Pair::new(
        "available",
        "FIONREAD counts what is there",
        On::Both,
        ten_server,
        available_client,
    ),
    Pair::new(
        "available_sums",
        "FIONREAD sums up what came in several writes",
        On::Both,
        pieces_server,
        sums_client,
    ),
    Pair::new(
        "read_returns_what_is_there",
        "a blocking read does not wait for a full buffer",
        On::Both,
        ten_server,
        short_client,
    ),
    Pair::new(
        "read_joins_writes",
        "one read returns what several writes left",
        On::Both,
        pieces_server,
        joins_client,
    ),
];

const TEN: &[u8] = b"0123456789";

/// Writes ten bytes at once.
fn ten_server(side: &mut Side) {
    let conn = side.accept_stream();
    write_all(&*conn, TEN);
    side.control.signal("written");
    expect_eof(&*conn);
}

/// Writes ten bytes one by one.
fn pieces_server(side: &mut Side) {
    let conn = side.accept_stream();
    TEN.chunks(1).for_each(|byte| write_all(&*conn, byte));
    side.control.signal("written");
    expect_eof(&*conn);
}

fn peek_client(side: &mut Side) {
    let conn = side.connect_stream();
    let mut buf = [0; 20];
    for len in [3, 20, 10] {
        let n = conn.peek(&mut buf[..len]).expect("peek");
        assert_eq!(buf[..n], TEN[..len.min(10)]);
    }
    assert_eq!(conn.available().expect("FIONREAD"), 10);
    expect_bytes(&*conn, &TEN[..4]);
    assert_eq!(conn.peek(&mut buf).expect("peek"), 6);
    assert_eq!(buf[..6], TEN[4..]);
    expect_bytes(&*conn, &TEN[4..]);
    side.control.expect("written");
}

fn late_server(side: &mut Side) {
    let conn = side.accept_stream();
    side.control.expect("peeking");
    sleep(HEAD_START);
    write_all(&*conn, TEN);
    expect_eof(&*conn);
}

fn peek_waits_client(side: &mut Side) {
    let conn = side.connect_stream();
    side.control.signal("peeking");
    let mut buf = [0; 20];
    assert_eq!(conn.peek(&mut buf).expect("peek"), 10);
    assert_eq!(read_exact(&*conn, 10), TEN);
}

fn end_server(side: &mut Side) {
    let conn = side.accept_stream();
    side.control.expect("looked");
    conn.shutdown(Shutdown::Write).expect("shutdown");
    expect_eof(&*conn);
}

fn peek_empty_client(side: &mut Side) {
    let conn = side.connect_stream();
    conn.set_nonblocking(true).expect("O_NONBLOCK");
    expect_would_block(conn.peek(&mut [0; 5]));
    assert_eq!(conn.available().expect("FIONREAD"), 0);
    side.control.signal("looked");
    await_ready(&*conn, Ready::IN);
    assert_eq!(conn.peek(&mut [0; 5]).expect("peek"), 0, "the end");
    assert_eq!(conn.peek(&mut [0; 5]).expect("peek"), 0, "still the end");
    assert_eq!(conn.available().expect("FIONREAD"), 0);
    expect_eof(&*conn);
}

fn available_client(side: &mut Side) {
    let conn = side.connect_stream();
    side.control.expect("written");
    await_available(&*conn, 10);
    expect_bytes(&*conn, &TEN[..3]);
    assert_eq!(conn.available().expect("FIONREAD"), 7);
    expect_bytes(&*conn, &TEN[3..]);
    assert_eq!(conn.available().expect("FIONREAD"), 0);
}

fn sums_client(side: &mut Side) {
    let conn = side.connect_stream();
    side.control.expect("written");
    await_available(&*conn, 10);
    expect_bytes(&*conn, &TEN[..3]);
    assert_eq!(conn.available().expect("FIONREAD"), 7);
    expect_bytes(&*conn, &TEN[3..]);
}

fn short_client(side: &mut Side) {
    let conn = side.connect_stream();
    let mut buf = [0; 1000];
    assert_eq!(conn.read(&mut buf).expect("read"), 10);
    assert_eq!(buf[..10], *TEN);
    side.control.expect("written");
}

fn joins_client(side: &mut Side) {
    let conn = side.connect_stream();
    side.control.expect("written");
    await_available(&*conn, 10);
    let mut buf = [0; 1000];
    assert_eq!(conn.read(&mut buf).expect("read"), 10);
    assert_eq!(buf[..10], *TEN);
}
