//! Two CPUs: every operation, with another one running at each of its lock boundaries.

use std::sync::Arc;

use v4v_hv::abi::setup_flags::{ALL, SET_WATCH};
use v4v_hv::testing::{Guest, TestHost, domains, interleave};
use v4v_hv::{Addr, DomId, Errno, Hypervisor, limits};
use v4v_ring::layout::state;
use v4v_ring::{RingMem, Word};

type Op = fn(&Guest, &Guest) -> i64;

/// What either CPU may do. A owns ring 70 for B; B owns ring 80 for A and ring 81 for anybody, which is full.
const OPS: [(&str, Op); 16] = [
    ("send", |a, b| a.send(b.id, 80, b"x")),
    ("send long", |a, b| {
        a.send(b.id, 82, &vec![1; 3 * limits::COPY_CHUNK as usize])
    }),
    ("send to the full ring", |a, b| a.send(b.id, 81, b"x")),
    ("ask", |a, b| a.ask(Addr::new(b.id, 81), 1).0),
    ("read and notify", |_, b| {
        b.mem(81, DomId::ANY).store(Word::Rx, 48);
        b.notify()
    }),
    ("register", |a, b| b.register(83, a.id, 64)),
    ("register again", |a, b| b.register(80, a.id, 64)),
    ("unregister", |a, b| b.unregister(80, a.id)),
    ("unregister the full ring", |_, b| b.unregister(81, DomId::ANY)),
    ("watch", |a, b| a.set(70, b.id, SET_WATCH, 80)),
    ("watch the full ring", |a, b| a.set(70, b.id, SET_WATCH, 81)),
    ("set up", |a, b| b.set(80, a.id, ALL, 70)),
    ("give a ready page", |_, b| b.give_ready_page(9)),
    ("delegate", |a, b| {
        a.hv.delegate(b.ring(80, a.id))
            .map_or_else(Errno::to_return, |_| 0)
    }),
    ("A dies", |a, _| {
        a.hv.domain_destroy(a.id);
        0
    }),
    ("B dies", |_, b| {
        b.hv.domain_destroy(b.id);
        0
    }),
];

/// Two domains with the rings that [`OPS`] speak of. Ring 82 has room for two long messages where there may be some: making
/// long rings is what takes the time here.
fn world(names: [&str; 2]) -> (Arc<Hypervisor<TestHost>>, [Guest; 2]) {
    let long = if names.contains(&"send long") {
        8 * limits::COPY_CHUNK
    } else {
        64
    };
    let hv = TestHost::boot();
    let [a, b] = domains(&hv, [1, 2]);
    assert_eq!(a.register(70, b.id, 64), 0);
    assert_eq!(b.register(80, a.id, 64), 0);
    assert_eq!(b.register(81, DomId::ANY, 64), 0);
    assert_eq!(b.register(82, DomId::ANY, long), 0);
    assert_eq!(b.send(b.id, 81, &[0; 32]), 32);
    (hv, [a, b])
}

/// Runs `check` after every pair of operations at every boundary.
fn every_pair(check: impl Fn(&str, &Guest, &Guest)) {
    for (outer, run_outer) in OPS {
        for (inner, run_inner) in OPS {
            for at in 0.. {
                let (hv, [a, b]) = world([outer, inner]);
                let (a2, b2) = (a.clone(), b.clone());
                let (_, ran) = interleave(at, move || _ = run_inner(&a2, &b2), || run_outer(&a, &b));
                if !ran {
                    break;
                }
                check(&std::format!("{inner} in {outer} at {at}"), &a, &b);
                hv.domain_destroy(a.id);
                hv.domain_destroy(b.id);
                assert_eq!(
                    (hv.host().live(), hv.host().mappings()),
                    (0, 0),
                    "{inner} in {outer} at {at}"
                );
            }
        }
    }
}

#[test]
fn nothing_is_left_behind_when_all_are_dead() {
    every_pair(|_, _, _| {});
}

#[test]
fn a_ring_whose_partner_is_dead_knows() {
    every_pair(|case, a, b| {
        for (owner, partner) in [(a, b), (b, a)] {
            let mut alive = false;
            owner.hv.for_each_domain(|d| alive |= d.id == partner.id);
            owner.hv.for_each_ring(owner.id, |ring| {
                if !alive && ring.id.partner == partner.id {
                    let gone = owner.mem(ring.id.port, partner.id).load(Word::State) & state::PEER_GONE != 0;
                    assert!(ring.peer_gone && gone, "{case}");
                }
            });
        }
    });
}

#[test]
fn a_watch_is_on_a_ring_that_exists() {
    every_pair(|case, a, b| {
        let (mut watches, mut targets) = (0, Vec::new());
        a.hv.for_each_domain(|d| watches += usize::from(d.id == a.id) * d.watches);
        a.hv.for_each_ring(b.id, |ring| targets.push(ring.id.port));
        assert!(
            watches == 0 || targets.contains(&80) || targets.contains(&81),
            "{case}"
        );
    });
}

#[test]
fn no_sender_waits_for_space_that_is_there() {
    every_pair(|case, _, b| {
        let mut waiting = 0;
        b.hv.for_each_domain(|d| waiting += usize::from(d.id == b.id) * d.waiting);
        b.hv.for_each_ring(b.id, |ring| {
            assert!(
                ring.pending == 0 || waiting > 0,
                "{case}: notify would not find the ring"
            );
            assert!(ring.pending == 0 || ring.free <= 32, "{case}: {ring:?}");
        });
    });
}

/// A connector turns its ring from the listener to its new peer while the listener closes.
#[test]
fn the_end_of_what_was_watched_before_is_no_end() {
    for at in 0.. {
        let (hv, [a, b]) = world(["unregister the full ring", "watch"]);
        assert_eq!(a.set(70, b.id, SET_WATCH, 81), 0);
        let (a2, b2) = (a.clone(), b.clone());
        let turn = move || assert_eq!(a2.set(70, b2.id, SET_WATCH, 80), 0);
        let (_, ran) = interleave(at, turn, || b.unregister(81, DomId::ANY));
        if !ran {
            break;
        }
        let gone = || a.mem(70, b.id).load(Word::State) & state::PEER_GONE != 0;
        assert!(!gone(), "at {at}");
        assert_eq!(b.unregister(80, a.id), 0);
        assert!(gone(), "at {at}: the end of what is watched now");
        drop(hv);
    }
}
