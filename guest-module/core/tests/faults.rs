//! The n-th call to the platform fails: nothing leaks, and what can go on goes on.

mod common;

use common::*;
use v4v_ring::DomId;
use v4v_sock::limits::PORT_TRIES;
use v4v_sock::testing::Hub;
use v4v_sock::{Connector, Datagram, Errno, Listener, OwnRing, SocketKind};

const STREAM: SocketKind = SocketKind::Stream;
/// More calls than any operation here makes.
const CALLS: usize = 8;

#[test]
fn a_failing_connector_leaves_nothing() {
    let mut outcomes = Vec::new();
    for n in 0..CALLS {
        let hub = Hub::new();
        let mut door = listen(&hub, STREAM, 1);
        let platform = hub.domain(CLIENT);
        platform.fail_after(n);
        let outcome = Connector::start(platform, TO, options(STREAM), None).and_then(|mut guest| {
            door.service();
            guest.progress()
        });
        outcomes.push(outcome.as_ref().err().copied());
        drop(outcome);
        assert_eq!(hub.rings_of(DomId(CLIENT)).len(), 0);
        if let Ok(mut server) = door.accept() {
            assert!(recv(&mut server, 1).is_err());
        }
        drop(door);
        assert_eq!(hub.rings(), 0);
    }
    // register, send, watch, open; then it holds.
    let no = Some(Errno::NOMEM);
    assert_eq!(outcomes, [no, no, no, no, None, None, None, None]);
}

#[test]
fn a_failing_listener_tells_the_connector_and_serves_the_next() {
    for n in 0..2 {
        let hub = Hub::new();
        let platform = hub.domain(SERVER);
        let mut door = Listener::listen(platform.clone(), PORT, 4, options(STREAM)).unwrap();
        let mut guest = start(&hub, STREAM).unwrap();
        platform.fail_after(n);
        door.service();
        platform.heal();
        assert_eq!(door.waiting(), 0);
        assert_eq!(hub.rings_of(DomId(SERVER)).len(), 1);
        // Where even the rejection failed, the attempt ends with the listener or the home's patience.
        let answer = guest.progress().err().unwrap();
        assert!(answer == Errno::CONNREFUSED || answer == Errno::AGAIN);
        let mut next = start(&hub, STREAM).unwrap();
        door.service();
        assert!(next.progress().is_ok());
    }
}

#[test]
fn a_listener_or_datagram_socket_that_cannot_register_is_no_more() {
    let hub = Hub::new();
    let platform = hub.domain(SERVER);
    platform.fail_after(0);
    assert_eq!(
        Listener::listen(platform.clone(), PORT, 1, options(STREAM)).err(),
        Some(Errno::NOMEM)
    );
    assert_eq!(Datagram::bind(platform, PORT, 4032).err(), Some(Errno::NOMEM));
    assert_eq!(hub.rings(), 0);
}

#[test]
fn a_taken_ring_port_is_tried_again_and_given_up_in_the_end() {
    let register = |hub: &Hub| OwnRing::register_private(hub.domain(SERVER), DomId(CLIENT), 4032, None);
    // Every hub has the same random numbers.
    let rehearsal = Hub::new();
    let taken: Vec<_> = (0..PORT_TRIES).map(|_| register(&rehearsal).unwrap()).collect();
    for n in 1..=PORT_TRIES {
        let hub = Hub::new();
        let occupy =
            |ring: &OwnRing<_>| OwnRing::register(hub.domain(SERVER), ring.id(), 4032, None).unwrap();
        let _occupied: Vec<_> = taken[..n].iter().map(occupy).collect();
        let outcome = register(&hub);
        assert_eq!(outcome.err(), (n == PORT_TRIES).then_some(Errno::ADDRINUSE));
        assert_eq!(hub.rings(), n);
    }
}

#[test]
fn dropping_any_part_at_any_point_leaves_no_ring() {
    for point in 0..5 {
        let hub = Hub::new();
        let mut door = listen(&hub, STREAM, 1);
        let mut guest = start(&hub, STREAM).unwrap();
        if point > 0 {
            door.service();
        }
        let client = if point > 1 { guest.progress().ok() } else { None };
        let server = if point > 2 { door.accept().ok() } else { None };
        match point % 2 {
            0 => drop((door, server, guest, client)),
            _ => drop((client, guest, server, door)),
        }
        assert_eq!(hub.rings(), 0);
    }
}
