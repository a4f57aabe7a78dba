//! What poll says of a stream in each of its states.

use crate::pair::{On, Pair};
use crate::pattern::Pattern;
use crate::side::Side;
use crate::transfer::{drain, expect_bytes, expect_eof, fill, read_exact, write_all};
use crate::wait::{HEAD_START, Ready, await_ready, ready_now, ready_within, stays_unready, until};
use std::net::Shutdown;
use std::thread::sleep;
use std::time::{Duration, Instant};

pub(super) const PAIRS: &[Pair] = &[
    Pair::new(
        "poll_fresh",
        "fresh: writable, not readable",
        On::Both,
        idle_server,
        fresh_client,
    ),
    Pair::new(
        "poll_data",
        "with data: readable until the last byte is read",
        On::Both,
        ten_server,
        data_client,
    ),
    Pair::new(
        "poll_data_then_eagain",
        "with data: readable, and not after a read that said EAGAIN",
        On::Both,
        ten_server,
        eagain_client,
    ),
    Pair::new(
        "poll_peer_shut",
        "after the peer's FIN: readable and RDHUP, still writable",
        On::Both,
        fin_server,
        fin_client,
    ),
    Pair::new(
        "poll_data_and_fin",
        "data and FIN: readable with RDHUP, then at the end",
        On::Both,
        data_fin_server,
        data_fin_client,
    ),
    Pair::new(
        "poll_both_shut",
        "with both directions shut: HUP",
        On::Both,
        fin_server,
        both_client,
    ),
    Pair::new(
        "poll_own_shutdown",
        "with the own direction shut: writable; with both: HUP",
        On::Both,
        idle_server,
        own_client,
    ),
    Pair::new(
        "poll_full",
        "full: not writable; drained: writable again",
        On::Both,
        full_server,
        drain_client,
    ),
    Pair::new(
        "poll_full_readable",
        "full and with data: readable alone",
        On::Both,
        crossed_server,
        crossed_client,
    ),
    Pair::new(
        "poll_waits",
        "poll waits for data and wakes when it comes",
        On::Both,
        late_server,
        waiting_client,
    ),
    Pair::new(
        "poll_times_out",
        "poll without anything to say ends at its time-out",
        On::Both,
        idle_server,
        time_out_client,
    ),
];

fn idle_server(side: &mut Side) {
    let conn = side.accept_stream();
    expect_eof(&*conn);
}

fn fresh_client(side: &mut Side) {
    let conn = side.connect_stream();
    assert_eq!(ready_now(&*conn), Ready::OUT);
    stays_unready(&*conn, Ready::IN.and(Ready::RDHUP));
}

/// Writes ten bytes and keeps quiet.
fn ten_server(side: &mut Side) {
    let conn = side.accept_stream();
    write_all(&*conn, b"0123456789");
    expect_eof(&*conn);
}

fn data_client(side: &mut Side) {
    let conn = side.connect_stream();
    await_ready(&*conn, Ready::IN);
    assert_eq!(ready_now(&*conn), Ready::IN.and(Ready::OUT));
    expect_bytes(&*conn, b"01234");
    assert_eq!(
        ready_now(&*conn),
        Ready::IN.and(Ready::OUT),
        "five bytes are left"
    );
    expect_bytes(&*conn, b"56789");
    assert_eq!(ready_now(&*conn), Ready::OUT, "nothing is left");
}

fn eagain_client(side: &mut Side) {
    let conn = side.connect_stream();
    await_ready(&*conn, Ready::IN);
    expect_bytes(&*conn, b"01234");
    assert_eq!(
        ready_now(&*conn),
        Ready::IN.and(Ready::OUT),
        "five bytes are left"
    );
    conn.set_nonblocking(true).expect("O_NONBLOCK");
    while conn.read(&mut [0; 100]).is_ok() {}
    assert_eq!(ready_now(&*conn), Ready::OUT, "nothing is left");
}

fn fin_server(side: &mut Side) {
    let conn = side.accept_stream();
    conn.shutdown(Shutdown::Write).expect("shutdown");
    side.control.signal("shut");
    side.control.expect("looked");
}

fn fin_client(side: &mut Side) {
    let conn = side.connect_stream();
    side.control.expect("shut");
    let expected = Ready::IN.and(Ready::OUT).and(Ready::RDHUP);
    await_ready(&*conn, Ready::IN.and(Ready::RDHUP));
    assert_eq!(ready_now(&*conn), expected);
    expect_eof(&*conn);
    assert_eq!(ready_now(&*conn), expected, "the end stays readable");
    side.control.signal("looked");
}

fn data_fin_server(side: &mut Side) {
    let conn = side.accept_stream();
    write_all(&*conn, b"last");
    conn.shutdown(Shutdown::Write).expect("shutdown");
    side.control.expect("looked");
}

fn data_fin_client(side: &mut Side) {
    let conn = side.connect_stream();
    await_ready(&*conn, Ready::IN.and(Ready::RDHUP));
    expect_bytes(&*conn, b"last");
    let ready = ready_now(&*conn);
    assert!(ready.has(Ready::IN.and(Ready::RDHUP)), "{ready:?}");
    expect_eof(&*conn);
    side.control.signal("looked");
}

fn both_client(side: &mut Side) {
    let conn = side.connect_stream();
    side.control.expect("shut");
    await_ready(&*conn, Ready::RDHUP);
    conn.shutdown(Shutdown::Write).expect("shutdown");
    until("HUP", || ready_now(&*conn).has(Ready::HUP).then_some(()));
    side.control.signal("looked");
}

fn own_client(side: &mut Side) {
    let conn = side.connect_stream();
    conn.shutdown(Shutdown::Read).expect("shutdown");
    assert_eq!(ready_now(&*conn), Ready::IN.and(Ready::OUT).and(Ready::RDHUP));
    conn.shutdown(Shutdown::Write).expect("shutdown");
    let all = Ready::IN.and(Ready::OUT).and(Ready::RDHUP).and(Ready::HUP);
    assert_eq!(ready_now(&*conn), all);
}

fn full_server(side: &mut Side) {
    let conn = side.accept_stream();
    let taken = fill(&*conn, &mut Pattern::new(1));
    assert_eq!(ready_now(&*conn), Ready::NONE, "full");
    side.control.tell("taken", taken);
    await_ready(&*conn, Ready::OUT);
    side.control.signal("writable");
    side.control.expect("drained");
}

fn drain_client(side: &mut Side) {
    let conn = side.connect_stream();
    let taken = side.control.expect_number("taken");
    conn.set_nonblocking(true).expect("O_NONBLOCK");
    let mut pattern = Pattern::new(1);
    until("all of it", || {
        drain(&*conn, &mut pattern);
        (pattern.at() == taken).then_some(())
    });
    side.control.expect("writable");
    side.control.signal("drained");
}

fn crossed_server(side: &mut Side) {
    let conn = side.accept_stream();
    fill(&*conn, &mut Pattern::new(1));
    side.control.signal("full");
    await_ready(&*conn, Ready::IN);
    assert_eq!(ready_now(&*conn), Ready::IN);
    assert_eq!(read_exact(&*conn, 1), b"x");
    assert_eq!(ready_now(&*conn), Ready::NONE);
    side.control.signal("looked");
}

fn crossed_client(side: &mut Side) {
    let conn = side.connect_stream();
    side.control.expect("full");
    write_all(&*conn, b"x");
    side.control.expect("looked");
}

fn late_server(side: &mut Side) {
    let conn = side.accept_stream();
    side.control.expect("polling");
    sleep(HEAD_START);
    write_all(&*conn, b"late");
    expect_eof(&*conn);
}

fn waiting_client(side: &mut Side) {
    let conn = side.connect_stream();
    let start = Instant::now();
    side.control.signal("polling");
    await_ready(&*conn, Ready::IN);
    assert!(
        start.elapsed() >= HEAD_START / 2,
        "readable before the server wrote"
    );
    expect_bytes(&*conn, b"late");
}

fn time_out_client(side: &mut Side) {
    const WAIT: Duration = Duration::from_millis(50);
    let conn = side.connect_stream();
    let start = Instant::now();
    assert_eq!(ready_within(&*conn, Ready::IN, WAIT), Ready::NONE);
    assert!(start.elapsed() >= WAIT);
}
