//! Arithmetic on ring offsets: pure numbers, no memory.
//!
//! A cursor is a byte offset below the ring's length and a multiple of [`SLOT`]. Equal cursors mean an empty ring, so a full
//! one keeps a slot free.

use crate::layout::{SLOT, round_up};

/// Bytes between the cursors: what the producer has written and the receiver has not read.
#[must_use]
pub const fn used(rx: u32, tx: u32, len: u32) -> u32 {
    if tx >= rx { tx - rx } else { len - rx + tx }
}

/// Bytes that a producer at `tx` may count on; one slot of them always stays unwritten.
#[must_use]
pub const fn free(rx: u32, tx: u32, len: u32) -> u32 {
    len - used(rx, tx, len)
}

/// `n` bytes (at most `len`) further round the ring.
#[must_use]
pub const fn advance(pos: u32, n: u32, len: u32) -> u32 {
    let left = len - pos;
    if n >= left { n - left } else { pos + n }
}

/// How `n` bytes from `pos` split at the ring's end: bytes before it, bytes from offset 0.
#[must_use]
pub const fn split(pos: u32, n: u32, len: u32) -> (u32, u32) {
    let left = len - pos;
    if n <= left { (n, 0) } else { (left, n - left) }
}

/// A receiver's cursor as the hypervisor takes it: rounded up to a slot, and 0 where it lies outside the ring.
///
/// The receiver owns the word and may write nonsense; the damage stays with its own ring.
#[must_use]
pub const fn sanitize_rx(raw: u32, len: u32) -> u32 {
    match raw.checked_next_multiple_of(SLOT) {
        Some(rx) if rx < len => rx,
        _ => 0,
    }
}

/// A producer's cursor as a receiver takes it: an allegation, `None` where it cannot be one.
#[must_use]
pub const fn check_tx(raw: u32, len: u32) -> Option<u32> {
    if raw < len && raw.is_multiple_of(SLOT) {
        Some(raw)
    } else {
        None
    }
}

/// The cursor that a freshly (re-)registered ring continues from (`argo.c`, `ring_map_info`): what the page says, else
/// the receiver's own cursor rounded up, else 0.
#[must_use]
pub const fn restored_tx(tx_raw: u32, rx_raw: u32, len: u32) -> u32 {
    match check_tx(tx_raw, len) {
        Some(tx) => tx,
        None => sanitize_rx(rx_raw, len),
    }
}

/// Bytes of ring that a payload of `n` bytes occupies with its header.
#[must_use]
pub const fn footprint(n: u32) -> u32 {
    crate::layout::MESSAGE_HEADER + round_up(n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A ring length and two cursors in it.
    fn ring() -> impl Strategy<Value = (u32, u32, u32)> {
        (3_u32..=0xF_FFFC)
            .prop_flat_map(|slots| (Just(slots), 0..slots, 0..slots))
            .prop_map(|(slots, rx, tx)| (slots * SLOT, rx * SLOT, tx * SLOT))
    }

    proptest! {
        #[test]
        fn used_and_free_share_the_ring((len, rx, tx) in ring()) {
            prop_assert_eq!(used(rx, tx, len) + free(rx, tx, len), len);
            prop_assert!(used(rx, tx, len) < len);
        }

        #[test]
        fn advancing_by_the_used_bytes_reaches_the_producer((len, rx, tx) in ring()) {
            prop_assert_eq!(advance(rx, used(rx, tx, len), len), tx);
        }

        #[test]
        fn advancing_stays_inside((len, rx, _) in ring(), n in any::<u32>()) {
            prop_assert!(advance(rx, n % (len + 1), len) < len);
        }

        #[test]
        fn a_split_keeps_every_byte_and_stays_inside((len, pos, _) in ring(), n in any::<u32>()) {
            let n = n % (len + 1);
            let (a, b) = split(pos, n, len);
            prop_assert_eq!(a + b, n);
            prop_assert!(pos + a <= len && b <= pos);
        }

        #[test]
        fn any_receivers_cursor_becomes_a_slot_of_the_ring((len, _, _) in ring(), raw in any::<u32>()) {
            let rx = sanitize_rx(raw, len);
            prop_assert!(rx < len && rx.is_multiple_of(SLOT));
        }

        #[test]
        fn a_producers_cursor_is_taken_whole_or_not((len, _, _) in ring(), raw in any::<u32>()) {
            prop_assert_eq!(check_tx(raw, len).is_some(), raw < len && raw.is_multiple_of(16));
        }
    }

    #[test]
    fn a_corrupt_receivers_cursor_is_rounded_up_then_zeroed() {
        assert_eq!(sanitize_rx(1, 64), 16);
        assert_eq!(sanitize_rx(49, 64), 0);
        assert_eq!(sanitize_rx(u32::MAX, 64), 0);
    }

    #[test]
    fn a_restored_cursor_falls_back_to_the_receivers() {
        assert_eq!(restored_tx(32, 0, 64), 32);
        assert_eq!(restored_tx(33, 17, 64), 32);
        assert_eq!(restored_tx(64, 63, 64), 0);
    }
}
