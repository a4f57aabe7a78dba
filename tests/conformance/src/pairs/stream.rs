//! What goes through a stream comes out of it: content, order, and nothing of the writer's cuts.

use crate::backend::{Connection, Kind};
use crate::pair::{On, Pair};
use crate::pattern::Pattern;
use crate::side::Side;
use crate::transfer::{
    SLICES, await_available, expect_bytes, expect_eof, fill, read_exact, read_pattern, read_slices,
    write_all, write_pattern, write_slices,
};
use crate::wait::promptly;
use std::thread::scope;

pub(super) const PAIRS: &[Pair] = &[
    Pair::new(
        "sizes_both_ways",
        "messages of 1 B to 1 MiB go both ways at once, by two threads on clones",
        On::Both,
        |side| exchange(&*side.accept_stream(), 1, 2),
        |side| exchange(&*side.connect_stream(), 2, 1),
    ),
    Pair::new(
        "small_writes_large_reads",
        "many small writes are read as few large",
        On::Both,
        small_server,
        large_client,
    ),
    Pair::new(
        "large_writes_small_reads",
        "one large write is read as many small",
        On::Both,
        large_server,
        small_client,
    ),
    Pair::new(
        "message_by_message",
        "1000 questions and answers of changing sizes",
        On::Both,
        answer_server,
        question_client,
    ),
    Pair::new(
        "vectored",
        "gathered and scattered buffers keep their order",
        On::Both,
        vectored_server,
        vectored_client,
    ),
    Pair::new(
        "zero_length",
        "empty writes and reads do nothing",
        On::Both,
        zero_server,
        zero_client,
    ),
    Pair::new(
        "blocking_write_takes_all",
        "a blocking write larger than every buffer takes all its bytes in one call",
        On::Both,
        all_server,
        all_client,
    ),
    Pair::new(
        "slow_reader",
        "a reader that does not read holds up nobody but its own writer",
        On::Both,
        slow_server,
        slow_client,
    ),
];

/// Bytes of the transfers that are larger than every buffer.
const LARGE: usize = 8 << 20;
/// Bytes of the transfers in small pieces.
const PIECES: usize = 128 << 10;

/// The sizes: powers of two, one less and one more.
fn sizes() -> impl Iterator<Item = usize> {
    (0..=20)
        .flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) + 1])
        .filter(|n| *n > 0)
}

/// Writes the pattern `own` in all sizes while reading `other` in all sizes.
fn exchange(conn: &dyn Connection, own: u64, other: u64) {
    let clone = conn.try_clone().expect("clone");
    scope(|scope| {
        scope.spawn(|| {
            let mut pattern = Pattern::new(own);
            sizes().for_each(|size| write_all(&*clone, &pattern.take(size)));
        });
        let mut pattern = Pattern::new(other);
        sizes().for_each(|size| pattern.check(&read_exact(conn, size)));
    });
}

fn small_server(side: &mut Side) {
    let conn = side.accept_stream();
    write_pattern(&*conn, &mut Pattern::new(1), PIECES, 7);
}

fn large_client(side: &mut Side) {
    let conn = side.connect_stream();
    read_pattern(&*conn, &mut Pattern::new(1), PIECES, 1 << 20);
    expect_eof(&*conn);
}

fn large_server(side: &mut Side) {
    let conn = side.accept_stream();
    write_pattern(&*conn, &mut Pattern::new(1), PIECES, PIECES);
}

fn small_client(side: &mut Side) {
    let conn = side.connect_stream();
    read_pattern(&*conn, &mut Pattern::new(1), PIECES, 5);
    expect_eof(&*conn);
}

/// Sizes of the questions: all residues of the ring's slots, and now and then a larger one.
fn question_sizes() -> impl Iterator<Item = usize> {
    (0..1000).map(|n| if n % 100 == 99 { 70_000 } else { 1 + n * 37 % 3000 })
}

fn answer_server(side: &mut Side) {
    let conn = side.accept_stream();
    let mut pattern = Pattern::new(1);
    for size in question_sizes() {
        let question = read_exact(&*conn, size);
        pattern.check(&question);
        write_all(&*conn, &question);
    }
}

fn question_client(side: &mut Side) {
    let conn = side.connect_stream();
    let mut pattern = Pattern::new(1);
    for size in question_sizes() {
        let question = pattern.take(size);
        write_all(&*conn, &question);
        expect_bytes(&*conn, &question);
    }
}

fn vectored_server(side: &mut Side) {
    let conn = side.accept_stream();
    write_slices(&*conn);
    side.control.signal("written");
    expect_eof(&*conn);
}

fn vectored_client(side: &mut Side) {
    let conn = side.connect_stream();
    side.control.expect("written");
    await_available(&*conn, SLICES);
    read_slices(&*conn);
}

fn zero_server(side: &mut Side) {
    let conn = side.accept_stream();
    assert_eq!(conn.write(&[]).expect("an empty write"), 0);
    write_all(&*conn, b"x");
    assert_eq!(conn.write(&[]).expect("an empty write"), 0);
    write_all(&*conn, b"y");
    side.control.signal("written");
    expect_eof(&*conn);
}

fn zero_client(side: &mut Side) {
    let conn = side.connect_stream();
    side.control.expect("written");
    assert_eq!(conn.read(&mut []).expect("an empty read"), 0);
    expect_bytes(&*conn, b"xy");
}

fn all_server(side: &mut Side) {
    let conn = side.accept_stream();
    assert_eq!(conn.write(&Pattern::new(1).take(LARGE)).expect("write"), LARGE);
}

fn all_client(side: &mut Side) {
    let conn = side.connect_stream();
    read_pattern(&*conn, &mut Pattern::new(1), LARGE, 100_000);
    expect_eof(&*conn);
}

fn slow_server(side: &mut Side) {
    let listener = side.listen(Kind::Stream);
    let (slow, _) = listener.accept().expect("accept");
    let mut pattern = Pattern::new(1);
    let stuck = fill(&*slow, &mut pattern);
    let (fast, _) = listener.accept().expect("accept");
    promptly(|| write_pattern(&*fast, &mut Pattern::new(2), LARGE, 64 << 10));
    side.control.tell("stuck", stuck);
    slow.set_nonblocking(false).expect("blocking");
    expect_eof(&*slow);
}

fn slow_client(side: &mut Side) {
    let addr = side.control.expect("address");
    let slow = side.backend.connect(Kind::Stream, &addr).expect("connect");
    let fast = side.backend.connect(Kind::Stream, &addr).expect("connect");
    read_pattern(&*fast, &mut Pattern::new(2), LARGE, 64 << 10);
    let stuck = usize::try_from(side.control.expect_number("stuck")).expect("a size");
    read_pattern(&*slow, &mut Pattern::new(1), stuck, 64 << 10);
}
