//! `SO_RCVTIMEO` and `SO_SNDTIMEO`.

use crate::pair::{On, Pair};
use crate::pattern::Pattern;
use crate::side::Side;
use crate::transfer::{
    expect_bytes, expect_eof, expect_errno, fill, read_pattern, write_all, write_until_stuck,
};
use crate::wait::{HEAD_START, PROMPT, expect_would_block};
use libc::EAGAIN;
use std::thread::sleep;
use std::time::{Duration, Instant};

pub(super) const PAIRS: &[Pair] = &[
    Pair::new(
        "read_timeout",
        "a read gives up after its time-out, and the next gets the data",
        On::Both,
        late_server,
        read_client,
    ),
    Pair::new(
        "peek_timeout",
        "so does a peek",
        On::Both,
        late_server,
        peek_client,
    ),
    Pair::new(
        "write_timeout",
        "a write without space gives up after its time-out, and nothing is lost or sent twice",
        On::Both,
        write_server,
        write_client,
    ),
    Pair::new(
        "timeouts_are_told",
        "both time-outs can be set, read and taken away",
        On::Both,
        idle_server,
        told_client,
    ),
    Pair::new(
        "no_timeout_waits",
        "a time-out does not cut a read that gets its data in time",
        On::Both,
        soon_server,
        soon_client,
    ),
];

const TIMEOUT: Duration = Duration::from_millis(100);
/// The kernel rounds times to its clock's ticks, 10 ms at most.
const TICK: Duration = Duration::from_millis(10);

/// Runs `call`, which has to give up after the time-out.
#[track_caller]
fn expect_timeout<T: std::fmt::Debug>(call: impl FnOnce() -> std::io::Result<T>) {
    let start = Instant::now();
    expect_would_block(call());
    expect_took_timeout(start.elapsed());
}

#[track_caller]
fn expect_took_timeout(took: Duration) {
    assert!(
        took + TICK >= TIMEOUT && took < PROMPT,
        "gave up after {took:?} instead of {TIMEOUT:?}"
    );
}

/// Writes when the client has given up.
fn late_server(side: &mut Side) {
    let conn = side.accept_stream();
    side.control.expect("gave_up");
    write_all(&*conn, b"late");
    expect_eof(&*conn);
}

fn read_client(side: &mut Side) {
    let conn = side.connect_stream();
    conn.set_read_timeout(Some(TIMEOUT)).expect("SO_RCVTIMEO");
    expect_timeout(|| conn.read(&mut [0; 10]));
    expect_timeout(|| conn.read(&mut [0; 10]));
    side.control.signal("gave_up");
    conn.set_read_timeout(None).expect("SO_RCVTIMEO");
    expect_bytes(&*conn, b"late");
}

fn peek_client(side: &mut Side) {
    let conn = side.connect_stream();
    conn.set_read_timeout(Some(TIMEOUT)).expect("SO_RCVTIMEO");
    expect_timeout(|| conn.peek(&mut [0; 10]));
    side.control.signal("gave_up");
    conn.set_read_timeout(Some(PROMPT)).expect("SO_RCVTIMEO");
    expect_bytes(&*conn, b"late");
}

fn write_server(side: &mut Side) {
    let conn = side.accept_stream();
    let mut pattern = Pattern::new(1);
    fill(&*conn, &mut pattern);
    conn.set_nonblocking(false).expect("blocking");
    conn.set_write_timeout(Some(TIMEOUT)).expect("SO_SNDTIMEO");
    let (error, took) = write_until_stuck(&mut pattern, |bytes| conn.write(bytes));
    expect_errno(&error, &[EAGAIN]);
    expect_took_timeout(took);
    side.control.tell("taken", pattern.at());
    conn.set_write_timeout(Some(PROMPT)).expect("SO_SNDTIMEO");
    write_all(&*conn, &pattern.take(1000));
    expect_eof(&*conn);
}

fn write_client(side: &mut Side) {
    let conn = side.connect_stream();
    let taken = usize::try_from(side.control.expect_number("taken")).expect("a size");
    read_pattern(&*conn, &mut Pattern::new(1), taken + 1000, 64 << 10);
}

fn idle_server(side: &mut Side) {
    let conn = side.accept_stream();
    expect_eof(&*conn);
}

fn told_client(side: &mut Side) {
    let conn = side.connect_stream();
    assert_eq!(conn.read_timeout().expect("SO_RCVTIMEO"), None);
    assert_eq!(conn.write_timeout().expect("SO_SNDTIMEO"), None);
    conn.set_read_timeout(Some(Duration::from_secs(3)))
        .expect("SO_RCVTIMEO");
    conn.set_write_timeout(Some(Duration::from_secs(4)))
        .expect("SO_SNDTIMEO");
    assert_eq!(
        conn.read_timeout().expect("SO_RCVTIMEO"),
        Some(Duration::from_secs(3))
    );
    assert_eq!(
        conn.write_timeout().expect("SO_SNDTIMEO"),
        Some(Duration::from_secs(4))
    );
    conn.set_read_timeout(None).expect("SO_RCVTIMEO");
    conn.set_write_timeout(None).expect("SO_SNDTIMEO");
    assert_eq!(conn.read_timeout().expect("SO_RCVTIMEO"), None);
    assert_eq!(conn.write_timeout().expect("SO_SNDTIMEO"), None);
}

fn soon_server(side: &mut Side) {
    let conn = side.accept_stream();
    side.control.expect("reading");
    sleep(HEAD_START);
    write_all(&*conn, b"soon");
    expect_eof(&*conn);
}

fn soon_client(side: &mut Side) {
    let conn = side.connect_stream();
    conn.set_read_timeout(Some(PROMPT)).expect("SO_RCVTIMEO");
    side.control.signal("reading");
    expect_bytes(&*conn, b"soon");
}
