//! Calls that wait are woken, whatever was called before them.

use crate::backend::Connection;
use crate::pair::{On, Pair};
use crate::pattern::Pattern;
use crate::side::Side;
use crate::transfer::{expect_bytes, expect_eof, fill, read_exact, read_pattern, write_all, write_pattern};
use crate::wait::{HEAD_START, Ready, await_ready, expect_would_block, promptly};
use std::net::Shutdown;
use std::thread::{scope, sleep};
use std::time::Duration;

pub(super) const PAIRS: &[Pair] = &[
    Pair::new(
        "data_wakes_reader",
        "a reader that has slept is woken by data, many times",
        On::Both,
        ticking_server,
        reading_client,
    ),
    Pair::new(
        "space_wakes_writer",
        "a writer that waits for space is woken by a reader",
        On::Both,
        waiting_server,
        reader_client,
    ),
    Pair::new(
        "end_wakes_reader",
        "a reader that waits is woken by the peer's close",
        On::Both,
        closing_server,
        eof_client,
    ),
    Pair::new(
        "poll_after_blocking_reads",
        "poll waits for new data, and wakes, after blocking reads took all",
        On::Both,
        ticking_server,
        polling_client,
    ),
    Pair::new(
        "poll_and_read_alternate",
        "a thread in read and one in poll do not steal each other's wake-up",
        On::Both,
        ticking_server,
        both_client,
    ),
    Pair::new(
        "both_sides_full",
        "two sides that both write first get through once they read",
        On::Both,
        |side| full_duplex(&*side.accept_stream()),
        |side| full_duplex(&*side.connect_stream()),
    ),
];

/// Messages of the ticking server.
const TICKS: u8 = 10;
/// Between two of them: long enough that every waiter sleeps.
const PAUSE: Duration = Duration::from_millis(20);
const LARGE: usize = 8 << 20;

fn ticking_server(side: &mut Side) {
    let conn = side.accept_stream();
    for tick in 0..TICKS {
        sleep(PAUSE);
        write_all(&*conn, &[tick; 5]);
        side.control.expect("got");
    }
}

fn reading_client(side: &mut Side) {
    let conn = side.connect_stream();
    for tick in 0..TICKS {
        expect_bytes(&*conn, &[tick; 5]);
        side.control.signal("got");
    }
}

fn polling_client(side: &mut Side) {
    let conn = side.connect_stream();
    for tick in 0..TICKS {
        await_ready(&*conn, Ready::IN);
        expect_bytes(&*conn, &[tick; 5]);
        side.control.signal("got");
    }
}

fn both_client(side: &mut Side) {
    let conn = side.connect_stream();
    for tick in 0..TICKS {
        scope(|scope| {
            let poller = scope.spawn(|| await_ready(&*conn, Ready::IN));
            // Peeking waits like reading, and leaves something to poll for.
            assert_eq!(conn.peek(&mut [0; 1]).expect("peek"), 1);
            poller.join().expect("the poller");
        });
        assert_eq!(read_exact(&*conn, 5), [tick; 5]);
        side.control.signal("got");
    }
}

fn waiting_server(side: &mut Side) {
    let conn = side.accept_stream();
    let mut pattern = Pattern::new(1);
    let taken = fill(&*conn, &mut pattern);
    conn.set_nonblocking(false).expect("blocking");
    side.control.tell("taken", taken);
    promptly(|| write_all(&*conn, &pattern.take(LARGE)));
    expect_eof(&*conn);
}

fn reader_client(side: &mut Side) {
    let conn = side.connect_stream();
    let taken = usize::try_from(side.control.expect_number("taken")).expect("a size");
    sleep(HEAD_START);
    read_pattern(&*conn, &mut Pattern::new(1), taken + LARGE, 64 << 10);
    conn.set_nonblocking(true).expect("O_NONBLOCK");
    expect_would_block(conn.read(&mut [0; 1]));
}

fn closing_server(side: &mut Side) {
    let conn = side.accept_stream();
    side.control.expect("reading");
    sleep(HEAD_START);
    drop(conn);
}

fn eof_client(side: &mut Side) {
    let conn = side.connect_stream();
    side.control.signal("reading");
    promptly(|| expect_eof(&*conn));
}

/// Both sides fill the connection, wait for space in one thread, and only then read in another.
fn full_duplex(conn: &dyn Connection) {
    scope(|scope| {
        scope.spawn(|| {
            write_pattern(conn, &mut Pattern::new(1), LARGE, 1 << 20);
            conn.shutdown(Shutdown::Write).expect("shutdown");
        });
        sleep(HEAD_START);
        read_pattern(conn, &mut Pattern::new(1), LARGE, 64 << 10);
        expect_eof(conn);
    });
}
