//! Domains come and go; boot parameters.

use crate::{err, pair};
use v4v_hv::testing::{Guest, Question, TestHost, domains};
use v4v_hv::{DomId, Errno, Params};

#[test]
fn both_boot_parameters_are_off_by_default() {
    let params = Params::default();
    assert!(!params.enabled && !params.mac_permissive);
}

#[test]
fn create_gives_no_state_where_argo_is_off() {
    let hv = TestHost::boot_with(Params::default());
    assert_eq!(hv.domain_create(DomId(1)), Ok(()));
    hv.for_each_domain(|d| panic!("{d:?}"));
}

#[test]
fn create_gives_no_state_where_xsm_says_no() {
    let [a, _] = pair();
    a.hv.host().add_domain(DomId(3));
    a.hv.host().deny(Question::Enable(DomId(3)), Errno::ACCES);
    assert_eq!(a.hv.domain_create(DomId(3)), Ok(()));
    assert_eq!(a.send(DomId(3), 80, b"x"), err(Errno::CONNREFUSED));
}

#[test]
fn create_refuses_a_reserved_id_and_a_second_state() {
    let [a, _] = pair();
    assert_eq!(a.hv.domain_create(DomId(0x7FF0)), Err(Errno::INVAL));
    assert_eq!(a.hv.domain_create(DomId::ANY), Err(Errno::INVAL));
    assert_eq!(a.hv.domain_create(a.id), Err(Errno::EXIST));
}

#[test]
fn create_fails_with_enomem_and_leaves_nothing() {
    let hv = TestHost::boot();
    for n in 0..2 {
        hv.host().fail_allocation(Some(n));
        assert_eq!(hv.domain_create(DomId(1)), Err(Errno::NOMEM));
    }
    assert_eq!(hv.host().live(), 0);
    assert_eq!(hv.domain_create(DomId(1)), Ok(()));
}

#[test]
fn destroy_gives_everything_back_and_may_be_repeated() {
    let [a, b] = pair();
    assert_eq!(b.register(80, a.id, 64), 0);
    assert_eq!(b.register(80, DomId::ANY, 64), 0);
    assert_eq!(b.give_ready_page(7), 0);
    a.hv.domain_destroy(b.id);
    a.hv.domain_destroy(b.id);
    a.hv.domain_destroy(DomId(77));
    assert_eq!((a.hv.host().mappings(), a.hv.host().live()), (0, 1));
}

#[test]
fn destroy_removes_the_dead_from_others_pending_lists() {
    let [a, b] = pair();
    assert_eq!(b.register(80, DomId::ANY, 64), 0);
    assert_eq!(b.send(b.id, 80, &[0; 32]), 32);
    assert_eq!(a.send(b.id, 80, b"x"), err(Errno::AGAIN));
    a.hv.domain_destroy(a.id);
    a.hv.for_each_ring(b.id, |ring| assert_eq!(ring.pending, 0));
    a.hv.for_each_domain(|d| assert_eq!(d.waiting, 0));
}

fn reborn(g: &Guest) -> Guest {
    g.hv.domain_destroy(g.id);
    let [again] = domains(&g.hv, [g.id.0]);
    again
}

#[test]
fn a_later_domain_with_the_partners_id_is_not_the_partner() {
    let [a, b] = pair();
    assert_eq!(b.register(80, a.id, 64), 0);
    let a = reborn(&a);
    assert_eq!(a.send(b.id, 80, b"x"), err(Errno::CONNREFUSED));
    assert_eq!(a.ask(v4v_hv::Addr::new(b.id, 80), 0).1, 0);
    assert_eq!(
        b.register(80, a.id, 64),
        0,
        "registered again, it is for the new one"
    );
    assert_eq!(a.send(b.id, 80, b"x"), 1);
}

#[test]
fn a_later_domain_with_a_waiters_id_is_not_signalled() {
    let [a, b] = pair();
    assert_eq!(b.register(80, DomId::ANY, 64), 0);
    assert_eq!(b.send(b.id, 80, &[0; 32]), 32);
    assert_eq!(a.send(b.id, 80, b"x"), err(Errno::AGAIN));
    let _again = reborn(&a);
    b.reader(80, DomId::ANY).take();
    a.hv.host().happened();
    b.notify();
    assert_eq!(a.hv.host().signalled(), []);
}

#[test]
fn soft_reset_removes_all_and_gives_fresh_state() {
    let [a, b] = pair();
    assert_eq!(b.register(80, a.id, 64), 0);
    assert_eq!(a.register(80, b.id, 64), 0);
    assert_eq!(a.hv.soft_reset(b.id), Ok(()));
    assert_eq!(a.send(b.id, 80, b"x"), err(Errno::CONNREFUSED));
    assert_eq!(b.send(a.id, 80, b"x"), err(Errno::CONNREFUSED));
    assert_eq!(b.register(80, a.id, 64), 0);
    assert_eq!(a.send(b.id, 80, b"x"), 1);
}

#[test]
fn soft_reset_leaves_a_domain_without_state_where_it_is() {
    let [a, b] = pair();
    a.hv.domain_destroy(b.id);
    assert_eq!(a.hv.soft_reset(b.id), Ok(()));
    assert_eq!(b.notify(), err(Errno::NODEV));
}

#[test]
fn soft_reset_out_of_memory_leaves_the_domain_without_state() {
    let [a, b] = pair();
    a.hv.host().fail_allocation(Some(0));
    assert_eq!(a.hv.soft_reset(b.id), Err(Errno::NOMEM));
    assert_eq!(b.notify(), err(Errno::NODEV));
}
