//! Datagrams: boundaries, sources, peers.

use crate::backend::Datagram;
use crate::pair::{On, Pair};
use crate::pattern::Pattern;
use crate::side::Side;
use crate::wait::{HEAD_START, Ready, await_ready, expect_would_block, stays_unready};
use std::thread::sleep;
use std::time::Duration;

pub(super) const PAIRS: &[Pair] = &[
    Pair::new(
        "dgram_boundaries",
        "datagrams arrive whole, apart and in order",
        On::Both,
        sizes_server,
        sizes_client,
    ),
    Pair::new(
        "dgram_source",
        "the receiver learns who sent, and can answer",
        On::Both,
        answering_server,
        asking_client,
    ),
    Pair::new(
        "dgram_senders",
        "datagrams of two senders are told apart",
        On::Both,
        apart_server,
        two_client,
    ),
    Pair::new(
        "dgram_connected",
        "a connected socket hears its peer alone and sends to it",
        On::Both,
        filter_server,
        strangers_client,
    ),
    Pair::new(
        "dgram_peek",
        "what is peeked at is received again",
        On::Both,
        peek_server,
        three_client,
    ),
    Pair::new(
        "dgram_available",
        "FIONREAD says how long the next one is",
        On::Both,
        available_server,
        three_client,
    ),
    Pair::new(
        "dgram_would_block",
        "without a datagram a receive says EAGAIN, at once or after its time-out",
        On::Both,
        empty_server,
        after_client,
    ),
    Pair::new(
        "dgram_wakes",
        "a receiver that waits is woken",
        On::Both,
        waiting_server,
        after_client,
    ),
    Pair::new(
        "dgram_poll",
        "readable while a datagram is there",
        On::Both,
        poll_server,
        after_client,
    ),
];

/// A datagram socket whose address the other side learns.
#[track_caller]
pub(super) fn open(side: &mut Side) -> Box<dyn Datagram> {
    let socket = side.backend.datagram(0).expect("datagram socket");
    side.control
        .tell("address", socket.local_addr().expect("address"));
    socket
}

/// A socket, and the address of the other side's.
#[track_caller]
pub(super) fn open_towards(side: &mut Side) -> (Box<dyn Datagram>, String) {
    let socket = side.backend.datagram(0).expect("datagram socket");
    (socket, side.control.expect("address"))
}

/// Sends one datagram.
#[track_caller]
pub(super) fn send(from: &dyn Datagram, bytes: &[u8], to: &str) {
    assert_eq!(from.send_to(bytes, to).expect("sendto"), bytes.len());
}

/// Receives one datagram of at most 64 KiB, whole; its bytes and its sender.
#[track_caller]
pub(super) fn receive(socket: &dyn Datagram) -> (Vec<u8>, String) {
    let mut buf = vec![0; 64 << 10];
    let (message, from) = socket.recv_from(&mut buf).expect("recvfrom");
    assert!(!message.truncated);
    buf.truncate(message.bytes);
    (buf, from)
}

fn sizes() -> impl Iterator<Item = usize> {
    [1, 2, 3, 0, 1000, 15, 16, 17, 1, 30_000, 8, 4096, 0, 1].into_iter()
}

fn sizes_server(side: &mut Side) {
    let socket = open(side);
    let mut pattern = Pattern::new(1);
    for size in sizes() {
        let (bytes, _) = receive(&*socket);
        assert_eq!(bytes.len(), size);
        pattern.check(&bytes);
    }
}

fn sizes_client(side: &mut Side) {
    let (socket, to) = open_towards(side);
    let mut pattern = Pattern::new(1);
    sizes().for_each(|size| send(&*socket, &pattern.take(size), &to));
}

fn answering_server(side: &mut Side) {
    let socket = open(side);
    let (bytes, from) = receive(&*socket);
    assert_eq!(from, side.control.expect("me"));
    send(&*socket, &bytes, &from);
}

fn asking_client(side: &mut Side) {
    let (socket, to) = open_towards(side);
    side.control.tell("me", socket.local_addr().expect("address"));
    send(&*socket, b"who?", &to);
    assert_eq!(receive(&*socket), (b"who?".to_vec(), to));
}

const EACH: u8 = 100;

fn apart_server(side: &mut Side) {
    let socket = open(side);
    let senders = [side.control.expect("first"), side.control.expect("second")];
    let mut next = [0, 0];
    side.control.signal("listening");
    for _ in 0..2 * u32::from(EACH) {
        let (bytes, from) = receive(&*socket);
        let who = senders
            .iter()
            .position(|sender| *sender == from)
            .expect("a known sender");
        assert_eq!(bytes, [u8::try_from(who).expect("0 or 1"), next[who]]);
        next[who] += 1;
    }
    assert_eq!(next, [EACH; 2]);
}

fn two_client(side: &mut Side) {
    let (first, to) = open_towards(side);
    let second = side.backend.datagram(0).expect("datagram socket");
    side.control.tell("first", first.local_addr().expect("address"));
    side.control.tell("second", second.local_addr().expect("address"));
    side.control.expect("listening");
    for n in 0..EACH {
        send(&*first, &[0, n], &to);
        send(&*second, &[1, n], &to);
    }
}

fn filter_server(side: &mut Side) {
    let socket = open(side);
    let peer = side.control.expect("peer");
    socket.connect(&peer).expect("connect");
    side.control.signal("connected");
    assert_eq!(receive(&*socket).0, b"of the peer");
    assert_eq!(socket.send(b"answer").expect("send"), 6);
    side.control.expect("done");
    stays_unready(&*socket, Ready::IN);
}

fn strangers_client(side: &mut Side) {
    let (peer, to) = open_towards(side);
    let stranger = side.backend.datagram(0).expect("datagram socket");
    side.control.tell("peer", peer.local_addr().expect("address"));
    side.control.expect("connected");
    // AF_UNIX tells the stranger that he is one; nobody has to.
    let _ = stranger.send_to(b"of a stranger", &to);
    send(&*peer, b"of the peer", &to);
    assert_eq!(receive(&*peer), (b"answer".to_vec(), to.clone()));
    let _ = stranger.send_to(b"of a stranger", &to);
    side.control.signal("done");
}

/// Sends three.
fn three_client(side: &mut Side) {
    let (socket, to) = open_towards(side);
    [&b"one"[..], b"three", b""]
        .iter()
        .for_each(|bytes| send(&*socket, bytes, &to));
    side.control.expect("received");
}

fn peek_server(side: &mut Side) {
    let socket = open(side);
    let mut buf = [0; 10];
    for _ in 0..2 {
        let (message, from) = socket.peek_from(&mut buf).expect("peek");
        assert_eq!(
            (&buf[..message.bytes], message.truncated, from.is_empty()),
            (&b"one"[..], false, false)
        );
    }
    assert!(socket.peek_from(&mut buf[..2]).expect("peek").0.truncated);
    [&b"one"[..], b"three", b""]
        .iter()
        .for_each(|bytes| assert_eq!(receive(&*socket).0, *bytes));
    side.control.signal("received");
}

fn available_server(side: &mut Side) {
    let socket = open(side);
    await_ready(&*socket, Ready::IN);
    assert_eq!(socket.available().expect("FIONREAD"), 3);
    assert_eq!(receive(&*socket).0, b"one");
    await_ready(&*socket, Ready::IN);
    assert_eq!(socket.available().expect("FIONREAD"), 5);
    assert_eq!(receive(&*socket).0, b"three");
    assert_eq!(receive(&*socket).0, b"");
    assert_eq!(socket.available().expect("FIONREAD"), 0);
    side.control.signal("received");
}

/// Sends one when the server is ready.
fn after_client(side: &mut Side) {
    let (socket, to) = open_towards(side);
    side.control.expect("ready");
    sleep(HEAD_START);
    send(&*socket, b"one", &to);
    side.control.expect("received");
}

fn empty_server(side: &mut Side) {
    let socket = open(side);
    socket.set_nonblocking(true).expect("O_NONBLOCK");
    expect_would_block(socket.recv_from(&mut [0; 10]));
    socket.set_nonblocking(false).expect("blocking");
    socket
        .set_read_timeout(Some(Duration::from_millis(50)))
        .expect("SO_RCVTIMEO");
    expect_would_block(socket.recv_from(&mut [0; 10]));
    socket.set_read_timeout(None).expect("SO_RCVTIMEO");
    side.control.signal("ready");
    assert_eq!(receive(&*socket).0, b"one");
    side.control.signal("received");
}

fn waiting_server(side: &mut Side) {
    let socket = open(side);
    side.control.signal("ready");
    assert_eq!(receive(&*socket).0, b"one");
    side.control.signal("received");
}

fn poll_server(side: &mut Side) {
    let socket = open(side);
    await_ready(&*socket, Ready::OUT);
    stays_unready(&*socket, Ready::IN);
    side.control.signal("ready");
    await_ready(&*socket, Ready::IN);
    assert_eq!(receive(&*socket).0, b"one");
    socket.set_nonblocking(true).expect("O_NONBLOCK");
    expect_would_block(socket.recv_from(&mut [0; 10]));
    stays_unready(&*socket, Ready::IN);
    side.control.signal("received");
}
