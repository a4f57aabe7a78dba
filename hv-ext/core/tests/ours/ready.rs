//! Op 18 and the ready page.

use crate::{err, pair};
use v4v_hv::abi::{NO_SLOT, OP_READY_SETUP, setup_flags::SET_READY};
use v4v_hv::testing::{Guest, TestPage};
use v4v_hv::{Errno, limits};

/// B has a ready page and a ring from A with this slot.
fn with_slot(slot: u32) -> ([Guest; 2], TestPage) {
    let [a, b] = pair();
    assert_eq!(b.give_ready_page(3), 0);
    assert_eq!(b.register(80, a.id, 64), 0);
    assert_eq!(b.set(80, a.id, SET_READY, slot), 0);
    let page = b.hv.host().page(b.id, 3).expect("a page");
    ([a, b], page)
}

#[test]
fn ready_setup_1_a_further_argument_is_einval() {
    let [a, _] = pair();
    assert_eq!(a.call(OP_READY_SETUP, 0, 1, 0, 0), err(Errno::INVAL));
}

#[test]
fn ready_setup_2_a_bad_handle_is_efault_before_3() {
    let [a, _] = pair();
    a.hv.domain_destroy(a.id);
    assert_eq!(a.call(OP_READY_SETUP, 8, 0, 0, 0), err(Errno::FAULT));
}

#[test]
fn ready_setup_3_a_caller_without_state_is_enodev_before_4() {
    let [a, _] = pair();
    a.hv.domain_destroy(a.id);
    a.hv.host().spoil_frame(a.id, 3, Errno::PERM);
    assert_eq!(a.give_ready_page(3), err(Errno::NODEV));
}

#[test]
fn ready_setup_4_a_bad_frame_fails_and_keeps_the_old_page() {
    let ([a, b], page) = with_slot(0);
    b.hv.host().spoil_frame(b.id, 4, Errno::PERM);
    assert_eq!(b.give_ready_page(4), err(Errno::PERM));
    b.hv.host().fail_allocation(Some(0));
    assert_eq!(b.give_ready_page(5), err(Errno::NOMEM));
    assert_eq!(a.send(b.id, 80, b"x"), 1);
    assert_eq!(page.word(8), 1);
}

#[test]
fn a_message_sets_the_slots_bit_and_the_summary() {
    for slot in [0, 1, 63, 64, 4095, 4096, limits::READY_SLOTS - 1] {
        let ([a, b], page) = with_slot(slot);
        assert_eq!(a.send(b.id, 80, b"x"), 1);
        let word = slot as usize / 64;
        for index in 0..512 {
            let expected = match index {
                _ if index == 8 + word => 1 << (slot % 64),
                _ if index == word / 64 => 1 << (word % 64),
                _ => 0,
            };
            assert_eq!(page.word(index), expected, "slot {slot}, word {index}");
        }
    }
}

#[test]
fn zero_takes_the_page_back() {
    let ([a, b], page) = with_slot(0);
    assert_eq!(b.call(OP_READY_SETUP, 0, 0, 0, 0), 0);
    assert_eq!(a.send(b.id, 80, b"x"), 1);
    assert_eq!(page.word(8), 0);
    assert_eq!(b.call(OP_READY_SETUP, 0, 0, 0, 0), 0, "again is no error");
}

#[test]
fn a_slot_can_be_moved_and_taken_away() {
    let ([a, b], page) = with_slot(0);
    assert_eq!(b.set(80, a.id, SET_READY, 1), 0);
    assert_eq!(a.send(b.id, 80, b""), 0);
    assert_eq!(page.word(8), 2);
    assert_eq!(b.set(80, a.id, SET_READY, NO_SLOT), 0);
    assert_eq!(b.unregister(80, a.id), 0);
    assert_eq!(page.word(8), 2);
}

#[test]
fn a_ring_without_a_slot_or_page_just_signals() {
    let [a, b] = pair();
    assert_eq!(b.register(80, a.id, 64), 0);
    assert_eq!(b.set(80, a.id, SET_READY, 1), 0);
    a.hv.host().happened();
    assert_eq!(a.send(b.id, 80, b"x"), 1);
    assert_eq!(a.hv.host().signalled(), [b.id]);
}
