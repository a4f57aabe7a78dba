//! What a user of SOCK_DGRAM sees.

mod common;

use v4v_ring::layout::event;
use v4v_ring::{Addr, DomId, RingMem, Word};
use v4v_sock::limits::{DATAGRAM_MAX, DATAGRAM_RING_DEFAULT, STRANGERS_PER_CALL};
use v4v_sock::testing::{Hub, TestPlatform};
use v4v_sock::{Datagram, DatagramRx, Errno, Received, RecvFlags};

type Socket = (Datagram<TestPlatform>, DatagramRx<TestPlatform>);

fn socket(hub: &Hub, domain: u16, port: u32) -> Socket {
    Datagram::bind(hub.domain(domain), port, DATAGRAM_RING_DEFAULT).unwrap()
}

fn recv_with(s: &mut Socket, max: usize, flags: RecvFlags) -> Result<(Vec<u8>, Received, Addr), Errno> {
    let mut buffer = vec![0; max];
    let (got, from) = s.1.recv(&s.0, &mut buffer.as_mut_slice(), max, flags)?;
    buffer.truncate(got.bytes);
    Ok((buffer, got, from))
}

fn recv(s: &mut Socket, max: usize) -> Result<(Vec<u8>, Addr), Errno> {
    recv_with(s, max, RecvFlags::default()).map(|(bytes, _, from)| (bytes, from))
}

const A: Addr = Addr::new(DomId(1), 100);
const B: Addr = Addr::new(DomId(2), 200);

fn two() -> (Hub, Socket, Socket) {
    let hub = Hub::new();
    let (a, b) = (socket(&hub, 1, 100), socket(&hub, 2, 200));
    (hub, a, b)
}

#[test]
fn datagrams_arrive_whole_with_their_senders_address() {
    let (_hub, a, mut b) = two();
    assert_eq!(a.0.send(Some(B), &[b"in ", b"parts"]), Ok(8));
    assert_eq!(a.0.send(Some(B), &[]), Ok(0));
    assert_eq!(recv(&mut b, 99), Ok((b"in parts".to_vec(), A)));
    assert_eq!(recv(&mut b, 99), Ok((vec![], A)));
    assert_eq!(recv(&mut b, 99), Err(Errno::AGAIN));
}

#[test]
fn a_datagram_that_does_not_fit_the_buffer_is_cut_and_says_so() {
    let (_hub, a, mut b) = two();
    a.0.send(Some(B), &[b"longer"]).unwrap();
    let (bytes, got, _) = recv_with(&mut b, 4, RecvFlags::default()).unwrap();
    assert_eq!(
        (bytes.as_slice(), got.full, got.truncated()),
        (&b"long"[..], 6, true)
    );
    assert_eq!(recv(&mut b, 4), Err(Errno::AGAIN));
}

#[test]
fn peek_keeps_a_datagram() {
    let (_hub, a, mut b) = two();
    a.0.send(Some(B), &[b"look"]).unwrap();
    assert_eq!(b.1.available(&b.0), 4);
    assert_eq!(recv_with(&mut b, 9, RecvFlags { peek: true }).unwrap().0, b"look");
    assert_eq!(recv(&mut b, 9).unwrap().0, b"look");
}

#[test]
fn without_receiver_a_send_is_refused() {
    let hub = Hub::new();
    let a = socket(&hub, 1, 100);
    let _other = socket(&hub, 2, 201);
    assert_eq!(a.0.send(Some(B), &[b"x"]), Err(Errno::CONNREFUSED));
}

#[test]
fn a_domain_that_does_not_exist_refuses_too() {
    let hub = Hub::new();
    let a = socket(&hub, 1, 100);
    assert_eq!(a.0.send(Some(B), &[b"x"]), Err(Errno::CONNREFUSED));
}

#[test]
fn a_connected_socket_hears_its_peer_alone() {
    let (hub, a, mut b) = two();
    let stranger = socket(&hub, 3, 300);
    b.0.connect(Some(A)).unwrap();
    assert_eq!(b.0.peer(), Some(A));
    stranger.0.send(Some(B), &[b"no"]).unwrap();
    a.0.send(Some(B), &[b"yes"]).unwrap();
    assert_eq!(recv(&mut b, 9), Ok((b"yes".to_vec(), A)));
    assert_eq!(b.0.send(None, &[b"back"]), Ok(4));
    b.0.connect(None).unwrap();
    assert_eq!(b.0.send(None, &[b"x"]), Err(Errno::NOTCONN));
}

#[test]
fn a_flood_of_strangers_does_not_hold_a_receive() {
    let (hub, a, mut b) = two();
    let stranger = socket(&hub, 3, 300);
    b.0.connect(Some(A)).unwrap();
    for _ in 0..=STRANGERS_PER_CALL {
        stranger.0.send(Some(B), &[]).unwrap();
    }
    a.0.send(Some(B), &[b"behind"]).unwrap();
    assert_eq!(recv(&mut b, 9), Err(Errno::AGAIN));
    assert_eq!(b.1.before_sleep(&b.0, event::SLEEPS), None);
    assert_eq!(recv(&mut b, 9).unwrap().0, b"behind");
}

#[test]
fn what_is_no_datagram_is_dropped() {
    let (hub, a, mut b) = two();
    use v4v_sock::Platform;
    for kind in [
        0,
        v4v_sock::frame::kind::DATA,
        v4v_sock::frame::kind::REQUEST,
        u32::MAX,
    ] {
        hub.domain(1).send_message(100, B, kind, &[b"junk"]).unwrap();
    }
    a.0.send(Some(B), &[b"real"]).unwrap();
    assert_eq!(recv(&mut b, 9).unwrap().0, b"real");
}

#[test]
fn too_long_a_datagram_is_refused_by_either_limit() {
    let (hub, a, _b) = two();
    let big = vec![0; DATAGRAM_MAX as usize + 1];
    assert_eq!(a.0.send(Some(B), &[&big]), Err(Errno::MSGSIZE));
    assert_eq!(a.0.send(Some(B), &[&big[1..]]), Ok(DATAGRAM_MAX as usize));
    let small = Datagram::bind(hub.domain(3), 300, 4032).unwrap();
    assert_eq!(
        a.0.send(Some(small.0.local()), &[&big[..4032]]),
        Err(Errno::MSGSIZE)
    );
}

#[test]
fn a_full_ring_says_would_block() {
    let (_hub, a, mut b) = two();
    let data = vec![0; DATAGRAM_MAX as usize];
    while a.0.send(Some(B), &[&data]).is_ok() {}
    assert_eq!(a.0.send(Some(B), &[&data]), Err(Errno::AGAIN));
    recv(&mut b, 0).unwrap();
    assert_eq!(a.0.send(Some(B), &[&data]), Ok(data.len()));
}

#[test]
fn shutdown_ends_either_direction() {
    let (_hub, a, mut b) = two();
    a.0.send(Some(B), &[b"x"]).unwrap();
    a.0.shutdown_write();
    assert_eq!(a.0.send(Some(B), &[b"x"]), Err(Errno::PIPE));
    b.0.shutdown_read();
    assert_eq!(recv(&mut b, 9).unwrap().0, b"x");
    assert_eq!(
        recv_with(&mut b, 9, RecvFlags::default()).unwrap().1,
        Received::EOF
    );
    let poll = b.1.poll(&b.0);
    assert!(poll.input && poll.rdhup && poll.output && !poll.hup);
    b.0.shutdown_write();
    assert!(b.1.poll(&b.0).hup);
}

#[test]
fn addresses_that_no_socket_has_are_invalid() {
    let (_hub, a, _b) = two();
    for to in [
        Addr::new(DomId::ANY, 5),
        Addr::new(DomId(1), 0),
        Addr::new(DomId(1), 1 << 31),
    ] {
        assert_eq!(a.0.send(Some(to), &[b"x"]), Err(Errno::INVAL));
        assert_eq!(a.0.connect(Some(to)), Err(Errno::INVAL));
    }
}

#[test]
fn poll_and_waiting_follow_the_ring() {
    let (_hub, a, mut b) = two();
    assert!(!b.1.poll(&b.0).input && b.1.poll(&b.0).output);
    assert_eq!(
        b.1.before_sleep(&b.0, event::POLLS),
        Some(event::SUPPRESS | event::POLLS)
    );
    a.0.send(Some(B), &[b"x"]).unwrap();
    assert!(b.1.poll(&b.0).input);
    assert_eq!(b.1.before_sleep(&b.0, event::POLLS), None);
    recv(&mut b, 9).unwrap();
    b.1.before_sleep(&b.0, event::POLLS).unwrap();
    assert_eq!(b.0.ring().mem().load(Word::Rx), 32);
}

#[test]
fn a_dropped_socket_leaves_no_ring() {
    let (hub, a, b) = two();
    drop((a, b));
    assert_eq!(hub.rings(), 0);
}
