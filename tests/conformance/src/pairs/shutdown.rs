//! Shutting one's own side down: who notices, and who wakes.

use crate::backend::Connection;
use crate::pair::{On, Pair};
use crate::pattern::Pattern;
use crate::side::Side;
use crate::transfer::{expect_eof, expect_errno, fill, write_until_error};
use crate::wait::{HEAD_START, PROMPT, promptly};
use libc::{ENOTCONN, EPIPE};
use std::io;
use std::net::Shutdown;
use std::thread::{scope, sleep};
use std::time::Instant;

pub(super) const PAIRS: &[Pair] = &[
    Pair::new(
        "shutdown_both",
        "after shutdown of both ways reads end, writes fail, and the peer reads the end",
        On::Both,
        eof_server,
        both_client,
    ),
    Pair::new(
        "shutdown_read",
        "after shutdown for reading a read ends instead of waiting",
        On::Both,
        eof_server,
        read_client,
    ),
    Pair::new(
        "shutdown_twice",
        "a second shutdown changes nothing",
        On::Both,
        slow_eof_server,
        twice_client,
    ),
    Pair::new(
        "shutdown_wakes_reader",
        "a thread that waits in read is woken by another's shutdown",
        On::Both,
        eof_server,
        |side| wakes_reader(side, Shutdown::Both),
    ),
    Pair::new(
        "shutdown_read_wakes_reader",
        "also by one for reading alone",
        On::Both,
        eof_server,
        |side| wakes_reader(side, Shutdown::Read),
    ),
    Pair::new(
        "shutdown_wakes_writer",
        "a thread that waits in write is woken and gets EPIPE",
        On::Both,
        silent_server,
        wakes_writer_client,
    ),
];

/// Reads the end and no byte before it.
fn eof_server(side: &mut Side) {
    let conn = side.accept_stream();
    expect_eof(&*conn);
}

/// The same, and closes when the client lets it.
fn slow_eof_server(side: &mut Side) {
    let conn = side.accept_stream();
    expect_eof(&*conn);
    side.control.expect("shut");
}

fn both_client(side: &mut Side) {
    let conn = side.connect_stream();
    conn.shutdown(Shutdown::Both).expect("shutdown");
    promptly(|| expect_eof(&*conn));
    expect_errno(&conn.write(b"x").expect_err("shut"), &[EPIPE]);
}

fn read_client(side: &mut Side) {
    let conn = side.connect_stream();
    conn.shutdown(Shutdown::Read).expect("shutdown");
    promptly(|| expect_eof(&*conn));
}

fn twice_client(side: &mut Side) {
    let conn = side.connect_stream();
    conn.shutdown(Shutdown::Write).expect("shutdown");
    conn.shutdown(Shutdown::Write).expect("again");
    expect_errno(&conn.write(b"x").expect_err("shut"), &[EPIPE]);
    side.control.signal("shut");
    expect_eof(&*conn);
    // Both sides have said the end, and the peer's is closed: TCP calls that no connection any more.
    if let Err(error) = conn.shutdown(Shutdown::Both) {
        expect_errno(&error, &[ENOTCONN]);
    }
}

/// Shuts down under a thread that waits in read, or will in a moment.
fn wakes_reader(side: &mut Side, how: Shutdown) {
    let conn = side.connect_stream();
    let clone = conn.try_clone().expect("clone");
    scope(|scope| {
        let reader = scope.spawn(|| expect_eof(&*clone));
        sleep(HEAD_START);
        conn.shutdown(how).expect("shutdown");
        let start = Instant::now();
        reader.join().expect("the reader");
        assert!(start.elapsed() < PROMPT, "woken after {:?}", start.elapsed());
    });
}

fn silent_server(side: &mut Side) {
    let conn = side.accept_stream();
    side.control.expect("done");
    // Keeps the connection until now without reading.
    drop(conn);
}

fn wakes_writer_client(side: &mut Side) {
    let conn = side.connect_stream();
    fill(&*conn, &mut Pattern::new(1));
    conn.set_nonblocking(false).expect("blocking");
    let error = shut_under_writer(&*conn);
    expect_errno(&error, &[EPIPE]);
    side.control.signal("done");
}

/// The error of a thread that waits in write while this one shuts down.
fn shut_under_writer(conn: &dyn Connection) -> io::Error {
    let clone = conn.try_clone().expect("clone");
    scope(|scope| {
        let writer = scope.spawn(|| write_until_error(&*clone));
        sleep(HEAD_START);
        conn.shutdown(Shutdown::Both).expect("shutdown");
        promptly(|| writer.join().expect("the writer"))
    })
}
