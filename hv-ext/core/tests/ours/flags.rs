//! USE_FLAGS: suppressed events, and a receiver that is asked for notify.

use crate::{err, pair};
use v4v_hv::Errno;
use v4v_hv::abi::setup_flags::USE_FLAGS;
use v4v_hv::testing::{Guest, Happened};
use v4v_ring::layout::{event, space};
use v4v_ring::{RingMem, Word, wake};

fn to_ring(flags: u32) -> [Guest; 2] {
    let [a, b] = pair();
    assert_eq!(b.register(80, a.id, 64), 0);
    assert_eq!(b.set(80, a.id, flags, 0), 0);
    a.hv.host().happened();
    [a, b]
}

#[test]
fn without_the_flag_the_words_are_neither_read_nor_written() {
    let [a, b] = to_ring(0);
    let mem = b.mem(80, a.id);
    mem.store(Word::Event, event::SUPPRESS);
    mem.store(Word::Space, 0x77);
    assert_eq!(a.send(b.id, 80, &[0; 32]), 32);
    assert_eq!(
        a.hv.host().happened(),
        [
            Happened::SignalData(b.ring(80, a.id), None),
            Happened::Signal(b.id)
        ]
    );
    assert_eq!(a.send(b.id, 80, b"x"), err(Errno::AGAIN));
    assert_eq!(
        (mem.load(Word::Event), mem.load(Word::Space)),
        (event::SUPPRESS, 0x77)
    );
}

#[test]
fn event_0_means_always() {
    let [a, b] = to_ring(USE_FLAGS);
    for _ in 0..2 {
        assert_eq!(a.send(b.id, 80, b""), 0);
        assert_eq!(a.hv.host().signalled(), [b.id]);
    }
    assert_eq!(b.mem(80, a.id).load(Word::Event), 0);
}

#[test]
fn a_suppressed_event_is_not_raised_and_sets_no_ready_bit() {
    let [a, b] = to_ring(USE_FLAGS);
    assert_eq!(b.give_ready_page(3), 0);
    assert_eq!(b.set(80, a.id, v4v_hv::abi::setup_flags::SET_READY, 0), 0);
    wake::want_data(&b.mem(80, a.id), 0);
    assert_eq!(a.send(b.id, 80, b""), 0);
    assert_eq!(a.hv.host().signalled(), []);
    assert_eq!(a.hv.host().page(b.id, 3).expect("a page").word(8), 0);
}

#[test]
fn a_wish_is_used_up_by_the_event_that_answers_it() {
    let [a, b] = to_ring(USE_FLAGS);
    wake::want_data(&b.mem(80, a.id), event::SLEEPS);
    assert_eq!(a.send(b.id, 80, b""), 0);
    let happened = a.hv.host().happened();
    let [Happened::SignalData(ring, Some(wish)), Happened::Signal(owner)] = happened[..] else {
        panic!("{happened:?}")
    };
    assert!(ring == b.ring(80, a.id) && wish.sleeper() && !wish.poller() && owner == b.id);
    assert_eq!(a.send(b.id, 80, b""), 0);
    assert_eq!(a.hv.host().signalled(), []);
}

#[test]
fn a_full_ring_asks_its_receiver_for_notify() {
    let [a, b] = to_ring(USE_FLAGS);
    let mem = b.mem(80, a.id);
    assert_eq!(a.send(b.id, 80, &[0; 32]), 32);
    assert_eq!(mem.load(Word::Space), 0);
    assert_eq!(a.send(b.id, 80, b"x"), err(Errno::AGAIN));
    assert_eq!(mem.load(Word::Space), space::PENDING);
    b.reader(80, a.id).take();
    assert!(wake::signal_space(&mem).pending());
    a.hv.host().happened();
    b.notify();
    assert_eq!(
        a.hv.host().happened(),
        [
            Happened::SignalSpace(b.ring(80, a.id), a.id),
            Happened::Signal(a.id)
        ]
    );
}

#[test]
fn notify_asks_again_where_somebody_still_waits() {
    let [a, b] = to_ring(USE_FLAGS);
    let mem = b.mem(80, a.id);
    assert_eq!(a.send(b.id, 80, b""), 0);
    assert_eq!(a.send(b.id, 80, b""), 0);
    assert_eq!(a.send(b.id, 80, &[0; 32]), err(Errno::AGAIN));
    let mut reader = b.reader(80, a.id);
    reader.take();
    wake::signal_space(&mem);
    b.notify();
    assert_eq!(
        mem.load(Word::Space),
        space::PENDING,
        "16 bytes are too few for it"
    );
    reader.take();
    wake::signal_space(&mem);
    a.hv.host().happened();
    b.notify();
    assert_eq!(a.hv.host().signalled(), [a.id]);
    assert_eq!(mem.load(Word::Space), 0);
}

#[test]
fn the_flag_counts_for_senders_that_wait_already() {
    let [a, b] = to_ring(0);
    assert_eq!(a.send(b.id, 80, &[0; 32]), 32);
    assert_eq!(a.send(b.id, 80, b"x"), err(Errno::AGAIN));
    assert_eq!(b.set(80, a.id, USE_FLAGS, 0), 0);
    assert_eq!(b.mem(80, a.id).load(Word::Space), space::PENDING);
}

#[test]
fn space_that_comes_free_while_a_sender_queues_wakes_it_at_once() {
    let [a, b] = to_ring(USE_FLAGS);
    assert_eq!(a.send(b.id, 80, &[0; 32]), 32);
    // Full when the sender looks, empty when it looks once more; the receiver saw no PENDING and called nothing.
    b.mem(80, a.id).script([(Word::Rx, 0), (Word::Rx, 48)]);
    a.hv.host().happened();
    assert_eq!(a.send(b.id, 80, b"x"), err(Errno::AGAIN));
    assert_eq!(a.hv.host().signalled(), [a.id]);
    assert_eq!(a.send(b.id, 80, b"x"), 1);
}
