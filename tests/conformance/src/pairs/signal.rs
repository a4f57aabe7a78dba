//! Signals that meet a call which waits.

use crate::pair::{On, Pair};
use crate::pattern::Pattern;
use crate::side::Side;
use crate::sys::alarm_every;
use crate::transfer::{
    expect_bytes, expect_eof, expect_errno, fill, read_pattern, write_all, write_until_stuck,
};
use crate::wait::{HEAD_START, promptly};
use libc::EINTR;
use std::io;
use std::time::Duration;

pub(super) const PAIRS: &[Pair] = &[
    Pair::new(
        "signal_interrupts_read",
        "a handled signal ends a read that waits with EINTR, and the next read gets the data",
        On::Both,
        late_server,
        reading_client,
    ),
    Pair::new(
        "signal_interrupts_write",
        "a handled signal ends a write that waits with EINTR, and nothing is lost or sent twice",
        On::Both,
        writing_server,
        draining_client,
    ),
];

fn late_server(side: &mut Side) {
    let conn = side.accept_stream();
    side.control.expect("interrupted");
    write_all(&*conn, b"late");
    expect_eof(&*conn);
}

/// Makes calls that wait, while signals come: more than one, for the first may come before the call waits. The error that
/// `calls` ends with is to be the signal's.
#[track_caller]
fn expect_interrupt(calls: impl FnOnce() -> io::Error) {
    alarm_every(HEAD_START).expect("setitimer");
    let error = promptly(calls);
    alarm_every(Duration::ZERO).expect("setitimer");
    expect_errno(&error, &[EINTR]);
}

fn reading_client(side: &mut Side) {
    let conn = side.connect_stream();
    expect_interrupt(|| conn.read(&mut [0; 10]).expect_err("a signal"));
    side.control.signal("interrupted");
    expect_bytes(&*conn, b"late");
}

fn writing_server(side: &mut Side) {
    let conn = side.accept_stream();
    let mut pattern = Pattern::new(1);
    fill(&*conn, &mut pattern);
    conn.set_nonblocking(false).expect("blocking");
    expect_interrupt(|| write_until_stuck(&mut pattern, |bytes| conn.write(bytes)).0);
    side.control.tell("taken", pattern.at());
    write_all(&*conn, &pattern.take(1000));
    expect_eof(&*conn);
}

fn draining_client(side: &mut Side) {
    let conn = side.connect_stream();
    let taken = usize::try_from(side.control.expect_number("taken")).expect("a size");
    read_pattern(&*conn, &mut Pattern::new(1), taken + 1000, 64 << 10);
}
