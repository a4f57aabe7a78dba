//! Ends without farewell: what the peer sent before is read, then the reset, once.

use crate::backend::Connection;
use crate::pair::{On, Pair};
use crate::pattern::Pattern;
use crate::side::Side;
use crate::transfer::{
    expect_bytes, expect_eof, expect_errno, expect_reset_once, fill, write_all, write_until_error,
};
use crate::wait::{HEAD_START, Ready, await_ready, promptly};
use libc::{ECONNRESET, EPIPE};
use std::thread::{scope, sleep};

pub(super) const PAIRS: &[Pair] = &[
    Pair::new(
        "reset_by_unread_close",
        "close with unread bytes is a reset: ECONNRESET once, then end of stream and EPIPE",
        On::Both,
        unread_server,
        reset_client,
    ),
    Pair::new(
        "reset_keeps_data",
        "what the peer sent before it reset is read first",
        On::Both,
        data_then_unread_server,
        data_then_reset_client,
    ),
    Pair::new(
        "reset_by_error_option",
        "SO_ERROR takes the reset, and no call says it again",
        On::Both,
        unread_server,
        option_client,
    ),
    Pair::new(
        "reset_by_linger",
        "close with a linger time of 0 is a reset",
        On::Tcp,
        abort_server,
        reset_client,
    ),
    Pair::new(
        "reset_by_last_clone",
        "a linger time of 0 counts when the last clone is closed, and not before",
        On::Tcp,
        last_clone_server,
        last_clone_client,
    ),
    Pair::new(
        "reset_wakes_reader",
        "a reader that waits is woken by a reset",
        On::Both,
        late_unread_server,
        waiting_reader_client,
    ),
    Pair::new(
        "reset_wakes_writer",
        "a writer that waits for space is woken by a reset",
        On::Both,
        late_unread_server,
        waiting_writer_client,
    ),
    Pair::new(
        "reset_polls",
        "a reset polls as error or hang-up, readable, and SO_ERROR says which",
        On::Both,
        unread_server,
        poll_client,
    ),
];

/// Closes with what the client sent unread.
fn unread_server(side: &mut Side) {
    let conn = side.accept_stream();
    side.control.expect("written");
    await_ready(&*conn, Ready::IN);
    drop(conn);
    side.control.signal("closed");
    side.control.expect("done");
}

/// Sends something that nobody reads, and waits for the close.
fn unread(side: &mut Side) -> Box<dyn Connection> {
    let conn = side.connect_stream();
    write_all(&*conn, b"never read");
    side.control.signal("written");
    side.control.expect("closed");
    conn
}

fn reset_client(side: &mut Side) {
    let conn = unread(side);
    promptly(|| expect_reset_once(&*conn));
    side.control.signal("done");
}

fn data_then_unread_server(side: &mut Side) {
    let conn = side.accept_stream();
    side.control.expect("written");
    await_ready(&*conn, Ready::IN);
    write_all(&*conn, b"last words");
    drop(conn);
    side.control.signal("closed");
    side.control.expect("done");
}

fn data_then_reset_client(side: &mut Side) {
    let conn = unread(side);
    expect_bytes(&*conn, b"last");
    expect_bytes(&*conn, b" words");
    promptly(|| expect_reset_once(&*conn));
    side.control.signal("done");
}

fn option_client(side: &mut Side) {
    let conn = unread(side);
    await_ready(&*conn, Ready::IN);
    let error = conn.take_error().expect("SO_ERROR").expect("a reset");
    expect_errno(&error, &[ECONNRESET]);
    assert!(conn.take_error().expect("SO_ERROR").is_none(), "it is told once");
    expect_eof(&*conn);
    expect_errno(&conn.write(b"x").expect_err("reset"), &[EPIPE]);
    side.control.signal("done");
}

fn abort_server(side: &mut Side) {
    let conn = side.accept_stream();
    side.control.expect("written");
    expect_bytes(&*conn, b"never read");
    conn.abort().expect("SO_LINGER");
    side.control.signal("closed");
    side.control.expect("done");
}

fn last_clone_server(side: &mut Side) {
    let conn = side.accept_stream();
    let clone = conn.try_clone().expect("dup");
    conn.abort().expect("SO_LINGER");
    write_all(&*clone, b"still there");
    side.control.expect("read");
    drop(clone);
    side.control.signal("closed");
    side.control.expect("done");
}

fn last_clone_client(side: &mut Side) {
    let conn = side.connect_stream();
    expect_bytes(&*conn, b"still there");
    side.control.signal("read");
    side.control.expect("closed");
    promptly(|| expect_reset_once(&*conn));
    side.control.signal("done");
}

/// Closes with unread bytes when the client waits already.
fn late_unread_server(side: &mut Side) {
    let conn = side.accept_stream();
    side.control.expect("waiting");
    sleep(HEAD_START);
    await_ready(&*conn, Ready::IN);
    drop(conn);
    side.control.expect("done");
}

fn waiting_reader_client(side: &mut Side) {
    let conn = side.connect_stream();
    write_all(&*conn, b"never read");
    side.control.signal("waiting");
    promptly(|| expect_reset_once(&*conn));
    side.control.signal("done");
}

fn waiting_writer_client(side: &mut Side) {
    let conn = side.connect_stream();
    fill(&*conn, &mut Pattern::new(1));
    conn.set_nonblocking(false).expect("blocking");
    let error = scope(|scope| {
        let writer = scope.spawn(|| write_until_error(&*conn));
        side.control.signal("waiting");
        promptly(|| writer.join().expect("the writer"))
    });
    // AF_UNIX tells a writer of a dead peer EPIPE, and keeps the reset for the reader.
    expect_errno(&error, &[ECONNRESET, EPIPE]);
    side.control.signal("done");
}

fn poll_client(side: &mut Side) {
    let conn = unread(side);
    let ready = await_ready(&*conn, Ready::IN);
    assert!(ready.has_any(Ready::HUP.and(Ready::ERR)), "{ready:?}");
    let error = conn.take_error().expect("SO_ERROR").expect("a reset");
    expect_errno(&error, &[ECONNRESET]);
    side.control.signal("done");
}
