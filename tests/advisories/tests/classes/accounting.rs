//! What is counted must be counted back on every way out, and a call that fails must leave things as they were.

use v4v_advisories::{Home, connect, listen, recv, send, streams};
use v4v_hv::abi::FLAG_FAIL_EXIST;
use v4v_hv::abi::setup_flags::SET_WATCH;
use v4v_hv::testing::{TestHost, domains};
use v4v_hv::{DomId, Errno, Params};
use v4v_ring::layout::state;
use v4v_ring::{RingMem, Word};

const RINGS: u32 = 4;

/// Upstream Argo counts a ring anew each time it is registered again, so that after 128 times its domain has no ring left. Here
/// successes, failures of every kind and unregistrations alternate; afterwards exactly the rings of the limit can be had.
#[test]
fn ring_count_leak() {
    let params = Params {
        enabled: true,
        mac_permissive: true,
        max_rings: RINGS,
    };
    let hv = TestHost::boot_with(params);
    let [a, b] = domains(&hv, [1, 2]);
    hv.host().spoil_frame(a.id, 99, Errno::INVAL);
    for round in 0..300_u32 {
        assert_eq!(a.register(1, b.id, 64), 0, "round {round}");
        assert_eq!(a.register_on(2, b.id, 64, 99, 0), Errno::INVAL.to_return());
        assert_eq!(a.register_on(1, b.id, 64, 99, 0), Errno::INVAL.to_return());
        assert_eq!(
            a.register_on(1, b.id, 64, 7, FLAG_FAIL_EXIST),
            Errno::EXIST.to_return()
        );
        assert_eq!(a.register(1, b.id, 80), Errno::EXIST.to_return());
        assert_eq!(a.register(1, DomId(9), 64), Errno::SRCH.to_return());
        for allocation in 0..3 {
            hv.host().fail_allocation(Some(allocation));
            assert_eq!(a.register(3, b.id, 64), Errno::NOMEM.to_return());
        }
        hv.host().fail_allocation(None);
        assert_eq!(a.register(3, b.id, 64), 0);
        assert_eq!(a.unregister(3, b.id), 0);
        assert_eq!(a.unregister(3, b.id), Errno::NOENT.to_return());
    }
    let more = (10..).take_while(|port| a.register(*port, b.id, 64) == 0).count();
    assert_eq!(more, RINGS as usize - 1);
    hv.domain_destroy(a.id);
    hv.domain_destroy(b.id);
    assert_eq!((hv.host().live(), hv.host().mappings()), (0, 0));
}

/// XSA-224 (CVE-2017-10920): counts of a grant and of its mappings part where an operation half fails. A registration that
/// fails leaves the old ring's pages, its messages, its waiting sender and its watch as they were: each of them still works.
#[test]
fn a_failed_registration_changes_nothing() {
    let hv = TestHost::boot();
    let [a, b] = domains(&hv, [1, 2]);
    assert_eq!(a.register(70, b.id, 64), 0);
    assert_eq!(b.register(80, a.id, 64), 0);
    assert_eq!(b.set(80, a.id, SET_WATCH, 70), 0);
    assert_eq!(a.send(b.id, 80, &[5; 32]), 32);
    assert_eq!(a.send(b.id, 80, b"waits"), Errno::AGAIN.to_return());
    hv.host().spoil_frame(b.id, 99, Errno::PERM);
    hv.host().happened();
    assert_eq!(b.register_on(80, a.id, 64, 99, 0), Errno::PERM.to_return());
    assert_eq!(
        hv.host().happened(),
        [],
        "nobody was told of a registration that was none"
    );
    assert_eq!(hv.host().mappings(), 2);
    let mut reader = b.reader(80, a.id);
    assert_eq!(reader.take().expect("the old message").payload, [5; 32]);
    b.notify();
    assert_eq!(hv.host().signalled(), [a.id], "the sender that waited");
    assert_eq!(a.unregister(70, b.id), 0);
    assert_eq!(b.mem(80, a.id).load(Word::State), state::PEER_GONE, "the watch");
}

/// CVE-2026-46214 (vsock): each connection that fails half-way takes a place of the listener's backlog for ever, until nobody can
/// connect. Here the listener's domain has no ring left for the second connection, a hundred times.
#[test]
fn backlog_leak_on_a_failed_accept() {
    // The listener's ring and one connection's.
    let [client, server] = Home::boot_with_rings(2, [1, 2]);
    let mut door = listen(&server, 8);
    let mut first = connect(&client, &server).expect("somebody listens");
    let mut accepted = door.accept().expect("one ring is left");
    let mut kept = first.progress().expect("accepted");
    for _ in 0..100 {
        let mut guest = connect(&client, &server);
        door.service();
        let outcome = guest
            .as_mut()
            .map_or_else(|e| Some(*e), |guest| guest.progress().err());
        assert_eq!(outcome, Some(v4v_sock::Errno::CONNREFUSED));
        assert_eq!((door.waiting(), server.rings(), client.rings()), (0, 2, 1));
    }
    send(&mut kept, b"still").expect("room");
    assert_eq!(recv(&mut accepted, 9).expect("bytes"), b"still");
    drop((accepted, kept));
    let mut guest = connect(&client, &server).expect("somebody listens");
    door.service();
    assert!(guest.progress().is_ok() && door.waiting() == 1);
}

/// CVE-2021-26932 (grant mapping in batches): what follows a failed part is neither undone nor known. A connection that is given
/// up at any of its steps, by any of its hypercalls failing, leaves both domains without a ring.
#[test]
fn every_failing_step_of_a_connection_leaves_nothing() {
    let mut failures = 0;
    for n in 0.. {
        let [a, b] = Home::boot([1, 2]);
        let mut door = listen(&b, 1);
        a.host().fail_allocation(Some(n));
        let outcome = connect(&a, &b).and_then(|mut guest| {
            door.service();
            guest.progress()
        });
        let due = a.host().failure_is_due();
        a.host().fail_allocation(None);
        failures += u32::from(outcome.is_err());
        drop((outcome, door));
        assert_eq!((a.rings(), b.rings()), (0, 0), "allocation {n}");
        if due {
            assert!(failures > 4, "{failures}");
            let (_client, _server) = streams(&a, &b);
            return;
        }
    }
}
