//! Who is told when a ring, a partner or a domain goes away.

use crate::{err, pair};
use v4v_hv::abi::setup_flags::{SET_READY, SET_WATCH};
use v4v_hv::testing::{Guest, Happened, domains, interleave};
use v4v_hv::{DomId, Errno};
use v4v_ring::layout::state::PEER_GONE;
use v4v_ring::{RingMem, Word};

fn state(g: &Guest, port: u32, partner: DomId) -> u32 {
    g.mem(port, partner).load(Word::State)
}

fn watches(g: &Guest) -> usize {
    let mut n = 0;
    g.hv.for_each_domain(|d| n += d.watches);
    n
}

/// A's ring at port 70, for B, watches B's ring at port 80.
fn watching(partner_of_80: DomId) -> [Guest; 2] {
    let [a, b] = pair();
    assert_eq!(a.register(70, b.id, 64), 0);
    assert_eq!(b.register(80, partner_of_80, 64), 0);
    assert_eq!(a.set(70, b.id, SET_WATCH, 80), 0);
    a.hv.host().happened();
    [a, b]
}

#[test]
fn unregistering_a_watched_ring_sets_peer_gone_and_signals() {
    for partner in [DomId(1), DomId::ANY] {
        let [a, b] = watching(partner);
        assert_eq!(b.unregister(80, partner), 0);
        assert_eq!(state(&a, 70, b.id), PEER_GONE);
        let ring = a.ring(70, b.id);
        let expected = [
            Happened::RingGone(b.ring(80, partner), 64),
            Happened::StateChanged(ring, PEER_GONE),
            Happened::Signal(a.id),
        ];
        assert_eq!(a.hv.host().happened(), expected);
        assert_eq!(watches(&a), 0);
    }
}

#[test]
fn a_watched_ring_that_goes_sets_the_watchers_ready_bit() {
    let [a, b] = watching(DomId::ANY);
    assert_eq!(a.give_ready_page(3), 0);
    assert_eq!(a.set(70, b.id, SET_READY, 65), 0);
    assert_eq!(b.unregister(80, DomId::ANY), 0);
    assert_eq!(a.hv.host().page(a.id, 3).expect("a page").word(9), 2);
}

#[test]
fn another_ring_going_away_does_not_disturb() {
    let [a, b] = watching(DomId(1));
    let [c] = domains(&a.hv, [3]);
    for (port, partner) in [(80, DomId::ANY), (81, a.id), (80, c.id)] {
        assert_eq!(b.register(port, partner, 64), 0);
        assert_eq!(b.unregister(port, partner), 0);
    }
    assert_eq!(c.register(80, a.id, 64), 0);
    assert_eq!(c.unregister(80, a.id), 0);
    assert_eq!(state(&a, 70, b.id), 0);
}

#[test]
fn the_ring_for_oneself_is_watched_before_the_wildcard() {
    let [a, b] = pair();
    assert_eq!(a.register(70, b.id, 64), 0);
    assert_eq!(b.register(80, a.id, 64), 0);
    assert_eq!(b.register(80, DomId::ANY, 64), 0);
    assert_eq!(a.set(70, b.id, SET_WATCH, 80), 0);
    assert_eq!(b.unregister(80, DomId::ANY), 0);
    assert_eq!(state(&a, 70, b.id), 0);
    assert_eq!(b.unregister(80, a.id), 0);
    assert_eq!(state(&a, 70, b.id), PEER_GONE);
}

#[test]
fn a_new_watch_takes_the_place_of_the_old() {
    let [a, b] = watching(DomId(1));
    assert_eq!(b.register(81, a.id, 64), 0);
    assert_eq!(a.set(70, b.id, SET_WATCH, 81), 0);
    assert_eq!(watches(&a), 1);
    assert_eq!(b.unregister(80, a.id), 0);
    assert_eq!(state(&a, 70, b.id), 0);
    assert_eq!(b.unregister(81, a.id), 0);
    assert_eq!(state(&a, 70, b.id), PEER_GONE);
}

#[test]
fn a_new_watch_takes_back_what_was_said_of_the_old_one() {
    let [a, b] = watching(DomId(1));
    assert_eq!(b.register(81, a.id, 64), 0);
    assert_eq!(b.unregister(80, a.id), 0);
    assert_eq!(state(&a, 70, b.id), PEER_GONE);
    assert_eq!(a.set(70, b.id, SET_WATCH, 99), err(Errno::CONNREFUSED));
    assert_eq!(state(&a, 70, b.id), PEER_GONE, "a failed call changes nothing");
    assert_eq!(a.set(70, b.id, SET_WATCH, 81), 0);
    assert_eq!(state(&a, 70, b.id), 0);
    a.hv.host().happened();
    assert_eq!(b.unregister(81, a.id), 0);
    assert_eq!(state(&a, 70, b.id), PEER_GONE);
    assert_eq!(a.hv.host().signalled(), [a.id], "its owner is told a second time");
}

#[test]
fn a_namesakes_ring_does_not_bring_a_dead_partner_back() {
    let [a, b] = watching(DomId(1));
    a.hv.domain_destroy(b.id);
    a.hv.domain_create(b.id).expect("its id is free");
    assert_eq!(b.register(80, a.id, 64), 0);
    assert_eq!(a.set(70, b.id, SET_WATCH, 80), 0);
    assert_eq!(state(&a, 70, b.id), PEER_GONE);
}

#[test]
fn a_watched_ring_that_goes_while_it_is_being_watched_is_told() {
    for at in 0.. {
        let [a, b] = watching(DomId(1));
        assert_eq!(b.unregister(80, a.id), 0);
        assert_eq!(b.register(81, a.id, 64), 0);
        let other = b.clone();
        let (set, ran) = interleave(
            at,
            move || assert_eq!(other.unregister(81, DomId(1)), 0),
            || a.set(70, b.id, SET_WATCH, 81),
        );
        if !ran {
            return;
        }
        assert!(set == 0 || set == err(Errno::CONNREFUSED), "at {at}");
        assert_eq!(state(&a, 70, b.id), PEER_GONE, "at {at}");
    }
}

#[test]
fn many_rings_may_watch_one() {
    let [a, b] = watching(DomId::ANY);
    let [c] = domains(&a.hv, [3]);
    for (guest, port) in [(&a, 71), (&a, 72), (&c, 70)] {
        assert_eq!(guest.register(port, b.id, 64), 0);
        assert_eq!(guest.set(port, b.id, SET_WATCH, 80), 0);
    }
    assert_eq!(b.unregister(80, DomId::ANY), 0);
    for (guest, port) in [(&a, 70), (&a, 71), (&a, 72), (&c, 70)] {
        assert_eq!(state(guest, port, b.id), PEER_GONE);
    }
    assert_eq!(watches(&a), 0);
}

#[test]
fn a_ring_that_goes_takes_its_watch_along() {
    let [a, b] = watching(DomId(1));
    assert_eq!(a.unregister(70, b.id), 0);
    assert_eq!(watches(&a), 0);
    a.hv.host().happened();
    assert_eq!(b.unregister(80, a.id), 0);
    assert_eq!(a.hv.host().signalled(), []);
}

#[test]
fn registering_the_watched_ring_again_keeps_the_watch() {
    let [a, b] = watching(DomId(1));
    assert_eq!(b.register(80, a.id, 64), 0);
    assert_eq!(state(&a, 70, b.id), 0);
    assert_eq!(b.unregister(80, a.id), 0);
    assert_eq!(state(&a, 70, b.id), PEER_GONE);
}

#[test]
fn a_dying_domain_resets_the_rings_that_were_for_it_alone() {
    let [a, b] = watching(DomId(1));
    let [c] = domains(&a.hv, [3]);
    assert_eq!(a.register(u32::MAX, b.id, 64), 0);
    assert_eq!(a.register(0, b.id, 64), 0);
    assert_eq!(a.register(70, c.id, 64), 0);
    assert_eq!(a.register(70, DomId::ANY, 64), 0);
    a.hv.host().happened();
    a.hv.domain_destroy(b.id);
    for port in [0, 70, u32::MAX] {
        assert_eq!(state(&a, port, b.id), PEER_GONE);
    }
    assert_eq!((state(&a, 70, c.id), state(&a, 70, DomId::ANY)), (0, 0));
    assert_eq!(
        a.hv.host().signalled(),
        [a.id; 3],
        "once per ring, though one watched as well"
    );
    assert_eq!(watches(&a), 0);
    assert_eq!(a.unregister(70, b.id), 0, "the ring is its owner's to unregister");
}

#[test]
fn a_dying_domain_is_told_nothing() {
    let [a, b] = watching(DomId(1));
    a.hv.domain_destroy(a.id);
    a.hv.host().happened();
    assert_eq!(b.unregister(80, a.id), 0);
    assert_eq!(a.hv.host().signalled(), []);
}

#[test]
fn registering_again_for_a_reborn_partner_starts_afresh() {
    let [a, b] = watching(DomId(1));
    a.hv.domain_destroy(b.id);
    let [b] = domains(&a.hv, [2]);
    a.mem(70, b.id).store(Word::State, 0);
    assert_eq!(a.register(70, b.id, 64), 0);
    a.hv.for_each_ring(a.id, |ring| assert!(!ring.peer_gone));
    assert_eq!(b.register(80, a.id, 64), 0);
    assert_eq!(a.set(70, b.id, SET_WATCH, 80), 0);
    assert_eq!(b.unregister(80, a.id), 0);
    assert_eq!(state(&a, 70, b.id), PEER_GONE);
}

#[test]
fn ring_destroy_has_the_effects_of_unregister() {
    let [a, b] = watching(DomId(1));
    assert_eq!(a.send(b.id, 80, &[0; 32]), 32);
    assert_eq!(a.send(b.id, 80, b"x"), Errno::AGAIN.to_return());
    a.hv.host().happened();
    assert_eq!(a.hv.ring_destroy(b.ring(80, a.id)), Ok(()));
    assert_eq!(
        a.hv.host().signalled(),
        [a.id; 2],
        "it waited for space, and it watched"
    );
    assert_eq!(state(&a, 70, b.id), PEER_GONE);
    assert_eq!(a.hv.ring_destroy(b.ring(80, a.id)), Err(Errno::NOENT));
    assert_eq!(
        a.hv.ring_destroy(v4v_hv::RingId {
            owner: DomId(9),
            ..b.ring(80, a.id)
        }),
        Err(Errno::NODEV)
    );
}
