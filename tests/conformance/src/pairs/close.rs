//! Closing with everything read: what was sent arrives, then the end.

use crate::backend::{Connection, Kind};
use crate::pair::{On, Pair};
use crate::pattern::Pattern;
use crate::side::Side;
use crate::sys::sigpipe_kills;
use crate::transfer::{
    expect_bytes, expect_eof, expect_errno, fill, read_pattern_to_end, write_all, write_pattern,
    write_until_error,
};
use crate::wait::{HEAD_START, promptly};
use libc::{ECONNRESET, EPIPE};
use std::net::Shutdown;
use std::thread::sleep;

pub(super) const PAIRS: &[Pair] = &[
    Pair::new(
        "half_close_by_client",
        "after shutdown for writing the other way still works",
        On::Both,
        asked,
        asks,
    ),
    Pair::new(
        "half_close_by_server",
        "the same, begun by the side that accepted",
        On::Both,
        asks_server,
        asked_client,
    ),
    Pair::new(
        "drain_after_close",
        "what was sent before close is read after it, then the end, again and again",
        On::Both,
        small_server,
        small_client,
    ),
    Pair::new(
        "drain_large_after_close",
        "so are the last of 4 MiB that their reader takes late",
        On::Both,
        large_server,
        large_client,
    ),
    Pair::new(
        "close_is_prompt",
        "close does not wait for the reader, and what was taken before it arrives",
        On::Both,
        prompt_server,
        prompt_client,
    ),
    Pair::new(
        "write_after_peer_closed",
        "writing to a closed peer fails soon, with EPIPE at last, and kills nobody by SIGPIPE",
        On::Both,
        closes_server,
        writes_client,
    ),
    Pair::new(
        "close_fresh",
        "a connection closed at once is accepted and at its end",
        On::Both,
        fresh_server,
        fresh_client,
    ),
];

const LARGE: usize = 4 << 20;

/// Reads a question to its end, then answers.
fn answer(conn: &dyn Connection) {
    let asked = read_pattern_to_end(conn, &mut Pattern::new(1));
    assert_eq!(asked, 100_000);
    expect_eof(conn);
    write_pattern(conn, &mut Pattern::new(2), 50_000, 1000);
}

/// Asks, says that this was all, and reads the answer.
fn ask(conn: &dyn Connection) {
    write_pattern(conn, &mut Pattern::new(1), 100_000, 1000);
    conn.shutdown(Shutdown::Write).expect("shutdown");
    expect_errno(&conn.write(b"more").expect_err("shut"), &[EPIPE]);
    assert_eq!(read_pattern_to_end(conn, &mut Pattern::new(2)), 50_000);
}

fn asked(side: &mut Side) {
    answer(&*side.accept_stream());
}

fn asks(side: &mut Side) {
    ask(&*side.connect_stream());
}

fn asks_server(side: &mut Side) {
    ask(&*side.accept_stream());
}

fn asked_client(side: &mut Side) {
    answer(&*side.connect_stream());
}

fn small_server(side: &mut Side) {
    let conn = side.accept_stream();
    write_all(&*conn, b"last words");
    drop(conn);
    side.control.signal("closed");
}

fn small_client(side: &mut Side) {
    let conn = side.connect_stream();
    side.control.expect("closed");
    expect_bytes(&*conn, b"last words");
    (0..3).for_each(|_| expect_eof(&*conn));
}

fn large_server(side: &mut Side) {
    let conn = side.accept_stream();
    side.control.signal("writing");
    write_pattern(&*conn, &mut Pattern::new(1), LARGE, LARGE);
}

fn large_client(side: &mut Side) {
    let conn = side.connect_stream();
    side.control.expect("writing");
    sleep(HEAD_START);
    assert_eq!(read_pattern_to_end(&*conn, &mut Pattern::new(1)), LARGE as u64);
}

fn prompt_server(side: &mut Side) {
    let conn = side.accept_stream();
    let taken = fill(&*conn, &mut Pattern::new(1));
    promptly(|| drop(conn));
    side.control.tell("taken", taken);
    side.control.expect("read");
}

fn prompt_client(side: &mut Side) {
    let conn = side.connect_stream();
    let taken = side.control.expect_number("taken");
    assert_eq!(read_pattern_to_end(&*conn, &mut Pattern::new(1)), taken);
    side.control.signal("read");
}

fn closes_server(side: &mut Side) {
    drop(side.accept_stream());
    side.control.signal("closed");
    side.control.expect("done");
}

fn writes_client(side: &mut Side) {
    sigpipe_kills();
    let conn = side.connect_stream();
    side.control.expect("closed");
    let error = promptly(|| write_until_error(&*conn));
    expect_errno(&error, &[EPIPE, ECONNRESET]);
    for _ in 0..3 {
        expect_errno(&conn.write(b"more").expect_err("closed"), &[EPIPE]);
    }
    side.control.signal("done");
}

fn fresh_server(side: &mut Side) {
    let listener = side.listen(Kind::Stream);
    side.control.expect("closed");
    let (conn, _) = listener.accept().expect("accept");
    expect_eof(&*conn);
}

fn fresh_client(side: &mut Side) {
    drop(side.connect_stream());
    side.control.signal("closed");
}
