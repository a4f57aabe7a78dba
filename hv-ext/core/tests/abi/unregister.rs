//! unregister, check by check.

use crate::{err, pair};
use v4v_hv::abi::OP_UNREGISTER;
use v4v_hv::testing::Guest;
use v4v_hv::{Addr, DomId, Errno};

fn padded(g: &Guest) {
    g.poke(Guest::STRUCT, &[80, 0, 0, 0, 2, 0, 1, 0]);
}

#[test]
fn unregister_0_returns_0_and_the_ring_is_gone() {
    let [a, b] = pair();
    assert_eq!(a.register(80, b.id, 64), 0);
    assert_eq!(a.unregister(80, b.id), 0);
    assert_eq!(b.send(a.id, 80, b"x"), err(Errno::CONNREFUSED));
    assert_eq!(a.hv.host().mappings(), 0);
}

#[test]
fn unregister_1_a_further_argument_is_einval() {
    let [a, _] = pair();
    // The handle is bad too: the arguments come first.
    for (arg2, arg3, arg4) in [(1, 0, 0), (0, 1, 0), (0, 0, 1)] {
        assert_eq!(a.call(OP_UNREGISTER, 0, arg2, arg3, arg4), err(Errno::INVAL));
    }
}

#[test]
fn unregister_2_a_bad_handle_is_efault() {
    let [a, _] = pair();
    a.hv.domain_destroy(a.id);
    assert_eq!(a.call(OP_UNREGISTER, 0, 0, 0, 0), err(Errno::FAULT));
}

#[test]
fn unregister_3_a_pad_is_einval() {
    let [a, _] = pair();
    padded(&a);
    assert_eq!(a.call(OP_UNREGISTER, Guest::STRUCT, 0, 0, 0), err(Errno::INVAL));
}

#[test]
fn unregister_3_comes_before_4() {
    let [a, _] = pair();
    a.hv.domain_destroy(a.id);
    padded(&a);
    assert_eq!(a.call(OP_UNREGISTER, Guest::STRUCT, 0, 0, 0), err(Errno::INVAL));
}

#[test]
fn unregister_4_a_caller_without_state_is_enodev() {
    let [a, b] = pair();
    a.hv.domain_destroy(a.id);
    assert_eq!(a.unregister(80, b.id), err(Errno::NODEV));
}

#[test]
fn unregister_5_no_such_ring_is_enoent() {
    let [a, b] = pair();
    assert_eq!(b.register(80, a.id, 64), 0);
    assert_eq!(a.register(80, DomId::ANY, 64), 0);
    for (port, partner) in [(80, b.id), (81, DomId::ANY), (80, a.id)] {
        assert_eq!(a.unregister(port, partner), err(Errno::NOENT));
    }
}

#[test]
fn unregister_reads_its_struct_once() {
    let [a, b] = pair();
    a.poke(Guest::STRUCT, &Addr::new(b.id, 80).encode());
    a.hv.host().reads();
    a.call(OP_UNREGISTER, Guest::STRUCT, 0, 0, 0);
    let whole = Guest::STRUCT..Guest::STRUCT + 8;
    assert_eq!(a.hv.host().reads(), std::slice::from_ref(&whole));
}
