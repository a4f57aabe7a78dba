//! The bytes of a ring: its header, its messages, its limits.
//!
//! Source of every constant unless it says otherwise: `xen/include/public/argo.h` of Xen 4.17.
//!
//! The 56 reserved bytes of the header are zero on upstream's rings. Ours use the first of them:
//!
//! | offset | word | written by | meaning |
//! |---|---|---|---|
//! | 0 | [`Word::Rx`] | receiver | how far it has read |
//! | 4 | [`Word::Tx`] | producer | how far it has written |
//! | 8 | [`Word::Event`] | receiver (producer clears wishes) | whether new data shall raise an event |
//! | 12 | [`Word::Space`] | producer (receiver clears wishes) | whether somebody waits for space |
//! | 16 | [`Word::State`] | hypervisor | what became of the ring and of its partner |
//! | 20 | [`Word::RxCpu`] | receiver | its CPU plus one, 0 where unknown |
//! | 24 | [`Word::TxCpu`] | producer | its CPU plus one, 0 where unknown |
//! | 32, 40 | – | producer | hosted only: messages and payload bytes so far (u64 each), for statistics |

use crate::addr::Addr;

/// Bytes of a slot: messages start and end at multiples of it.
pub const SLOT: u32 = 16;
/// Bytes of the ring's header, before the data.
pub const RING_HEADER: u32 = 64;
/// Bytes of a message's header; part of the message's length.
pub const MESSAGE_HEADER: u32 = 16;
/// Bytes of a page, the unit in which a guest gives memory to a ring.
pub const PAGE: u32 = 4096;
/// Least data bytes of a ring: a header, one slot of payload and one that stays free.
pub const RING_LEN_MIN: u32 = MESSAGE_HEADER + 2 * SLOT;
/// Greatest length that register accepts (16 MiB). It needs 4097 pages, so it always fails there: see [`RING_LEN_USABLE`].
pub const RING_LEN_MAX: u32 = 0x0100_0000;
/// Greatest data bytes of a ring that fit 4096 pages together with the header.
pub const RING_LEN_USABLE: u32 = RING_LEN_MAX - RING_HEADER;
/// Greatest payload of a message in bytes: the largest ring less a header and the slot that stays free.
pub const MESSAGE_MAX: u32 = RING_LEN_MAX - MESSAGE_HEADER - SLOT;
/// Greatest number of pages of a ring.
pub const RING_PAGES_MAX: u32 = RING_LEN_MAX / PAGE;

const _: () = assert!(RING_LEN_MIN == 48 && RING_LEN_USABLE == 0xFF_FFC0 && MESSAGE_MAX == 0xFF_FFE0);

/// A 32-bit word of the ring's header, named by its byte offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Word {
    /// The receiver's read cursor: a byte offset into the data.
    Rx = 0,
    /// The producer's write cursor: a byte offset into the data.
    Tx = 4,
    /// The receiver's wish for an event: [`event`](mod@event) bits; 0 = always, as upstream.
    Event = 8,
    /// The sender's wish for an event when space comes free: [`space`] bits; 0 = nobody waits.
    Space = 12,
    /// [`state`] bits.
    State = 16,
    /// The CPU on which the receiver last ran, plus one; 0 = unknown.
    RxCpu = 20,
    /// The CPU on which the producer last ran, plus one; 0 = unknown.
    TxCpu = 24,
}

/// Bits of [`Word::Event`]. A receiver that uses them never writes 0 again.
pub mod event {
    /// Upstream's value: every message raises an event.
    pub const ALWAYS: u32 = 0;
    /// The receiver knows this word; without one of the wishes below it wants no event.
    pub const SUPPRESS: u32 = 1;
    /// The receiver sleeps on this very word (a futex, hosted) or in its kernel (Xen).
    pub const SLEEPS: u32 = 2;
    /// The receiver's descriptor is polled.
    pub const POLLS: u32 = 4;
    /// All wishes.
    pub const WISHES: u32 = SLEEPS | POLLS;
}

/// Bits of [`Word::Space`].
pub mod space {
    /// A sender sleeps on this very word (a futex, hosted).
    pub const SLEEPS: u32 = 2;
    /// A sender's descriptor is polled for writing.
    pub const POLLS: u32 = 4;
    /// The hypervisor keeps pending senders for this ring: the receiver is to call notify.
    pub const PENDING: u32 = 8;
}

/// Bits of [`Word::State`]; only the hypervisor (hosted: v4vd) sets them.
pub mod state {
    /// What this ring watches (its partner's ring, or its partner) is gone: nothing more will come.
    pub const PEER_GONE: u32 = 1;
    /// This ring was unregistered: nothing that is written to it will be read.
    pub const UNREGISTERED: u32 = 2;
}

/// The next multiple of a slot. `n` must be at most [`RING_LEN_MAX`], which keeps the sum in range.
#[must_use]
pub const fn round_up(n: u32) -> u32 {
    n.next_multiple_of(SLOT)
}

/// Pages that a ring of `len` data bytes occupies, its header included.
#[must_use]
pub const fn pages(len: u32) -> u32 {
    (len + RING_HEADER).div_ceil(PAGE)
}

/// A message's header (`struct xen_argo_ring_message_header`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageHeader {
    /// Bytes of the message with this header, before rounding up.
    pub len: u32,
    /// Who sent it. In Xen the hypervisor writes this; in a delegated ring it is the partner's claim.
    pub source: Addr,
    /// What it is; `guest-module/core` defines our values.
    pub kind: u32,
}

impl MessageHeader {
    /// The ABI's bytes, little endian.
    #[must_use]
    pub fn encode(&self) -> [u8; MESSAGE_HEADER as usize] {
        let mut out = [0; MESSAGE_HEADER as usize];
        out[..4].copy_from_slice(&self.len.to_le_bytes());
        out[4..12].copy_from_slice(&self.source.encode());
        out[12..].copy_from_slice(&self.kind.to_le_bytes());
        out
    }

    /// The header in these bytes. Says nothing about whether it is true.
    #[must_use]
    pub const fn decode(b: [u8; MESSAGE_HEADER as usize]) -> Self {
        let (source, _pad) = Addr::decode([b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11]]);
        Self {
            len: u32::from_le_bytes([b[0], b[1], b[2], b[3]]),
            source,
            kind: u32::from_le_bytes([b[12], b[13], b[14], b[15]]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::DomId;

    #[test]
    fn a_message_header_has_the_abis_bytes() {
        let header = MessageHeader {
            len: 20,
            source: Addr::new(DomId(2), 7),
            kind: 9,
        };
        assert_eq!(header.encode(), [20, 0, 0, 0, 7, 0, 0, 0, 2, 0, 0, 0, 9, 0, 0, 0]);
        assert_eq!(MessageHeader::decode(header.encode()), header);
    }

    #[test]
    fn pages_count_the_header() {
        assert_eq!(pages(48), 1);
        assert_eq!(pages(PAGE - RING_HEADER), 1);
        assert_eq!(pages(PAGE - RING_HEADER + 16), 2);
        assert_eq!(pages(RING_LEN_USABLE), 4096);
        assert_eq!(pages(RING_LEN_MAX), 4097);
    }
}
