//! `O_NONBLOCK`: calls that say "not now".

use crate::backend::Connection;
use crate::pair::{On, Pair};
use crate::pattern::Pattern;
use crate::side::Side;
use crate::transfer::{drain, expect_bytes, expect_eof, fill, fill_once, read_pattern_to_end, write_all};
use crate::wait::{Ready, await_ready, expect_would_block};

pub(super) const PAIRS: &[Pair] = &[
    Pair::new(
        "read_would_block",
        "a read without data says EAGAIN, until there is some",
        On::Both,
        ten_server,
        read_client,
    ),
    Pair::new(
        "write_would_block",
        "a write without space says EAGAIN, and goes on when the reader has made room",
        On::Both,
        write_server,
        slow_client,
    ),
    Pair::new(
        "partial_write",
        "a write larger than the space takes a part and says how much",
        On::Both,
        partial_server,
        to_end_client,
    ),
    Pair::new(
        "stop_and_go",
        "8 MiB through a writer and a reader that never wait but in poll",
        On::Both,
        go_server,
        go_client,
    ),
    Pair::new(
        "blocking_again",
        "O_NONBLOCK can be taken back",
        On::Both,
        ten_server,
        again_client,
    ),
];

const LARGE: usize = 8 << 20;

fn ten_server(side: &mut Side) {
    let conn = side.accept_stream();
    side.control.expect("looked");
    write_all(&*conn, b"0123456789");
    expect_eof(&*conn);
}

fn read_client(side: &mut Side) {
    let conn = side.connect_stream();
    conn.set_nonblocking(true).expect("O_NONBLOCK");
    expect_would_block(conn.read(&mut [0; 20]));
    side.control.signal("looked");
    await_ready(&*conn, Ready::IN);
    let mut buf = [0; 20];
    assert_eq!(conn.read(&mut buf).expect("read"), 10);
    expect_would_block(conn.read(&mut buf));
}

fn again_client(side: &mut Side) {
    let conn = side.connect_stream();
    conn.set_nonblocking(true).expect("O_NONBLOCK");
    expect_would_block(conn.read(&mut [0; 20]));
    conn.set_nonblocking(false).expect("blocking");
    side.control.signal("looked");
    expect_bytes(&*conn, b"0123456789");
}

fn write_server(side: &mut Side) {
    let conn = side.accept_stream();
    let mut pattern = Pattern::new(1);
    for _ in 0..5 {
        fill(&*conn, &mut pattern);
        side.control.signal("full");
        await_ready(&*conn, Ready::OUT);
        side.control.expect("drained");
        assert!(
            fill_once(&*conn, &mut pattern) > 0,
            "writable, so a write takes something"
        );
    }
    side.control.signal("end");
    side.control.tell("total", pattern.at());
}

fn slow_client(side: &mut Side) {
    let conn = side.connect_stream();
    conn.set_nonblocking(true).expect("O_NONBLOCK");
    let mut pattern = Pattern::new(1);
    for _ in 0..5 {
        side.control.expect("full");
        // TCP says writable when a good part of its buffer is free, so everything is read.
        assert!(drain(&*conn, &mut pattern) > 0);
        side.control.signal("drained");
    }
    side.control.expect("end");
    let total = side.control.expect_number("total");
    conn.set_nonblocking(false).expect("blocking");
    read_pattern_to_end(&*conn, &mut pattern);
    assert_eq!(pattern.at(), total);
}

fn partial_server(side: &mut Side) {
    let conn = side.accept_stream();
    conn.set_nonblocking(true).expect("O_NONBLOCK");
    let bytes = Pattern::new(1).take(64 << 20);
    let taken = conn.write(&bytes).expect("write");
    assert!(taken > 0 && taken < bytes.len(), "{taken} of {}", bytes.len());
    side.control.tell("taken", taken);
    drop(conn);
    side.control.expect("read");
}

fn to_end_client(side: &mut Side) {
    let conn = side.connect_stream();
    let taken = side.control.expect_number("taken");
    assert_eq!(read_pattern_to_end(&*conn, &mut Pattern::new(1)), taken);
    side.control.signal("read");
}

fn go_server(side: &mut Side) {
    let conn = side.accept_stream();
    conn.set_nonblocking(true).expect("O_NONBLOCK");
    let bytes = Pattern::new(1).take(LARGE);
    let mut sent = 0;
    while sent < LARGE {
        await_ready(&*conn, Ready::OUT);
        match conn.write(&bytes[sent..]) {
            Ok(n) => sent += n,
            // Another reason than space may have made it writable.
            result => expect_would_block(result),
        }
    }
}

fn go_client(side: &mut Side) {
    let conn = side.connect_stream();
    conn.set_nonblocking(true).expect("O_NONBLOCK");
    let mut pattern = Pattern::new(1);
    while pattern.at() < LARGE as u64 {
        await_ready(&*conn, Ready::IN);
        drain_or_end(&*conn, &mut pattern);
    }
}

/// Reads what is there; the stream may end behind the last byte.
fn drain_or_end(conn: &dyn Connection, pattern: &mut Pattern) {
    let mut buf = vec![0; 64 << 10];
    while pattern.at() < LARGE as u64 {
        match conn.read(&mut buf) {
            Ok(n) => {
                assert!(n > 0, "end of stream after {} bytes", pattern.at());
                pattern.check(&buf[..n]);
            }
            result => return expect_would_block(result),
        }
    }
}
