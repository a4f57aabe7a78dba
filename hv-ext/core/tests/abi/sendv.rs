//! sendv, check by check.

use crate::{NOBODY, err, pair};
use v4v_hv::abi::OP_SENDV;
use v4v_hv::testing::{Guest, Question, domains};
use v4v_hv::{Addr, DomId, Errno, RingId};
use v4v_ring::RingMem;
use v4v_ring::Word;

const BAD: u64 = 0;
const MAX: u32 = 0xFF_FFE0;

/// A sends to B, which has a ring of `len` bytes at port 80.
fn to_ring(len: u32) -> [Guest; 2] {
    let [a, b] = pair();
    assert_eq!(b.register(80, a.id, len), 0);
    [a, b]
}

fn addressed(g: &Guest, src: Addr, dst: Addr) -> i64 {
    g.put_addr(src, dst);
    g.call(OP_SENDV, Guest::STRUCT, Guest::IOVS, 0, 7)
}

#[test]
fn sendv_0_returns_the_payload_length_and_signals_the_destination() {
    let [a, b] = to_ring(256);
    a.hv.host().happened();
    assert_eq!(a.send(b.id, 80, b"hello"), 5);
    assert_eq!(a.hv.host().signalled(), [b.id]);
    let got = b.reader(80, a.id).take().expect("a message");
    assert_eq!(
        (got.source, got.kind, &got.payload[..]),
        (Addr::new(a.id, 9), 7, &b"hello"[..])
    );
}

#[test]
fn sendv_0_gathers_its_buffers_in_order() {
    let [a, b] = to_ring(256);
    a.poke(Guest::DATA, b"abcdef");
    let d = Guest::DATA;
    assert_eq!(
        a.send_iovs(b.id, 80, &[(d + 4, 2, 0), (d, 0, 0), (d, 3, 0), (BAD, 0, 0)]),
        5
    );
    assert_eq!(b.reader(80, a.id).take().expect("a message").payload, b"efabc");
}

#[test]
fn sendv_0_no_buffers_or_empty_ones_send_a_header_only() {
    let [a, b] = to_ring(256);
    assert_eq!(a.send_iovs(b.id, 80, &[]), 0);
    assert_eq!(a.send_iovs(b.id, 80, &[(BAD, 0, 0); 8]), 0);
    a.put_addr(Addr::new(a.id, 9), Addr::new(b.id, 80));
    assert_eq!(
        a.call(OP_SENDV, Guest::STRUCT, BAD, 0, 7),
        0,
        "where no buffers are read, their handle may be bad"
    );
    let mut reader = b.reader(80, a.id);
    for _ in 0..3 {
        assert_eq!(reader.take().expect("a message").payload, b"");
    }
}

#[test]
fn sendv_1_a_bad_address_handle_is_efault_before_2() {
    let [a, _] = pair();
    assert_eq!(a.call(OP_SENDV, BAD, Guest::IOVS, 9, 7), err(Errno::FAULT));
}

#[test]
fn sendv_2_niov_above_8_is_einval_before_3() {
    let [a, _] = pair();
    assert_eq!(a.call(OP_SENDV, Guest::STRUCT, BAD, 9, 7), err(Errno::INVAL));
}

#[test]
fn sendv_3_a_bad_iov_handle_is_efault_before_4() {
    let [a, _] = pair();
    a.poke(Guest::STRUCT, &[0xFF; 16]);
    assert_eq!(a.call(OP_SENDV, Guest::STRUCT, BAD, 1, 7), err(Errno::FAULT));
}

#[test]
fn sendv_4_a_pad_is_einval_before_5() {
    let [a, b] = pair();
    for pad_at in [6, 14] {
        a.put_addr(Addr::new(b.id, 9), Addr::new(b.id, 80));
        a.poke(Guest::STRUCT + pad_at, &[1]);
        assert_eq!(
            a.call(OP_SENDV, Guest::STRUCT, Guest::IOVS, 0, 7),
            err(Errno::INVAL)
        );
    }
}

#[test]
fn sendv_5_a_false_source_is_eperm_before_6() {
    let [a, b] = pair();
    for src in [b.id, NOBODY, DomId(0x7FF0)] {
        assert_eq!(
            addressed(&a, Addr::new(src, 9), Addr::new(NOBODY, 80)),
            err(Errno::PERM)
        );
    }
}

#[test]
fn sendv_5_source_any_means_self() {
    let [a, b] = to_ring(64);
    assert_eq!(addressed(&a, Addr::new(DomId::ANY, 9), Addr::new(b.id, 80)), 0);
    assert_eq!(
        b.reader(80, a.id).take().expect("a message").source,
        Addr::new(a.id, 9)
    );
}

#[test]
fn sendv_6_no_such_destination_is_esrch_before_7() {
    let [a, _] = pair();
    for dst in [NOBODY, DomId::ANY, DomId(0x7FF0)] {
        a.hv.host()
            .deny(Question::Send(a.id, Addr::new(dst, 80)), Errno::ACCES);
        assert_eq!(
            addressed(&a, Addr::new(a.id, 9), Addr::new(dst, 80)),
            err(Errno::SRCH)
        );
    }
}

#[test]
fn sendv_7_xsm_denies_with_its_errno_before_8() {
    let [a, b] = to_ring(64);
    a.hv.host()
        .deny(Question::Send(a.id, Addr::new(b.id, 80)), Errno::ACCES);
    assert_eq!(a.send(b.id, 80, b"x"), err(Errno::ACCES));
    a.hv.domain_destroy(a.id);
    assert_eq!(a.send(b.id, 80, b"x"), err(Errno::ACCES));
}

#[test]
fn sendv_8_a_caller_without_state_is_enodev_before_9() {
    let [a, b] = pair();
    a.hv.domain_destroy(a.id);
    assert_eq!(a.send(b.id, 80, b"x"), err(Errno::NODEV));
    a.hv.domain_destroy(b.id);
    assert_eq!(a.send(b.id, 80, b"x"), err(Errno::NODEV));
}

#[test]
fn sendv_9_a_destination_without_state_is_econnrefused() {
    let [a, b] = to_ring(64);
    a.hv.domain_destroy(b.id);
    assert_eq!(a.send(b.id, 80, b"x"), err(Errno::CONNREFUSED));
}

#[test]
fn sendv_10_no_ring_is_econnrefused_before_11() {
    let [a, b] = to_ring(64);
    assert_eq!(a.send(b.id, 81, b"x"), err(Errno::CONNREFUSED));
    assert_eq!(
        a.send_iovs(b.id, 81, &[(Guest::DATA, 1, 1)]),
        err(Errno::CONNREFUSED)
    );
}

#[test]
fn sendv_10_another_domains_ring_is_econnrefused() {
    let [_, b] = to_ring(64);
    let [c] = domains(&b.hv, [3]);
    assert_eq!(c.send(b.id, 80, b"x"), err(Errno::CONNREFUSED));
}

#[test]
fn sendv_10_the_ring_for_this_partner_goes_before_the_wildcard() {
    let [a, b] = to_ring(64);
    let [c] = domains(&b.hv, [3]);
    assert_eq!(b.register(80, DomId::ANY, 64), 0);
    assert_eq!(a.send(b.id, 80, b"a"), 1);
    assert_eq!(c.send(b.id, 80, b"c"), 1);
    assert_eq!(b.reader(80, a.id).take().expect("a message").payload, b"a");
    assert_eq!(b.reader(80, DomId::ANY).take().expect("a message").payload, b"c");
}

#[test]
fn sendv_10_a_full_ring_of_its_own_does_not_overflow_into_the_wildcard() {
    let [a, b] = to_ring(64);
    assert_eq!(b.register(80, DomId::ANY, 64), 0);
    assert_eq!(a.send(b.id, 80, &[0; 32]), 32);
    assert_eq!(a.send(b.id, 80, b"x"), err(Errno::AGAIN));
    assert_eq!(b.unregister(80, a.id), 0);
    assert_eq!(a.send(b.id, 80, b"x"), 1, "now it meets the wildcard ring");
}

#[test]
fn sendv_11_an_iov_pad_is_einval() {
    let [a, b] = to_ring(64);
    let d = Guest::DATA;
    assert_eq!(a.send_iovs(b.id, 80, &[(d, 1, 0), (d, 1, 1)]), err(Errno::INVAL));
}

#[test]
fn sendv_11_an_iov_above_the_largest_message_is_einval() {
    let [a, b] = to_ring(64);
    assert_eq!(
        a.send_iovs(b.id, 80, &[(Guest::DATA, MAX + 1, 0)]),
        err(Errno::INVAL)
    );
    assert_eq!(
        a.send_iovs(b.id, 80, &[(Guest::DATA, u32::MAX, 0)]),
        err(Errno::INVAL)
    );
    assert_eq!(
        a.send_iovs(b.id, 80, &[(Guest::DATA, MAX, 0)]),
        err(Errno::MSGSIZE),
        "only 12 refuses this one"
    );
}

#[test]
fn sendv_11_a_sum_above_the_largest_message_is_emsgsize() {
    let [a, b] = to_ring(64);
    let d = Guest::DATA;
    assert_eq!(
        a.send_iovs(b.id, 80, &[(d, MAX, 0), (d, 1, 0)]),
        err(Errno::MSGSIZE)
    );
    assert_eq!(a.send_iovs(b.id, 80, &[(d, MAX, 0); 8]), err(Errno::MSGSIZE));
}

#[test]
fn sendv_11_checks_buffer_by_buffer() {
    let [a, b] = to_ring(64);
    let d = Guest::DATA;
    // The sum fails at the second buffer, before the third one's pad is seen; and the other way round.
    assert_eq!(
        a.send_iovs(b.id, 80, &[(d, MAX, 0), (d, 1, 0), (d, 1, 1)]),
        err(Errno::MSGSIZE)
    );
    assert_eq!(
        a.send_iovs(b.id, 80, &[(d, MAX, 1), (d, 1, 0)]),
        err(Errno::INVAL)
    );
    assert_eq!(a.send_iovs(b.id, 80, &[(d, MAX + 1, 1)]), err(Errno::INVAL));
}

#[test]
fn sendv_11_comes_before_12() {
    let [a, b] = to_ring(48);
    assert_eq!(
        a.send_iovs(b.id, 80, &[(Guest::DATA, 4000, 1)]),
        err(Errno::INVAL)
    );
}

#[test]
fn sendv_12_what_can_never_fit_is_emsgsize_and_queues_nothing() {
    let [a, b] = to_ring(48);
    assert_eq!(
        a.send(b.id, 80, &[0; 17]),
        err(Errno::MSGSIZE),
        "16 + 32 is the whole ring"
    );
    assert_eq!(a.send(b.id, 80, &[0; 16]), 16, "one slot stays free");
    assert_eq!(
        a.send(b.id, 80, &[0; 17]),
        err(Errno::MSGSIZE),
        "also where it is full: 12 comes before 14"
    );
    a.hv.for_each_ring(b.id, |ring| assert_eq!(ring.pending, 0));
}

#[test]
fn sendv_14_full_is_eagain_and_queues() {
    let [a, b] = to_ring(64);
    assert_eq!(a.send(b.id, 80, &[1; 17]), 17);
    // 48 of 64 bytes are used; a header-only message would leave nothing free.
    assert_eq!(a.send(b.id, 80, b""), err(Errno::AGAIN));
    a.hv.for_each_ring(b.id, |ring| assert_eq!(ring.pending, 1));
    a.hv.host().happened();
    b.reader(80, a.id).take();
    assert_eq!(b.notify(), 0);
    assert_eq!(a.hv.host().signalled(), [a.id]);
    assert_eq!(a.send(b.id, 80, b""), 0);
}

#[test]
fn sendv_14_comes_before_15() {
    let [a, b] = to_ring(64);
    assert_eq!(a.send(b.id, 80, &[1; 17]), 17);
    assert_eq!(a.send_iovs(b.id, 80, &[(BAD, 1, 0)]), err(Errno::AGAIN));
}

/// A full wildcard ring of domain 0, and `n` other domains.
fn crowd(n: u16) -> (Guest, Vec<Guest>) {
    let [b, _] = pair();
    let others: Vec<Guest> = (10..10 + n).flat_map(|id| domains(&b.hv, [id])).collect();
    assert_eq!(b.register(80, DomId::ANY, 64), 0);
    assert_eq!(others[0].send(b.id, 80, &[0; 32]), 32);
    (b, others)
}

#[test]
fn sendv_14_ebusy_replaces_eagain_where_32_wait_already() {
    let (b, others) = crowd(33);
    for other in &others[..32] {
        assert_eq!(other.send(b.id, 80, b"x"), err(Errno::AGAIN));
    }
    assert_eq!(others[32].send(b.id, 80, b"x"), err(Errno::BUSY));
    assert_eq!(
        others[31].send(b.id, 80, b"xx"),
        err(Errno::AGAIN),
        "who waits already may go on waiting"
    );
}

#[test]
fn sendv_14_enomem_replaces_eagain() {
    let [a, b] = to_ring(64);
    assert_eq!(a.send(b.id, 80, &[1; 32]), 32);
    // The entry, the owner's list of rings.
    for n in [0, 1] {
        a.hv.host().fail_allocation(Some(n));
        assert_eq!(a.send(b.id, 80, b"x"), err(Errno::NOMEM));
        a.hv.for_each_ring(b.id, |ring| assert_eq!(ring.pending, 0));
    }
    assert_eq!(a.send(b.id, 80, b"x"), err(Errno::AGAIN));
}

#[test]
fn sendv_15_a_bad_buffer_is_efault_and_tx_ptr_does_not_move() {
    let [a, b] = to_ring(256);
    a.hv.host().happened();
    let d = Guest::DATA;
    for bad in [
        [(BAD, 1, 0), (d, 1, 0)],
        [(d, 1, 0), (u64::MAX, 2, 0)],
        [(d, 1, 0), ((1 << 20) - 1, 2, 0)],
    ] {
        assert_eq!(a.send_iovs(b.id, 80, &bad), err(Errno::FAULT));
    }
    assert_eq!(b.mem(80, a.id).load(Word::Tx), 0);
    assert_eq!(a.hv.host().signalled(), []);
    assert_eq!(a.send(b.id, 80, b"next"), 4);
    assert_eq!(b.reader(80, a.id).take().expect("a message").payload, b"next");
}

#[test]
fn sendv_reads_every_byte_once() {
    let [a, b] = to_ring(64);
    // The message wraps at the ring's end.
    assert_eq!(a.send(b.id, 80, &[0; 16]), 16);
    b.reader(80, a.id).take();
    a.hv.host().reads();
    assert_eq!(a.send(b.id, 80, &[1; 30]), 30);
    let mut reads = a.hv.host().reads();
    reads.sort_by_key(|r| r.start);
    assert!(reads.windows(2).all(|w| w[0].end <= w[1].start), "{reads:?}");
    assert_eq!(reads.iter().map(|r| r.end - r.start).sum::<u64>(), 16 + 16 + 30);
}

#[test]
fn sendv_to_oneself_works() {
    let [a, _] = pair();
    assert_eq!(a.register(80, a.id, 64), 0);
    assert_eq!(a.send(a.id, 80, b"me"), 2);
    let id = RingId {
        owner: a.id,
        port: 80,
        partner: a.id,
    };
    assert_eq!(a.hv.ring_mem(id).expect("a ring").load(Word::Tx), 32);
}

#[test]
fn sendv_the_largest_message_fits_the_largest_ring() {
    let [a, b] = to_ring(0xFF_FFC0);
    // 16 MiB − 96: header and free slot taken off the largest usable ring. Buffers may overlap.
    let (d, part) = (Guest::DATA, 0x8_0000);
    let rest = 0xFF_FFC0 - 32 - 7 * part;
    assert!(rest > part, "one buffer alone exceeds memory");
    assert_eq!(
        a.send_iovs(b.id, 80, &[(d, 0xFF_FFC0 - 16, 0)]),
        err(Errno::MSGSIZE)
    );
    assert_eq!(a.send_iovs(b.id, 80, &[(d, part, 0); 8]), i64::from(8 * part));
}
