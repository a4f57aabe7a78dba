//! A ring that goes away under a sleeper: whoever waits for space in it is woken, and told what happened.

mod common;

use std::rc::Rc;

use common::{LISTEN, STREAM, recv, send, stream};
use v4v_ring::layout::{event, space};
use v4v_ring::{Addr, DomId};
use v4v_sock::limits::CONN_RING_MIN;
use v4v_sock::{Connector, Datagram, Errno, Established, Listener};
use v4v_world::{Flavour, Home, Machine, On, World};

const CLIENT: DomId = DomId(2);
const SERVER: DomId = DomId(1);

fn machines() -> impl Iterator<Item = (Rc<Machine>, Home, Home)> {
    Flavour::ALL.into_iter().map(|flavour| {
        let world = World::new(flavour, 0, [SERVER.0, CLIENT.0]);
        let machine = Rc::clone(world.machine());
        let (client, server) = (machine.process(CLIENT), machine.process(SERVER));
        (machine, client, server)
    })
}

/// Sends until nothing fits, and sleeps until there is space.
fn sleep_on_a_full_ring(end: &mut Established<Home>) -> Vec<On> {
    while send(end, &[7; 500]).is_ok() {}
    let word = end
        .tx
        .before_sleep(&end.conn, space::SLEEPS)
        .expect("the ring is full");
    vec![On::space(&end.tx, word)]
}

/// A sender that sleeps, and what `end` does to its peer; then its two next sends.
fn after(end: impl Fn(&Machine, &Home, Established<Home>)) -> Vec<[Result<usize, Errno>; 2]> {
    machines()
        .map(|(machine, client, server)| {
            let [mut sender, peer] = stream(&client, &server);
            let asleep = sleep_on_a_full_ring(&mut sender);
            machine.hush();
            assert!(!machine.ends(CLIENT, &asleep), "nothing happened");
            end(&machine, &server, peer);
            assert!(machine.ends(CLIENT, &asleep), "{:?} sleeps on", machine.flavour());
            let sends = [send(&mut sender, b"x"), send(&mut sender, b"x")];
            drop((sender, asleep));
            machine.assert_empty();
            sends
        })
        .collect()
}

const RESET: [Result<usize, Errno>; 2] = [Err(Errno::CONNRESET), Err(Errno::PIPE)];

#[test]
fn a_sender_learns_that_its_peer_closed_with_bytes_unread() {
    assert_eq!(
        after(|_, _, mut peer| peer.close().expect("a reset needs no room")),
        [RESET; 3]
    );
}

#[test]
fn a_sender_learns_that_its_peer_closed_after_a_farewell() {
    let farewell = |_: &Machine, _: &Home, mut peer: Established<Home>| {
        assert!(peer.tx.shutdown(&peer.conn).is_ok());
        while recv(&mut peer, 4000).is_ok() {}
        peer.close().expect("FIN was sent");
    };
    // The sender may have seen that there is space before it sees that nobody reads; it is woken either way.
    assert_eq!(after(farewell), [[Err(Errno::PIPE); 2]; 3]);
}

#[test]
fn a_sender_learns_that_its_peers_program_was_killed() {
    assert_eq!(after(|machine, server, _peer| machine.kill(server)), [RESET; 3]);
}

#[test]
fn a_sender_learns_that_its_peers_domain_was_destroyed() {
    let destroy = |machine: &Machine, _: &Home, peer: Established<Home>| {
        machine.destroy(SERVER);
        drop(peer);
    };
    assert_eq!(after(destroy), [RESET; 3]);
}

#[test]
fn a_datagram_sender_that_waits_for_room_is_refused() {
    for (machine, client, server) in machines() {
        let (receiver, _rx) = Datagram::bind(server, LISTEN, CONN_RING_MIN).expect("a free port");
        let (sender, _) = Datagram::bind(client.clone(), LISTEN, CONN_RING_MIN).expect("a free port");
        let to = Some(Addr::new(SERVER, LISTEN));
        while sender.send(to, &[&[7; 500]]) != Err(Errno::AGAIN) {}
        machine.hush();
        drop(receiver);
        // Hosted, it naps and tries again.
        assert_eq!(
            machine.ends(CLIENT, &[On::room(&client)]),
            machine.flavour() != Flavour::Hosted
        );
        assert_eq!(sender.send(to, &[b"x"]), Err(Errno::CONNREFUSED));
    }
}

#[test]
fn a_connector_that_waits_for_room_is_refused() {
    for (machine, client, server) in machines() {
        let listener = Listener::listen(server, LISTEN, 1, STREAM).expect("a free port");
        let start = || Connector::start(client.clone(), Addr::new(SERVER, LISTEN), STREAM, None);
        let mut connectors = Vec::new();
        let mut last = loop {
            let connector = start().expect("somebody listens");
            if !connector.requested() {
                break connector;
            }
            connectors.push(connector);
        };
        let word = last.before_sleep(event::SLEEPS).expect("no answer yet");
        let ring = last.ring().expect("it connects");
        let asleep = [On::data(ring, word), On::room(&client)];
        machine.hush();
        drop(listener);
        assert!(machine.ends(CLIENT, &asleep), "{:?} sleeps on", machine.flavour());
        assert_eq!(last.progress().err(), Some(Errno::CONNREFUSED));
        for mut connector in connectors {
            assert_eq!(connector.progress().err(), Some(Errno::CONNREFUSED));
        }
        drop(asleep);
        machine.assert_empty();
    }
}
