//! Packets: messages of a connection that arrive whole, apart and in order.

use crate::backend::{Connection, Kind};
use crate::pair::{On, Pair};
use crate::pattern::Pattern;
use crate::side::Side;
use crate::transfer::{expect_eof, expect_errno, expect_reset_once, read_slices, write_slices};
use crate::wait::{Ready, await_ready, promptly};
use libc::{EMSGSIZE, EPROTOTYPE};
use std::thread::scope;

pub(super) const PAIRS: &[Pair] = &[
    Pair::new(
        "packet_boundaries",
        "packets arrive whole, apart and in order",
        On::Unix,
        |side| send_sizes(&*side.accept(Kind::Packet)),
        |side| receive_sizes(&*side.connect(Kind::Packet)),
    ),
    Pair::new(
        "packet_both_ways",
        "packets go both ways at once, by two threads on clones",
        On::Unix,
        |side| exchange(&*side.accept(Kind::Packet)),
        |side| exchange(&*side.connect(Kind::Packet)),
    ),
    Pair::new(
        "packet_truncated",
        "what does not fit the buffer is lost, that is told, and the next packet is whole",
        On::Unix,
        long_server,
        short_client,
    ),
    Pair::new(
        "packet_peek",
        "what is peeked at is received again",
        On::Unix,
        two_server,
        peek_client,
    ),
    Pair::new(
        "packet_zero_length",
        "an empty packet is one",
        On::Unix,
        empty_server,
        empty_client,
    ),
    Pair::new(
        "packet_end_is_told_apart",
        "an empty packet ends a record (MSG_EOR), the end of the connection does not",
        On::V4vOnly,
        empty_server,
        record_client,
    ),
    Pair::new(
        "packet_too_long",
        "one that is too long is refused with EMSGSIZE, and nothing of it arrives",
        On::Unix,
        too_long_server,
        next_client,
    ),
    Pair::new(
        "packet_largest",
        "one of 100 000 bytes arrives",
        On::Unix,
        largest_server,
        largest_client,
    ),
    Pair::new(
        "packet_available",
        "FIONREAD says how long the packet is that waits",
        On::Unix,
        two_server,
        available_client,
    ),
    Pair::new(
        "packet_available_next",
        "of several, FIONREAD says how long the next one is",
        On::V4vOnly,
        two_at_once_server,
        next_available_client,
    ),
    Pair::new(
        "packet_vectored",
        "slices make one packet, and one packet fills slices",
        On::Unix,
        vectored_server,
        vectored_client,
    ),
    Pair::new(
        "packet_reset_by_linger",
        "close with a linger time of 0 is a reset",
        On::V4vOnly,
        reset_server,
        reset_client,
    ),
    Pair::new(
        "packet_writers",
        "packets of two threads that write to clones do not mix",
        On::Unix,
        writers_server,
        unmixed_client,
    ),
    Pair::new(
        "packet_readers",
        "two threads that read clones get every packet once and whole",
        On::Unix,
        writers_server,
        readers_client,
    ),
    Pair::new(
        "packet_type",
        "a stream does not connect to a listener for packets",
        On::Unix,
        type_server,
        type_client,
    ),
];

/// More than any family takes: AF_UNIX what its send buffer holds, V4V half a ring.
const TOO_LONG: usize = 4 << 20;
/// Packets of each of two writers.
const EACH: usize = 2000;

/// Receives one packet of at most 128 KiB, whole.
#[track_caller]
pub(super) fn receive(from: &dyn Connection) -> Vec<u8> {
    let mut buf = vec![0; 128 << 10];
    let message = from.read_message(&mut buf).expect("recvmsg");
    assert!(!message.truncated);
    buf.truncate(message.bytes);
    buf
}

/// Sends one packet.
#[track_caller]
pub(super) fn send(to: &dyn Connection, bytes: &[u8]) {
    assert_eq!(to.write(bytes).expect("send"), bytes.len());
}

/// Sizes of the packets: around every power of two, and empty ones between.
fn sizes() -> impl Iterator<Item = usize> {
    (0..=16).flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) + 1, 3])
}

fn send_sizes(conn: &dyn Connection) {
    let mut pattern = Pattern::new(1);
    sizes().for_each(|size| send(conn, &pattern.take(size)));
}

fn receive_sizes(conn: &dyn Connection) {
    let mut pattern = Pattern::new(1);
    for size in sizes() {
        let packet = receive(conn);
        assert_eq!(packet.len(), size);
        pattern.check(&packet);
    }
}

fn exchange(conn: &dyn Connection) {
    let clone = conn.try_clone().expect("clone");
    scope(|scope| {
        scope.spawn(|| send_sizes(&*clone));
        receive_sizes(conn);
    });
}

fn long_server(side: &mut Side) {
    let conn = side.accept(Kind::Packet);
    send(&*conn, &Pattern::new(1).take(1000));
    send(&*conn, b"next");
    expect_eof(&*conn);
}

fn short_client(side: &mut Side) {
    let conn = side.connect(Kind::Packet);
    let mut buf = [0; 10];
    let message = conn.read_message(&mut buf).expect("recvmsg");
    assert_eq!((message.bytes, message.truncated), (10, true));
    Pattern::new(1).check(&buf);
    assert_eq!(receive(&*conn), b"next");
}

/// Sends the second packet when the client has seen the first.
fn two_server(side: &mut Side) {
    let conn = side.accept(Kind::Packet);
    send(&*conn, b"one");
    side.control.expect("seen");
    send(&*conn, b"second");
    expect_eof(&*conn);
}

fn peek_client(side: &mut Side) {
    let conn = side.connect(Kind::Packet);
    let mut buf = [0; 20];
    for len in [20, 3, 2] {
        let n = conn.peek(&mut buf[..len]).expect("peek");
        assert_eq!(buf[..n], b"one"[..len.min(3)]);
    }
    assert_eq!(receive(&*conn), b"one");
    side.control.signal("seen");
    assert_eq!(conn.peek(&mut buf).expect("peek"), 6);
    assert_eq!(receive(&*conn), b"second");
}

fn empty_server(side: &mut Side) {
    let conn = side.accept(Kind::Packet);
    [&b""[..], b"next", b""]
        .iter()
        .for_each(|bytes| send(&*conn, bytes));
    side.control.expect("received");
}

fn empty_client(side: &mut Side) {
    let conn = side.connect(Kind::Packet);
    [&b""[..], b"next", b""]
        .iter()
        .for_each(|bytes| assert_eq!(receive(&*conn), *bytes));
    side.control.signal("received");
}

fn record_client(side: &mut Side) {
    let conn = side.connect(Kind::Packet);
    for bytes in [0, 4, 0] {
        let message = conn.read_message(&mut [0; 10]).expect("recvmsg");
        assert_eq!((message.bytes, message.record), (bytes, true));
    }
    side.control.signal("received");
    let message = conn.read_message(&mut [0; 10]).expect("recvmsg");
    assert_eq!((message.bytes, message.record), (0, false), "the end");
}

fn too_long_server(side: &mut Side) {
    let conn = side.accept(Kind::Packet);
    let error = conn.write(&vec![0; TOO_LONG]).expect_err("too long");
    expect_errno(&error, &[EMSGSIZE]);
    send(&*conn, b"next");
}

fn next_client(side: &mut Side) {
    let conn = side.connect(Kind::Packet);
    assert_eq!(receive(&*conn), b"next");
    expect_eof(&*conn);
}

fn largest_server(side: &mut Side) {
    send(&*side.accept(Kind::Packet), &Pattern::new(1).take(100_000));
}

fn largest_client(side: &mut Side) {
    let packet = receive(&*side.connect(Kind::Packet));
    assert_eq!(packet.len(), 100_000);
    Pattern::new(1).check(&packet);
}

fn available_client(side: &mut Side) {
    let conn = side.connect(Kind::Packet);
    await_ready(&*conn, Ready::IN);
    assert_eq!(conn.available().expect("FIONREAD"), 3);
    assert_eq!(receive(&*conn), b"one");
    assert_eq!(conn.available().expect("FIONREAD"), 0);
    side.control.signal("seen");
    await_ready(&*conn, Ready::IN);
    assert_eq!(conn.available().expect("FIONREAD"), 6);
    assert_eq!(receive(&*conn), b"second");
}

fn two_at_once_server(side: &mut Side) {
    let conn = side.accept(Kind::Packet);
    [&b"one"[..], b"second"]
        .iter()
        .for_each(|bytes| send(&*conn, bytes));
    side.control.signal("sent");
    side.control.expect("seen");
}

fn next_available_client(side: &mut Side) {
    let conn = side.connect(Kind::Packet);
    side.control.expect("sent");
    assert_eq!(conn.available().expect("FIONREAD"), 3);
    assert_eq!(receive(&*conn), b"one");
    assert_eq!(conn.available().expect("FIONREAD"), 6);
    side.control.signal("seen");
}

/// Two writers, each with packets of its own length, number and content.
fn writers_server(side: &mut Side) {
    let conn = side.accept(Kind::Packet);
    let clone = conn.try_clone().expect("clone");
    scope(|scope| {
        scope.spawn(|| (0..EACH).for_each(|_| send(&*clone, &[1; 100])));
        (0..EACH).for_each(|_| send(&*conn, &[2; 700]));
    });
}

/// Counts packets of either writer to the end.
fn count(conn: &dyn Connection) -> [usize; 2] {
    let mut counts = [0; 2];
    loop {
        let packet = receive(conn);
        match packet[..] {
            [] => return counts,
            _ if packet == [1; 100] => counts[0] += 1,
            _ if packet == [2; 700] => counts[1] += 1,
            _ => panic!("a packet of {} bytes that nobody sent", packet.len()),
        }
    }
}

fn unmixed_client(side: &mut Side) {
    assert_eq!(count(&*side.connect(Kind::Packet)), [EACH; 2]);
}

fn readers_client(side: &mut Side) {
    let conn = side.connect(Kind::Packet);
    let clone = conn.try_clone().expect("clone");
    let (here, there) = scope(|scope| {
        let other = scope.spawn(|| count(&*clone));
        (count(&*conn), other.join().expect("the other reader"))
    });
    assert_eq!([here[0] + there[0], here[1] + there[1]], [EACH; 2]);
}

fn type_server(side: &mut Side) {
    let listener = side.listen(Kind::Packet);
    side.control.expect("refused");
    let (conn, _) = listener.accept().expect("accept");
    assert_eq!(receive(&*conn), b"x");
}

fn type_client(side: &mut Side) {
    let addr = side.control.expect("address");
    let error = promptly(|| side.backend.connect(Kind::Stream, &addr))
        .err()
        .expect("refused");
    expect_errno(&error, &[EPROTOTYPE]);
    side.control.signal("refused");
    send(
        &*side.backend.connect(Kind::Packet, &addr).expect("connect"),
        b"x",
    );
}

fn vectored_server(side: &mut Side) {
    let conn = side.accept(Kind::Packet);
    write_slices(&*conn);
    send(&*conn, b"next");
    expect_eof(&*conn);
}

fn vectored_client(side: &mut Side) {
    let conn = side.connect(Kind::Packet);
    read_slices(&*conn);
    assert_eq!(receive(&*conn), b"next");
}

fn reset_server(side: &mut Side) {
    let conn = side.accept(Kind::Packet);
    conn.abort().expect("SO_LINGER");
}

fn reset_client(side: &mut Side) {
    let conn = side.connect(Kind::Packet);
    expect_reset_once(&*conn);
}
