//! How connections come about, and how they do not.

mod common;

use common::*;
use v4v_ring::layout::event;
use v4v_ring::{Addr, DomId, RingMem};
use v4v_sock::frame::{Request, kind};
use v4v_sock::limits::{CONN_RING_MAX, CONN_RING_MIN};
use v4v_sock::testing::Hub;
use v4v_sock::{Connector, Errno, Listener, Platform, SocketKind};

const STREAM: SocketKind = SocketKind::Stream;

#[test]
fn a_handshake_leaves_both_sides_with_each_others_address() {
    let (hub, client, server) = streams();
    assert_eq!(client.conn.remote(), TO);
    assert_eq!(server.conn.local(), TO);
    assert_eq!(client.conn.local(), server.conn.remote());
    assert_eq!(client.conn.local().domain, DomId(CLIENT));
    assert_eq!(hub.rings(), 2);
}

#[test]
fn a_bound_connector_keeps_its_port() {
    let hub = Hub::new();
    let mut door = listen(&hub, STREAM, 1);
    let mut guest = Connector::start(hub.domain(CLIENT), TO, options(STREAM), Some(700)).unwrap();
    door.service();
    assert_eq!(guest.progress().unwrap().conn.local().port, 700);
    assert_eq!(
        door.accept().unwrap().conn.remote(),
        Addr::new(DomId(CLIENT), 700)
    );
}

#[test]
fn without_listener_connect_is_refused_at_once_and_leaves_nothing() {
    let hub = Hub::new();
    assert_eq!(start(&hub, STREAM).err(), Some(Errno::CONNREFUSED));
    assert_eq!(hub.rings(), 0);
}

#[test]
fn connect_completes_before_accept_and_data_waits_for_it() {
    let hub = Hub::new();
    let mut door = listen(&hub, STREAM, 4);
    let mut guest = start(&hub, STREAM).unwrap();
    door.service();
    let mut client = guest.progress().unwrap();
    assert_eq!(send(&mut client, b"early"), Ok(5));
    let mut server = door.accept().unwrap();
    assert_eq!(recv(&mut server, 9).unwrap(), b"early");
}

#[test]
fn the_backlog_holds_connectors_back_and_accept_lets_the_next_in() {
    let hub = Hub::new();
    let mut door = listen(&hub, STREAM, 2);
    let mut guests: Vec<_> = (0..3).map(|_| start(&hub, STREAM).unwrap()).collect();
    door.service();
    assert_eq!(door.waiting(), 2);
    let outcome: Vec<_> = guests.iter_mut().map(|g| g.progress().map(|_| ())).collect();
    assert_eq!(outcome, [Ok(()), Ok(()), Err(Errno::AGAIN)]);
    door.accept().unwrap();
    assert_eq!(guests[2].progress().map(|_| ()), Ok(()));
    assert_eq!((0..3).map_while(|_| door.accept().ok()).count(), 2);
}

#[test]
fn a_full_listeners_ring_makes_connectors_wait_not_fail() {
    let hub = Hub::new();
    let mut door = listen(&hub, STREAM, 4096);
    let mut guests: Vec<_> = (0..400).map(|_| start(&hub, STREAM).unwrap()).collect();
    assert!(guests.iter().any(|g| !g.requested()));
    for _ in 0..20 {
        door.service();
        guests.retain_mut(|g| g.progress().err() == Some(Errno::AGAIN));
    }
    assert_eq!((guests.len(), door.waiting()), (0, 400));
}

#[test]
fn one_call_of_service_is_bounded() {
    let hub = Hub::new();
    let mut door = listen(&hub, STREAM, 4096);
    let _guests: Vec<_> = (0..100).map(|_| start(&hub, STREAM).unwrap()).collect();
    assert!(door.service());
    assert_eq!(door.waiting(), v4v_sock::limits::REQUESTS_PER_CALL);
    assert!(!door.service());
}

#[test]
fn closing_the_listener_refuses_those_that_wait_and_resets_the_unaccepted() {
    let hub = Hub::new();
    let mut door = listen(&hub, STREAM, 1);
    let (mut first, mut second) = (start(&hub, STREAM).unwrap(), start(&hub, STREAM).unwrap());
    door.service();
    let mut client = first.progress().unwrap();
    drop(door);
    assert_eq!(second.progress().err(), Some(Errno::CONNREFUSED));
    assert_eq!(recv(&mut client, 1), Err(Errno::CONNRESET));
    drop(client);
    assert_eq!(hub.rings(), 0);
}

#[test]
fn a_listener_that_closes_right_after_accept_leaves_the_connection_alone() {
    let hub = Hub::new();
    let mut door = listen(&hub, STREAM, 1);
    let mut guest = start(&hub, STREAM).unwrap();
    let mut server = door.accept().unwrap();
    drop(door);
    let mut client = guest.progress().unwrap();
    assert_eq!(recv(&mut client, 1), Err(Errno::AGAIN));
    send(&mut server, b"x").unwrap();
    assert_eq!(recv(&mut client, 1).unwrap(), b"x");
}

#[test]
fn a_server_that_answers_and_closes_before_the_connector_looks_is_heard() {
    let hub = Hub::new();
    let mut door = listen(&hub, STREAM, 1);
    let mut guest = start(&hub, STREAM).unwrap();
    let mut server = door.accept().unwrap();
    send(&mut server, b"bye").unwrap();
    close(server);
    let mut client = guest.progress().unwrap();
    assert_eq!(recv(&mut client, 9).unwrap(), b"bye");
    assert_eq!(recv(&mut client, 9).unwrap(), b"");
    assert_eq!(send(&mut client, b"x"), Err(Errno::PIPE));
}

#[test]
fn a_server_that_accepts_and_resets_before_the_connector_looks_is_noticed() {
    let hub = Hub::new();
    let mut door = listen(&hub, STREAM, 1);
    let mut guest = start(&hub, STREAM).unwrap();
    let mut server = door.accept().unwrap();
    send(&mut server, b"bye").unwrap();
    server.conn.abort();
    let mut client = guest.progress().unwrap();
    assert_eq!(recv(&mut client, 9).unwrap(), b"bye");
    assert!(client.rx.readable(&client.conn), "a reader would sleep for ever");
    assert_eq!(recv(&mut client, 9), Err(Errno::CONNRESET));
    assert_eq!(recv(&mut client, 9).unwrap(), b"");
}

#[test]
fn a_listener_whose_domain_dies_refuses() {
    let hub = Hub::new();
    let door = listen(&hub, STREAM, 1);
    let mut guest = start(&hub, STREAM).unwrap();
    hub.kill(DomId(SERVER));
    assert_eq!(guest.progress().err(), Some(Errno::CONNREFUSED));
    assert_eq!(guest.progress().err(), Some(Errno::CONNABORTED));
    drop(door);
    assert_eq!(hub.rings(), 0);
}

#[test]
fn a_connector_that_gave_up_costs_the_listener_nothing() {
    let hub = Hub::new();
    let mut door = listen(&hub, STREAM, 1);
    drop(start(&hub, STREAM).unwrap());
    assert_eq!(door.accept().err(), Some(Errno::AGAIN));
    assert_eq!(hub.rings(), 1);
}

#[test]
fn a_socket_of_another_type_is_rejected_by_name() {
    let hub = Hub::new();
    let mut door = listen(&hub, SocketKind::SeqPacket, 1);
    let mut guest = start(&hub, STREAM).unwrap();
    door.service();
    assert_eq!(guest.progress().err(), Some(Errno::PROTOTYPE));
    assert_eq!(hub.rings(), 1);
}

#[test]
fn a_datagram_socket_rejects_a_connector() {
    let hub = Hub::new();
    let (socket, mut rx) = v4v_sock::Datagram::bind(hub.domain(SERVER), PORT, 4032).unwrap();
    let mut guest = start(&hub, STREAM).unwrap();
    assert!(!rx.poll(&socket).input);
    assert_eq!(guest.progress().err(), Some(Errno::PROTOTYPE));
}

#[test]
fn another_version_is_rejected_by_name() {
    let hub = Hub::new();
    let mut door = listen(&hub, STREAM, 1);
    let platform = hub.domain(CLIENT);
    let ring =
        v4v_sock::OwnRing::register_private(platform.clone(), DomId(SERVER), CONN_RING_MIN, Some(PORT))
            .unwrap();
    let port = ring.id().port;
    let request = Request {
        version: 9,
        least: 8,
        kind: 1,
        port: 7,
        ring: port,
        ring_len: CONN_RING_MIN,
        cookie: 5,
    };
    platform
        .send_message(port, TO, kind::REQUEST, &[&request.encode()])
        .unwrap();
    door.service();
    let message = v4v_ring::Consumer::new().peek(ring.mem()).unwrap().unwrap();
    let mut body = [0; 16];
    message.copy(ring.mem(), 0, 16, &mut &mut body[..]).unwrap();
    let reject = v4v_sock::frame::Reject::decode(&body).unwrap();
    assert_eq!((message.kind, message.source), (kind::REJECT, TO));
    assert_eq!(
        (reject.version, reject.least, reject.reason, reject.cookie),
        (1, 1, 1, 5)
    );
}

#[test]
fn a_connector_that_speaks_more_versions_gets_the_common_one() {
    assert_eq!(v4v_sock::frame::common_version(9, 1), Some(1));
    assert_eq!(v4v_sock::frame::common_version(9, 2), None);
    assert_eq!(v4v_sock::frame::common_version(0, 0), None);
}

#[test]
fn impossible_options_and_addresses_are_invalid() {
    let hub = Hub::new();
    let _door = listen(&hub, STREAM, 1);
    let attempt = |to, kind, ring_len| {
        let options = v4v_sock::connect::ConnOptions { kind, ring_len };
        Connector::start(hub.domain(CLIENT), to, options, None).err()
    };
    let bad = Some(Errno::INVAL);
    assert_eq!(attempt(TO, SocketKind::Datagram, CONN_RING_MIN), bad);
    assert_eq!(attempt(TO, STREAM, CONN_RING_MIN - 16), bad);
    assert_eq!(attempt(TO, STREAM, CONN_RING_MIN + 1), bad);
    assert_eq!(attempt(TO, STREAM, CONN_RING_MAX + 16), bad);
    assert_eq!(attempt(Addr::new(DomId::ANY, 5), STREAM, CONN_RING_MIN), bad);
    assert_eq!(attempt(Addr::new(DomId(SERVER), 0), STREAM, CONN_RING_MIN), bad);
    assert_eq!(
        attempt(Addr::new(DomId(SERVER), 1 << 31), STREAM, CONN_RING_MIN),
        bad
    );
    assert_eq!(hub.rings(), 1);
}

#[test]
fn two_listeners_cannot_share_a_port() {
    let hub = Hub::new();
    let _door = listen(&hub, STREAM, 1);
    let second = Listener::listen(hub.domain(SERVER), PORT, 1, options(STREAM));
    assert_eq!(second.err(), Some(Errno::ADDRINUSE));
    let datagram = v4v_sock::Datagram::bind(hub.domain(SERVER), PORT, 4032);
    assert_eq!(datagram.err(), Some(Errno::ADDRINUSE));
}

#[test]
fn waiting_arms_the_event_word_and_looks_again() {
    let hub = Hub::new();
    let mut door = listen(&hub, STREAM, 1);
    assert_eq!(
        door.before_sleep(event::SLEEPS),
        Some(event::SUPPRESS | event::SLEEPS)
    );
    let mut guest = start(&hub, STREAM).unwrap();
    assert_eq!(door.before_sleep(event::POLLS), None);
    assert!(guest.before_sleep(event::POLLS).is_some());
    door.service();
    assert_eq!(guest.before_sleep(event::POLLS), None);
    // With a full backlog a further request does not wake the listener.
    let _second = start(&hub, STREAM).unwrap();
    assert!(door.before_sleep(event::SLEEPS).is_some());
    assert!(door.ring().mem().load(v4v_ring::Word::Event) & event::SLEEPS != 0);
}

#[test]
fn connections_that_the_home_holds_count_as_the_backlogs() {
    let hub = Hub::new();
    let mut door = listen(&hub, STREAM, 2);
    let _guests: Vec<_> = (0..3).map(|_| start(&hub, STREAM).unwrap()).collect();
    assert!(door.answer_one() && door.take().is_some() && door.take().is_none());
    door.hold(1);
    assert!(door.answer_one());
    let second = door.take().expect("one more has room");
    door.hold(2);
    assert!(!door.answer_one(), "the third has to wait");
    assert!(door.before_sleep(event::SLEEPS).is_some());
    drop(second);
    door.hold(1);
    assert_eq!(door.before_sleep(event::SLEEPS), None, "there is room again");
    assert!(door.answer_one() && door.take().is_some());
}

#[test]
fn a_domain_can_connect_to_itself() {
    let hub = Hub::new();
    let mut door = listen(&hub, STREAM, 1);
    let mut guest = Connector::start(hub.domain(SERVER), TO, options(STREAM), None).unwrap();
    let mut server = door.accept().unwrap();
    let mut client = guest.progress().unwrap();
    send(&mut client, b"me").unwrap();
    assert_eq!(recv(&mut server, 9).unwrap(), b"me");
    close(client);
    assert_eq!(recv(&mut server, 9).unwrap(), b"");
}
