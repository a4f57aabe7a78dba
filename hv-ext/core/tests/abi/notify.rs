//! notify, check by check.

use crate::{NOBODY, err, pair};
use v4v_hv::abi::{OP_NOTIFY, ring_flags as flag};
use v4v_hv::testing::{Guest, Question, domains};
use v4v_hv::{Addr, DomId, Errno};

const BAD: u64 = 0x10;
const UNTOUCHED: u32 = 0xAAAA_AAAA;

/// B has a ring of 128 bytes for A at port 80.
fn to_ring() -> [Guest; 2] {
    let [a, b] = pair();
    assert_eq!(b.register(80, a.id, 128), 0);
    [a, b]
}

fn pending(g: &Guest) -> usize {
    let mut n = 0;
    g.hv.for_each_ring(g.id, |ring| n += ring.pending);
    n
}

#[test]
fn notify_1_a_further_argument_is_einval_before_2() {
    let [a, _] = pair();
    a.hv.domain_destroy(a.id);
    for (arg2, arg3, arg4) in [(1, 0, 0), (0, 1, 0), (0, 0, 1)] {
        assert_eq!(a.call(OP_NOTIFY, 0, arg2, arg3, arg4), err(Errno::INVAL));
    }
}

#[test]
fn notify_2_a_caller_without_state_is_enodev_before_the_header() {
    let [a, _] = pair();
    a.hv.domain_destroy(a.id);
    assert_eq!(a.call(OP_NOTIFY, BAD, 0, 0, 0), err(Errno::NODEV));
}

#[test]
fn notify_3_fires_own_pending_entries_before_the_header_is_read() {
    let [a, b] = to_ring();
    assert_eq!(a.send(b.id, 80, &[0; 96]), 96);
    assert_eq!(a.send(b.id, 80, b"x"), err(Errno::AGAIN));
    b.reader(80, a.id).take();
    a.hv.host().happened();
    assert_eq!(b.call(OP_NOTIFY, BAD, 0, 0, 0), err(Errno::FAULT));
    assert_eq!(a.hv.host().signalled(), [a.id]);
}

#[test]
fn notify_3_fires_only_what_fits() {
    let [a, b] = to_ring();
    let [c] = domains(&a.hv, [3]);
    assert_eq!(b.register(81, DomId::ANY, 128), 0);
    for sender in [&a, &a, &a] {
        assert_eq!(sender.send(b.id, 81, &[0; 16]), 16);
    }
    assert_eq!(a.send(b.id, 81, &[0; 64]), err(Errno::AGAIN));
    assert_eq!(c.send(b.id, 81, &[0; 16]), err(Errno::AGAIN));
    a.hv.host().happened();
    b.notify();
    assert_eq!(a.hv.host().signalled(), [], "nothing was read");
    let mut reader = b.reader(81, DomId::ANY);
    reader.take();
    b.notify();
    assert_eq!(a.hv.host().signalled(), [c.id]);
    reader.take();
    reader.take();
    b.notify();
    assert_eq!(a.hv.host().signalled(), [a.id]);
    b.notify();
    assert_eq!(a.hv.host().signalled(), [], "each entry fires once");
}

#[test]
fn notify_4_a_null_argument_returns_0() {
    let [a, _] = pair();
    assert_eq!(a.notify(), 0);
}

#[test]
fn notify_5_a_bad_header_is_efault() {
    let [a, _] = pair();
    assert_eq!(a.call(OP_NOTIFY, BAD, 0, 0, 0), err(Errno::FAULT));
}

#[test]
fn notify_6_nent_above_256_is_eacces_before_7() {
    let [a, _] = pair();
    a.hv.host().make_pv(a.id);
    let last = (1 << 20) - 8;
    a.poke(last, &257_u64.to_le_bytes());
    assert_eq!(a.call(OP_NOTIFY, last, 0, 0, 0), err(Errno::ACCES));
    a.poke(last, &256_u64.to_le_bytes());
    assert_eq!(a.call(OP_NOTIFY, last, 0, 0, 0), err(Errno::FAULT));
}

#[test]
fn notify_7_a_pv_guests_range_is_efault_before_any_entry() {
    let [a, b] = to_ring();
    let at = (1 << 20) - 8 - 20;
    for pv in [false, true] {
        if pv {
            a.hv.host().make_pv(a.id);
        }
        a.put_questions(&[(Addr::new(b.id, 80), 1), (Addr::new(b.id, 80), 1)]);
        let questions = a.peek(Guest::STRUCT, 28);
        a.poke(at, &questions);
        assert_eq!(a.call(OP_NOTIFY, at, 0, 0, 0), err(Errno::FAULT));
        let answered = a.peek(at + 8 + 8, 2) != [0xAA, 0xAA];
        assert_eq!(answered, !pv, "others fail at the entry that is bad");
    }
}

#[test]
fn notify_7_256_entries_are_answered() {
    let [a, b] = to_ring();
    a.put_questions(&[(Addr::new(b.id, 80), 0); 256]);
    assert_eq!(a.call(OP_NOTIFY, Guest::STRUCT, 0, 0, 0), 0);
    assert_eq!(a.answer(255).1, 96);
}

#[test]
fn notify_8_xsm_stops_the_loop_with_its_errno() {
    let [a, b] = to_ring();
    a.hv.host()
        .deny(Question::Send(a.id, Addr::new(b.id, 81)), Errno::ACCES);
    a.put_questions(&[
        (Addr::new(b.id, 80), 0),
        (Addr::new(b.id, 81), 0),
        (Addr::new(b.id, 80), 0),
    ]);
    assert_eq!(a.call(OP_NOTIFY, Guest::STRUCT, 0, 0, 0), err(Errno::ACCES));
    assert_eq!(a.answer(0).1, 96);
    assert_eq!(a.answer(1), (0xAAAA, UNTOUCHED));
    assert_eq!(a.answer(2), (0xAAAA, UNTOUCHED));
}

#[test]
fn notify_8_enomem_stops_the_loop() {
    let [a, b] = to_ring();
    assert_eq!(a.send(b.id, 80, &[0; 96]), 96);
    a.put_questions(&[(Addr::new(b.id, 80), 1), (Addr::new(b.id, 80), 0)]);
    for n in [0, 1] {
        a.hv.host().fail_allocation(Some(n));
        assert_eq!(a.call(OP_NOTIFY, Guest::STRUCT, 0, 0, 0), err(Errno::NOMEM));
        assert_eq!(a.answer(0), (0xAAAA, UNTOUCHED));
        assert_eq!(pending(&b), 0);
    }
}

#[test]
fn notify_8_a_full_queue_sets_ebusy_and_goes_on() {
    let [a, b] = to_ring();
    assert_eq!(b.register(81, DomId::ANY, 64), 0);
    assert_eq!(a.send(b.id, 81, &[0; 32]), 32);
    for id in 10..42 {
        let [other] = domains(&a.hv, [id]);
        assert_eq!(
            other.ask(Addr::new(b.id, 81), 1),
            (0, flag::EXISTS | flag::SHARED, 32)
        );
    }
    a.put_questions(&[(Addr::new(b.id, 81), 1), (Addr::new(b.id, 80), 0)]);
    assert_eq!(a.call(OP_NOTIFY, Guest::STRUCT, 0, 0, 0), 0);
    assert_eq!(a.answer(0), (flag::EXISTS | flag::SHARED | flag::EBUSY, 32));
    assert_eq!(a.answer(1).0, flag::EXISTS | flag::EMPTY | flag::SUFFICIENT);
}

#[test]
fn notify_8_pads_are_unchecked() {
    let [a, b] = to_ring();
    a.put_questions(&[(Addr::new(b.id, 80), 0)]);
    a.poke(Guest::STRUCT + 4, &[1; 4]);
    a.poke(Guest::STRUCT + 8 + 6, &[1; 2]);
    assert_eq!(a.call(OP_NOTIFY, Guest::STRUCT, 0, 0, 0), 0);
    assert_eq!(a.answer(0).1, 96);
}

#[test]
fn notify_8_answers_only_flags_and_max() {
    let [a, b] = to_ring();
    a.put_questions(&[(Addr::new(b.id, 80), 3)]);
    a.poke(Guest::STRUCT + 8 + 6, &[1; 2]);
    let mut expected = a.peek(Guest::STRUCT, 28);
    assert_eq!(a.call(OP_NOTIFY, Guest::STRUCT, 0, 0, 0), 0);
    expected[16..18].copy_from_slice(&13_u16.to_le_bytes());
    expected[24..28].copy_from_slice(&96_u32.to_le_bytes());
    assert_eq!(a.peek(Guest::STRUCT, 28), expected);
}

#[test]
fn notify_9_no_ring_gives_flags_0_and_max_unchanged() {
    let [a, b] = to_ring();
    let [c] = domains(&a.hv, [3]);
    a.hv.domain_destroy(c.id);
    for ring in [(b.id, 81), (NOBODY, 80), (DomId::ANY, 80), (c.id, 80)] {
        assert_eq!(a.ask(Addr::new(ring.0, ring.1), 1), (0, 0, UNTOUCHED));
    }
}

#[test]
fn notify_9_no_state_goes_before_xsm() {
    let [a, b] = to_ring();
    a.hv.host()
        .deny(Question::Send(a.id, Addr::new(b.id, 80)), Errno::ACCES);
    a.hv.domain_destroy(b.id);
    assert_eq!(a.ask(Addr::new(b.id, 80), 1), (0, 0, UNTOUCHED));
}

#[test]
fn notify_10_flags_tell_the_rings_state() {
    let [a, b] = to_ring();
    let ring = Addr::new(b.id, 80);
    assert_eq!(
        a.ask(ring, 96),
        (0, flag::EXISTS | flag::EMPTY | flag::SUFFICIENT, 96)
    );
    assert_eq!(
        a.ask(ring, 97),
        (0, flag::EXISTS | flag::EMPTY | flag::EMSGSIZE, 96)
    );
    assert_eq!(a.send(b.id, 80, b"x"), 1);
    assert_eq!(a.ask(ring, 64), (0, flag::EXISTS | flag::SUFFICIENT, 96));
    assert_eq!(a.ask(ring, 65), (0, flag::EXISTS, 96));
    assert_eq!(b.register(81, DomId::ANY, 128), 0);
    assert_eq!(
        a.ask(Addr::new(b.id, 81), 0).1,
        flag::EXISTS | flag::SHARED | flag::EMPTY | flag::SUFFICIENT
    );
}

#[test]
fn notify_10_space_required_0_is_sufficient_even_where_full() {
    let [a, b] = to_ring();
    assert_eq!(a.send(b.id, 80, &[0; 96]), 96);
    assert_eq!(
        a.ask(Addr::new(b.id, 80), 0),
        (0, flag::EXISTS | flag::SUFFICIENT, 96)
    );
}

#[test]
fn notify_10_too_little_space_queues() {
    let [a, b] = to_ring();
    assert_eq!(a.send(b.id, 80, &[0; 96]), 96);
    assert_eq!(a.ask(Addr::new(b.id, 80), 1).1, flag::EXISTS);
    assert_eq!(pending(&b), 1);
    b.reader(80, a.id).take();
    a.hv.host().happened();
    b.notify();
    assert_eq!(a.hv.host().signalled(), [a.id]);
}

#[test]
fn notify_10_sufficient_cancels_only_the_callers_entry() {
    let [a, b] = to_ring();
    let [c] = domains(&a.hv, [3]);
    assert_eq!(b.register(81, DomId::ANY, 128), 0);
    assert_eq!(a.send(b.id, 81, &[0; 96]), 96);
    for sender in [&a, &c] {
        assert_eq!(sender.send(b.id, 81, b"x"), err(Errno::AGAIN));
    }
    assert_eq!(pending(&b), 2);
    assert_eq!(a.ask(Addr::new(b.id, 81), 0).0, 0);
    assert_eq!(pending(&b), 1);
    b.reader(81, DomId::ANY).take();
    a.hv.host().happened();
    b.notify();
    assert_eq!(a.hv.host().signalled(), [c.id]);
}

#[test]
fn notify_10_emsgsize_leaves_the_entry() {
    let [a, b] = to_ring();
    assert_eq!(a.send(b.id, 80, &[0; 96]), 96);
    assert_eq!(a.send(b.id, 80, b"x"), err(Errno::AGAIN));
    assert_eq!(a.ask(Addr::new(b.id, 80), 97).1, flag::EXISTS | flag::EMSGSIZE);
    assert_eq!(pending(&b), 1);
}
