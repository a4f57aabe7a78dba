//! What the ABI promises beyond its checks: registering again, corrupt cursors, pending entries.

use crate::{err, pair};
use v4v_hv::testing::{Guest, domains};
use v4v_hv::{DomId, Errno};
use v4v_ring::{RingMem, Word};

fn to_ring(len: u32) -> [Guest; 2] {
    let [a, b] = pair();
    assert_eq!(b.register(80, a.id, len), 0);
    [a, b]
}

#[test]
fn reregister_replaces_the_pages() {
    let [a, b] = to_ring(64);
    assert_eq!(b.register_on(80, a.id, 64, 5, 0), 0);
    assert_eq!(a.send(b.id, 80, b"x"), 1);
    assert_eq!(b.mem(80, a.id).load(Word::Tx), 0, "the old page");
    assert_eq!(
        b.hv.host().frame(b.id, 5).expect("the new page").load(Word::Tx),
        32
    );
    assert_eq!(b.hv.host().mappings(), 1, "the old page was given back");
}

#[test]
fn reregister_reads_tx_ptr_from_the_new_page() {
    let [a, b] = to_ring(64);
    assert_eq!(a.send(b.id, 80, b"x"), 1);
    assert_eq!(b.register(80, a.id, 64), 0);
    assert_eq!(a.send(b.id, 80, b""), 0);
    assert_eq!(b.mem(80, a.id).load(Word::Tx), 48, "it went on where it was");
}

#[test]
fn register_puts_an_invalid_tx_ptr_right() {
    let [a, b] = to_ring(64);
    for (tx, rx, expected) in [
        (33, 17, 32),
        (64, 32, 32),
        (u32::MAX, 63, 0),
        (1, u32::MAX, 0),
        (48, 0, 48),
    ] {
        let mem = b.mem(80, a.id);
        mem.store(Word::Tx, tx);
        mem.store(Word::Rx, rx);
        assert_eq!(b.register(80, a.id, 64), 0);
        assert_eq!(mem.load(Word::Tx), expected);
    }
}

#[test]
fn reregister_keeps_the_pending_list() {
    let [a, b] = to_ring(64);
    assert_eq!(a.send(b.id, 80, &[0; 32]), 32);
    assert_eq!(a.send(b.id, 80, b"x"), err(Errno::AGAIN));
    assert_eq!(b.register_on(80, a.id, 64, 5, 0), 0);
    a.hv.host().happened();
    assert_eq!(b.notify(), 0);
    assert_eq!(a.hv.host().signalled(), [a.id]);
}

#[test]
fn a_corrupt_rx_ptr_is_rounded_up_or_zeroed() {
    // tx_ptr is 0: what rx_ptr says, and the longest message that then fits a ring of 64 bytes. Where it comes out as 0
    // the ring is empty.
    for (rx, longest) in [
        (33, Some(16)),
        (47, Some(16)),
        (17, Some(0)),
        (1, None),
        (16, None),
        (49, Some(32)),
    ] {
        corrupt(rx, longest);
    }
    for rx in [0, 64, 65, 63 + 16, u32::MAX, u32::MAX - 15, 0x8000_0000] {
        corrupt(rx, Some(32));
    }
}

fn corrupt(rx: u32, longest: Option<u32>) {
    let [a, b] = to_ring(64);
    b.mem(80, a.id).store(Word::Rx, rx);
    assert_eq!(b.register(80, a.id, 64), 0);
    let send = |len: u32| a.send(b.id, 80, &vec![0; len as usize]);
    match longest {
        None => assert_eq!(send(0), err(Errno::AGAIN), "rx_ptr {rx}"),
        Some(len) => {
            let errno = if len == 32 { Errno::MSGSIZE } else { Errno::AGAIN };
            assert_eq!(send(len + 1), err(errno), "rx_ptr {rx}");
            assert_eq!(send(len), i64::from(len), "rx_ptr {rx}");
        }
    }
}

#[test]
fn every_sendv_reads_rx_ptr_anew() {
    let [a, b] = to_ring(256);
    assert_eq!(a.send(b.id, 80, b"one"), 3);
    // One slot behind tx_ptr: full, by the receiver's word, although there was room a moment ago.
    b.mem(80, a.id).store(Word::Rx, 48);
    assert_eq!(a.send(b.id, 80, b"two"), err(Errno::AGAIN));
    b.mem(80, a.id).store(Word::Rx, 32);
    assert_eq!(a.send(b.id, 80, b"two"), 3);
}

#[test]
fn the_shared_tx_ptr_is_never_believed() {
    let [a, b] = to_ring(256);
    assert_eq!(a.send(b.id, 80, b"one"), 3);
    b.mem(80, a.id).store(Word::Tx, 0xDEAD_BEEF);
    assert_eq!(a.send(b.id, 80, b"two"), 3);
    assert_eq!(b.mem(80, a.id).load(Word::Tx), 64);
    let mut reader = b.reader(80, a.id);
    assert_eq!(reader.take().expect("a message").payload, b"one");
    assert_eq!(reader.take().expect("a message").payload, b"two");
}

#[test]
fn an_rx_ptr_that_changes_between_reads_harms_nobody_else() {
    for values in [[0, 0x40], [0x40, 0], [u32::MAX, 0x30], [0x31, 0x31], [0xFF, 1]] {
        let [a, b] = to_ring(256);
        assert_eq!(b.register(81, DomId::ANY, 256), 0);
        b.mem(80, a.id)
            .script(values.into_iter().cycle().take(64).map(|v| (Word::Rx, v)));
        for n in 0..20 {
            let sent = a.send(b.id, 80, &vec![n; n.into()]);
            assert!(sent == i64::from(n) || sent == err(Errno::AGAIN), "{sent}");
            assert!(b.mem(80, a.id).load(Word::Tx) < 256);
        }
        b.notify();
        assert_eq!(a.send(b.id, 81, b"x"), 1, "the other ring works");
    }
}

#[test]
fn pending_keeps_the_largest_len() {
    let [a, b] = to_ring(128);
    assert_eq!(a.send(b.id, 80, &[0; 32]), 32);
    assert_eq!(a.send(b.id, 80, &[0; 32]), 32);
    for len in [64, 96, 16] {
        assert_eq!(a.send(b.id, 80, &vec![0; len]), err(Errno::AGAIN));
    }
    b.hv.for_each_ring(b.id, |ring| assert_eq!(ring.pending, 1));
    let mut reader = b.reader(80, a.id);
    reader.take();
    a.hv.host().happened();
    b.notify();
    assert_eq!(a.hv.host().signalled(), [], "64 would fit, 96 waits");
    reader.take();
    b.notify();
    assert_eq!(a.hv.host().signalled(), [a.id]);
}

#[test]
fn a_message_wraps_at_the_rings_end() {
    let [a, b] = to_ring(112);
    let mut reader = b.reader(80, a.id);
    for n in 0..50_u8 {
        let payload: Vec<u8> = (0..n % 60).map(|i| i ^ n).collect();
        assert_eq!(a.send(b.id, 80, &payload), payload.len() as i64);
        assert_eq!(reader.take().expect("a message").payload, payload);
    }
}

#[test]
fn a_sender_learns_nothing_of_other_domains_entries() {
    let [a, b] = pair();
    let [c] = domains(&a.hv, [3]);
    assert_eq!(b.register(80, c.id, 64), 0);
    assert_eq!(a.ask(v4v_hv::Addr::new(b.id, 80), 1).1, 0);
}
