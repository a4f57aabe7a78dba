//! Who speaks: the hypervisor's word, for the domain that is meant and for no later one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use v4v_advisories::{Home, connect, listen, recv, send, streams};
use v4v_hv::testing::interleave;
use v4v_hv::{Addr, Errno};
use v4v_ring::DomId;
use v4v_ring::layout::event;
use v4v_sock::frame::{Request, kind};
use v4v_sock::limits::CONN_RING_MIN;
use v4v_sock::{Platform, RingId, SocketKind};

/// A transport that lets its user write the source address lets any domain speak for any other. Here a third domain tries all
/// that it can say: a false source, the connection's own ports, a request in the name of another's ring.
#[test]
fn forged_source_domain() {
    let [a, b, c] = Home::boot([1, 2, 3]);
    let mut door = listen(&b, 4);
    let mut guest = connect(&a, &b).expect("somebody listens");
    let mut server = door.accept().expect("a request");
    let mut client = guest.progress().expect("accepted");
    let (a_ring, b_ring) = (client.conn.ring().id().port, server.conn.ring().id().port);

    c.guest
        .put_addr(Addr::new(a.guest.id, a_ring), Addr::new(b.guest.id, b_ring));
    assert_eq!(
        c.guest.call(v4v_hv::abi::OP_SENDV, 0x1000, 0, 0, 0),
        Errno::PERM.to_return()
    );
    let to = Addr::new(b.guest.id, b_ring);
    let refused = Err(v4v_sock::Errno::CONNREFUSED);
    assert_eq!(c.send_message(a_ring, to, kind::DATA, &[b"forged"]), refused);
    assert_eq!(c.send_message(a_ring, to, kind::FIN, &[]), refused);

    let request = Request {
        version: 1,
        least: 1,
        kind: SocketKind::Stream as u16,
        port: 70_000,
        ring: a_ring,
        ring_len: CONN_RING_MIN,
        cookie: 1,
    };
    let listener = Addr::new(b.guest.id, 5000);
    c.send_message(a_ring, listener, kind::REQUEST, &[&request.encode()])
        .expect("any domain may ask");
    door.service();
    assert_eq!(
        (door.waiting(), b.rings()),
        (0, 2),
        "the ring of that port is A's, not C's"
    );

    send(&mut client, b"true").expect("room");
    assert_eq!(recv(&mut server, 9).expect("bytes"), b"true");
    assert_eq!(recv(&mut server, 9), Err(v4v_sock::Errno::AGAIN));
}

/// XSA-322: a new domain gets the id of a dead one and inherits what that was allowed. Here B dies and another domain B comes
/// with all the same ports: it can neither speak into the old connection nor be sent what was meant for the dead.
#[test]
fn stale_domain_id_reuse() {
    let [a, b] = Home::boot([1, 2]);
    let (mut client, server) = streams(&a, &b);
    let (a_ring, b_ring) = (client.conn.ring().id(), server.conn.ring().id());
    // The old B leaves no farewell.
    std::mem::forget(server);
    a.guest.hv.domain_destroy(b.guest.id);
    let [reborn] = Home::on(&a.guest.hv, [2]);

    let refused = Err(v4v_sock::Errno::CONNREFUSED);
    let to = Addr::new(a.guest.id, a_ring.port);
    assert_eq!(
        reborn.send_message(b_ring.port, to, kind::DATA, &[b"ghost"]),
        refused
    );
    assert_eq!(reborn.send_message(b_ring.port, to, kind::FIN, &[]), refused);
    let ring = reborn.register(
        RingId {
            port: b_ring.port,
            partner: a.guest.id,
        },
        CONN_RING_MIN,
        None,
    );
    assert!(ring.is_ok(), "the new domain may use any port");
    assert_eq!(send(&mut client, b"secret"), Err(v4v_sock::Errno::CONNRESET));
    let mut in_ring = 0;
    a.guest
        .hv
        .for_each_ring(reborn.guest.id, |ring| in_ring += ring.messages);
    assert_eq!(in_ring, 0);
    assert_eq!(
        recv(&mut client, 9),
        Ok(vec![]),
        "the end, after the error was told"
    );

    let (mut client, mut server) = streams(&a, &reborn);
    send(&mut client, b"hello").expect("room");
    assert_eq!(recv(&mut server, 9).expect("bytes"), b"hello");
}

/// The same for the hypervisor's own lists: a domain waits for space, dies, and its namesake comes, at each point of the notify
/// that tells the waiter. The namesake waits for nothing, and a waiter that was taken off the list but not told yet is looked up
/// once more.
#[test]
fn stale_domain_id_in_a_list_of_waiters() {
    let mut spared = 0;
    for at in 0.. {
        let [a, b] = Home::boot([1, 2]);
        let (hv, id) = (Arc::clone(&a.guest.hv), a.guest.id);
        assert_eq!(b.guest.register(80, DomId::ANY, 64), 0);
        assert_eq!(a.guest.send(b.guest.id, 80, &[0; 32]), 32);
        assert_eq!(a.guest.send(b.guest.id, 80, b"x"), Errno::AGAIN.to_return());
        let (owner, off_the_list) = (b.guest.id, Arc::new(AtomicBool::new(false)));
        let noted = Arc::clone(&off_the_list);
        let reborn = move || {
            let mut waiting = 0;
            hv.for_each_ring(owner, |ring| waiting += ring.pending);
            noted.store(
                waiting == 0 && hv.host().signalled().is_empty(),
                Ordering::Relaxed,
            );
            hv.domain_destroy(id);
            hv.domain_create(id).expect("its id is free");
        };
        b.guest.reader(80, DomId::ANY).take();
        b.host().happened();
        let (_, ran) = interleave(at, reborn, || b.guest.notify());
        let told = b.host().signalled();
        if !ran {
            assert!(spared > 0 && told == [id], "nobody died: the waiter is told");
            return;
        }
        spared += u32::from(off_the_list.load(Ordering::Relaxed) && told.is_empty());
        b.guest
            .hv
            .for_each_ring(owner, |ring| assert_eq!(ring.pending, 0, "at {at}"));
        b.guest.notify();
        assert_eq!(b.host().signalled(), [], "at {at}");
    }
}

/// vsock lets a connect to nobody run into its time-out. A message to a ring that does not exist, or no longer, is refused at
/// once, is kept nowhere, and wakes nobody.
#[test]
fn message_to_an_unregistered_ring() {
    let [a, b] = Home::boot([1, 2]);
    assert_eq!(connect(&a, &b).err(), Some(v4v_sock::Errno::CONNREFUSED));
    assert_eq!(a.rings(), 0);
    let (mut client, mut server) = streams(&a, &b);
    assert!(server.rx.before_sleep(&server.conn, event::SLEEPS).is_some());
    let (port, mappings) = (server.conn.ring().id().port, a.host().mappings());
    server.conn.ring().unregister();
    a.host().happened();
    let to = Addr::new(b.guest.id, port);
    for kind in [kind::DATA, kind::FIN, kind::REQUEST, kind::DGRAM, 0] {
        assert_eq!(
            a.send_message(1, to, kind, &[b"late"]),
            Err(v4v_sock::Errno::CONNREFUSED)
        );
        assert_eq!(a.guest.ask(to, 1), (0, 0, 0xAAAA_AAAA));
    }
    assert_eq!(a.host().signalled(), []);
    assert!(a.host().mappings() < mappings);
    assert_eq!(send(&mut client, b"late"), Err(v4v_sock::Errno::CONNRESET));
    assert_eq!(
        recv(&mut server, 9),
        Err(v4v_sock::Errno::AGAIN),
        "nothing came into the old pages"
    );
}
