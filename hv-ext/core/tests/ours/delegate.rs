//! Rings that their partner fills itself.

use crate::{err, pair};
use v4v_hv::abi::ring_flags as flag;
use v4v_hv::abi::setup_flags::SET_WATCH;
use v4v_hv::testing::{Guest, Happened, Question, domains};
use v4v_hv::{Addr, DomId, Errno, RingId};
use v4v_ring::layout::{event, space, state};
use v4v_ring::{Producer, RingMem, Word};

/// B has a ring of 128 bytes for A at port 80.
fn to_ring() -> ([Guest; 2], RingId) {
    let [a, b] = pair();
    assert_eq!(b.register(80, a.id, 128), 0);
    let ring = b.ring(80, a.id);
    ([a, b], ring)
}

fn refused(a: &Guest, ring: RingId) -> Errno {
    a.hv.delegate(ring).err().expect("refused")
}

#[test]
fn the_partner_goes_on_where_the_hypervisor_stopped() {
    let ([a, b], ring) = to_ring();
    assert_eq!(a.send(b.id, 80, b"one"), 3);
    let mem = a.hv.delegate(ring).expect("a ring");
    let mut producer = Producer::attach(&mem);
    producer
        .insert(&mem, Addr::new(a.id, 9), 7, 3, &mut &b"two"[..])
        .expect("room");
    let mut reader = b.reader(80, a.id);
    assert_eq!(reader.take().expect("a message").payload, b"one");
    assert_eq!(reader.take().expect("a message").payload, b"two");
    assert!(a.hv.delegate(ring).is_ok(), "another process of the partner");
}

#[test]
fn sendv_to_a_delegated_ring_is_ebusy_and_queues_nothing() {
    let ([a, b], ring) = to_ring();
    a.hv.delegate(ring).expect("a ring");
    assert_eq!(a.send(b.id, 80, b"x"), err(Errno::BUSY));
    assert_eq!(
        a.send_iovs(b.id, 80, &[(Guest::DATA, 1, 1)]),
        err(Errno::INVAL),
        "what is malformed stays so"
    );
    assert_eq!(a.ask(Addr::new(b.id, 80), 1), (0, flag::EXISTS | flag::EBUSY, 96));
    a.hv.for_each_ring(b.id, |ring| assert!(ring.delegated && ring.pending == 0));
}

#[test]
fn delegate_checks_in_this_order() {
    let ([a, b], ring) = to_ring();
    let nobody = DomId(99);
    assert_eq!(
        refused(
            &a,
            RingId {
                partner: DomId::ANY,
                ..ring
            }
        ),
        Errno::INVAL
    );
    assert_eq!(
        refused(
            &a,
            RingId {
                owner: nobody,
                ..ring
            }
        ),
        Errno::SRCH
    );
    assert_eq!(refused(&a, RingId { port: 81, ..ring }), Errno::CONNREFUSED);
    assert_eq!(b.register(82, DomId::ANY, 64), 0);
    assert_eq!(
        refused(&a, RingId { port: 82, ..ring }),
        Errno::CONNREFUSED,
        "a wildcard ring is nobody's"
    );
    assert_eq!(
        refused(
            &a,
            RingId {
                partner: nobody,
                ..ring
            }
        ),
        Errno::NODEV
    );
    a.hv.host()
        .deny(Question::Send(a.id, Addr::new(b.id, 80)), Errno::ACCES);
    assert_eq!(refused(&a, ring), Errno::ACCES);
    a.hv.host().deny(Question::Send(a.id, Addr::new(b.id, 80)), None);
    a.hv.domain_destroy(b.id);
    assert_eq!(refused(&a, ring), Errno::CONNREFUSED);
}

#[test]
fn a_later_domain_with_the_partners_id_is_handed_nothing() {
    let ([a, _], ring) = to_ring();
    a.hv.domain_destroy(a.id);
    let [a] = domains(&a.hv, [1]);
    assert_eq!(refused(&a, ring), Errno::CONNREFUSED);
}

#[test]
fn senders_that_wait_are_told_to_look_again() {
    let ([a, b], ring) = to_ring();
    assert_eq!(a.send(b.id, 80, &[0; 96]), 96);
    assert_eq!(a.send(b.id, 80, b"x"), err(Errno::AGAIN));
    a.hv.host().happened();
    a.hv.delegate(ring).expect("a ring");
    assert_eq!(a.hv.host().signalled(), [a.id]);
}

#[test]
fn unregistering_tells_the_partner_in_the_ring() {
    let ([a, b], ring) = to_ring();
    let mem = a.hv.delegate(ring).expect("a ring");
    mem.store(Word::Event, event::SUPPRESS | event::SLEEPS);
    mem.store(Word::Space, space::SLEEPS);
    a.hv.host().happened();
    assert_eq!(b.unregister(80, a.id), 0);
    assert_eq!(mem.load(Word::State), state::UNREGISTERED);
    assert_eq!(
        (mem.load(Word::Event), mem.load(Word::Space)),
        (event::SUPPRESS, 0),
        "nobody sleeps on"
    );
    assert_eq!(
        a.hv.host().happened(),
        [
            Happened::StateChanged(ring, state::UNREGISTERED),
            Happened::RingGone(ring, 128)
        ]
    );
}

#[test]
fn the_owners_death_tells_the_partner_in_the_ring() {
    let ([a, b], ring) = to_ring();
    let mem = a.hv.delegate(ring).expect("a ring");
    a.hv.domain_destroy(b.id);
    assert_eq!(mem.load(Word::State), state::UNREGISTERED);
}

#[test]
fn a_ring_that_was_never_delegated_keeps_its_page_as_it_is() {
    let ([a, b], _) = to_ring();
    assert_eq!(b.unregister(80, a.id), 0);
    assert_eq!(b.mem(80, a.id).load(Word::State), 0);
}

#[test]
fn registering_again_takes_the_ring_back() {
    let ([a, b], ring) = to_ring();
    let old = a.hv.delegate(ring).expect("a ring");
    a.hv.host().happened();
    assert_eq!(b.register_on(80, a.id, 128, 5, 0), 0);
    assert_eq!(old.load(Word::State), state::UNREGISTERED);
    assert_eq!(
        a.hv.host().happened(),
        [Happened::StateChanged(ring, state::UNREGISTERED)]
    );
    assert_eq!(a.send(b.id, 80, b"x"), 1);
}

#[test]
fn a_delegated_ring_gets_peer_gone_and_its_sleeper_wakes() {
    let ([a, b], ring) = to_ring();
    let mem = a.hv.delegate(ring).expect("a ring");
    assert_eq!(a.register(70, b.id, 64), 0);
    assert_eq!(b.set(80, a.id, SET_WATCH, 70), 0);
    mem.store(Word::Event, event::SUPPRESS | event::SLEEPS);
    assert_eq!(a.unregister(70, b.id), 0);
    assert_eq!(mem.load(Word::State), state::PEER_GONE);
    assert_eq!(mem.load(Word::Event), event::SUPPRESS);
}

#[test]
fn ring_mem_is_the_owners_mapping() {
    let ([a, b], ring) = to_ring();
    assert_eq!(a.send(b.id, 80, b"x"), 1);
    assert_eq!(a.hv.ring_mem(ring).expect("a ring").load(Word::Tx), 32);
    assert_eq!(
        a.hv.ring_mem(RingId { port: 81, ..ring }).err(),
        Some(Errno::NOENT)
    );
    assert_eq!(
        a.hv.ring_mem(RingId {
            owner: DomId(99),
            ..ring
        })
        .err(),
        Some(Errno::NODEV)
    );
}
