//! Memory that runs out at any point: a call that fails has changed nothing.

use v4v_hv::abi::setup_flags::{ALL, SET_WATCH};
use v4v_hv::testing::{Guest, Happened, TestHost, domains};
use v4v_hv::{Addr, DomId, DomainStats, Errno, RingStats};

/// All that can be seen of the hypervisor's state.
#[derive(Debug, PartialEq)]
struct Seen {
    domains: Vec<DomainStats>,
    rings: Vec<RingStats>,
    mappings: usize,
    live: usize,
}

fn seen(g: &Guest) -> Seen {
    let (mut domains, mut rings) = (Vec::new(), Vec::new());
    g.hv.for_each_domain(|d| domains.push(d));
    for d in &domains {
        g.hv.for_each_ring(d.id, |r| rings.push(r));
    }
    Seen {
        domains,
        rings,
        mappings: g.hv.host().mappings(),
        live: g.hv.host().live(),
    }
}

/// One step of the scenario.
type Call = fn(&Guest, &Guest) -> i64;

const ENOMEM: i64 = Errno::NOMEM.to_return();
const EAGAIN: i64 = Errno::AGAIN.to_return();

/// Calls that allocate, and what they return where memory suffices.
const SCENARIO: [(Call, i64); 11] = [
    (|a, b| a.register(70, b.id, 64), 0),
    (|a, b| b.register(80, a.id, 64), 0),
    (|_, b| b.register(80, DomId::ANY, 64), 0),
    (|a, b| b.register_on(80, a.id, 64, 5, 0), 0),
    (|_, b| b.give_ready_page(9), 0),
    (|a, b| a.set(70, b.id, SET_WATCH, 80), 0),
    (|a, b| b.set(80, a.id, ALL, 70), 0),
    (|a, b| a.send(b.id, 80, &[0; 32]), 32),
    (|a, b| a.send(b.id, 80, b"x"), EAGAIN),
    (|_, b| b.send(b.id, 80, &[0; 32]), 32),
    (|a, b| a.ask(Addr::new(b.id, 80), 1).0, 0),
];

/// The scenario with the `n`-th allocation failing: the call that meets it changes nothing, and succeeds when it is
/// made again. Whether there were that many allocations.
fn run(n: usize) -> bool {
    let hv = TestHost::boot();
    let [a, b] = domains(&hv, [1, 2]);
    hv.host().fail_allocation(Some(n));
    for (step, (call, expected)) in SCENARIO.into_iter().enumerate() {
        let before = seen(&a);
        hv.host().happened();
        let returned = call(&a, &b);
        if returned == ENOMEM {
            assert_eq!(seen(&a), before, "step {step}, allocation {n}");
            assert_eq!(hv.host().happened(), [], "step {step}, allocation {n}");
            assert_eq!(call(&a, &b), expected, "step {step} again, allocation {n}");
        } else {
            assert_eq!(returned, expected, "step {step}, allocation {n}");
        }
    }
    let happened = !hv.host().failure_is_due();
    hv.host().fail_allocation(None);
    hv.domain_destroy(a.id);
    hv.domain_destroy(b.id);
    assert_eq!((hv.host().live(), hv.host().mappings()), (0, 0));
    happened
}

#[test]
fn an_allocation_failure_at_any_point_changes_nothing() {
    let failures = (0..).take_while(|n| run(*n)).count();
    assert!(failures >= 15, "every kind of allocation failed once: {failures}");
}

#[test]
fn ending_things_needs_no_memory() {
    for end in [
        |g: &Guest| g.hv.domain_destroy(g.id),
        |g: &Guest| assert_eq!(g.unregister(80, DomId(1)), 0),
    ] {
        let hv = TestHost::boot();
        let [a, b] = domains(&hv, [1, 2]);
        for (call, expected) in SCENARIO {
            assert_eq!(call(&a, &b), expected);
        }
        // The next allocation would fail; there is none.
        hv.host().fail_allocation(Some(0));
        hv.host().happened();
        end(&b);
        assert!(hv.host().failure_is_due());
        assert!(hv.host().happened().contains(&Happened::Signal(a.id)));
    }
}
