//! The bytes that guests and hypervisor exchange. Little endian, decoded from copies, never read in place.
//!
//! Source of operations 1–4: `xen/include/public/argo.h` of Xen 4.17. Operations from 16 on are ours.

use v4v_ring::{Addr, DomId};

/// `__HYPERVISOR_argo_op`: the hypercall's number.
pub const HYPERCALL: u32 = 39;
/// `XEN_ARGO_OP_register_ring`: arg1 [`Register`], arg2 frame numbers, arg3 their count, arg4 flags.
pub const OP_REGISTER: u32 = 1;
/// `XEN_ARGO_OP_unregister_ring`: arg1 [`Unregister`].
pub const OP_UNREGISTER: u32 = 2;
/// `XEN_ARGO_OP_sendv`: arg1 [`SendAddr`], arg2 [`Iov`]s, arg3 their count, arg4 the message's type.
pub const OP_SENDV: u32 = 3;
/// `XEN_ARGO_OP_notify`: arg1 zero, or a header of [`NOTIFY_HEADER`] bytes with [`RingDataEnt`]s after it.
pub const OP_NOTIFY: u32 = 4;
/// Ours: arg1 receives [`Caps`].
pub const OP_CAPS: u32 = 16;
/// Ours: arg1 [`RingSetup`].
pub const OP_RING_SETUP: u32 = 17;
/// Ours: arg1 a handle to the frame number (u64) of the domain's ready page, or zero to take it back.
pub const OP_READY_SETUP: u32 = 18;

/// `XEN_ARGO_REGISTER_FLAG_FAIL_EXIST`: the ring must not exist.
pub const FLAG_FAIL_EXIST: u32 = 1;
/// Bytes of a frame number (`xen_argo_gfn_t`).
pub const GFN_SIZE: usize = 8;

/// Flags of a [`RingDataEnt`].
pub mod ring_flags {
    /// The ring exists.
    pub const EXISTS: u16 = 1;
    /// It takes messages from any domain.
    pub const SHARED: u16 = 2;
    /// It holds no message.
    pub const EMPTY: u16 = 4;
    /// The space that was asked for is there.
    pub const SUFFICIENT: u16 = 8;
    /// What was asked for can never fit.
    pub const EMSGSIZE: u16 = 0x10;
    /// Too many domains wait for this ring already; or it is delegated, and nobody can wait for it here.
    pub const EBUSY: u16 = 0x20;
}

/// Flags of a [`RingSetup`].
pub mod setup_flags {
    /// Set the ring's ready slot to `ready_slot`; [`NO_SLOT`](super::NO_SLOT) takes it away.
    pub const SET_READY: u32 = 1;
    /// Watch the partner's ring at `watch_port`.
    pub const SET_WATCH: u32 = 2;
    /// From now on the Event and Space words of this ring's header count.
    pub const USE_FLAGS: u32 = 4;
    /// All of them.
    pub const ALL: u32 = SET_READY | SET_WATCH | USE_FLAGS;
}

/// The ready slot of a ring that has none.
pub const NO_SLOT: u32 = u32::MAX;

/// Bits of [`Caps::features`].
pub mod features {
    /// [`OP_RING_SETUP`](super::OP_RING_SETUP) with `SET_READY`, and [`OP_READY_SETUP`](super::OP_READY_SETUP).
    pub const READY: u32 = 1;
    /// `SET_WATCH`, and PEER_GONE where a partner dies.
    pub const WATCH: u32 = 2;
    /// `USE_FLAGS`.
    pub const FLAGS: u32 = 4;
}

/// Reads little-endian fields in order; what lies beyond the bytes reads as zero, which the sizes below exclude.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk::<N>() {
            Some((field, rest)) => {
                self.0 = rest;
                *field
            }
            None => [0; N],
        }
    }
    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }
    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }
    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }
}

/// One buffer of a message (`xen_argo_iov_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Iov {
    /// Where it starts in the sender's memory.
    pub handle: u64,
    /// Its bytes.
    pub len: u32,
    /// Must be zero.
    pub pad: u32,
}

impl Iov {
    /// Bytes of the structure.
    pub const SIZE: usize = 16;

    /// From the ABI's bytes.
    #[must_use]
    pub fn decode(b: &[u8; Self::SIZE]) -> Self {
        let mut f = Fields(b);
        Self {
            handle: f.u64(),
            len: f.u32(),
            pad: f.u32(),
        }
    }
}

/// Source and destination of a message (`xen_argo_send_addr_t`), each with its padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendAddr {
    /// The sender's own address.
    pub src: Addr,
    /// Whom it sends to.
    pub dst: Addr,
    /// Both paddings; must be zero.
    pub pads: [u16; 2],
}

impl SendAddr {
    /// Bytes of the structure.
    pub const SIZE: usize = 2 * Addr::SIZE;

    /// From the ABI's bytes.
    #[must_use]
    pub fn decode(b: &[u8; Self::SIZE]) -> Self {
        let mut f = Fields(b);
        let ((src, a), (dst, b)) = (Addr::decode(f.take()), Addr::decode(f.take()));
        Self {
            src,
            dst,
            pads: [a, b],
        }
    }
}

/// `xen_argo_register_ring_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    /// The new ring's port.
    pub port: u32,
    /// Who may send to it.
    pub partner: DomId,
    /// Must be zero.
    pub pad: u16,
    /// Its data bytes.
    pub len: u32,
}

impl Register {
    /// Bytes of the structure.
    pub const SIZE: usize = 12;

    /// From the ABI's bytes.
    #[must_use]
    pub fn decode(b: &[u8; Self::SIZE]) -> Self {
        let mut f = Fields(b);
        Self {
            port: f.u32(),
            partner: DomId(f.u16()),
            pad: f.u16(),
            len: f.u32(),
        }
    }
}

/// `xen_argo_unregister_ring_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unregister {
    /// The ring's port.
    pub port: u32,
    /// Who may send to it.
    pub partner: DomId,
    /// Must be zero.
    pub pad: u16,
}

impl Unregister {
    /// Bytes of the structure.
    pub const SIZE: usize = 8;

    /// From the ABI's bytes.
    #[must_use]
    pub fn decode(b: &[u8; Self::SIZE]) -> Self {
        let mut f = Fields(b);
        Self {
            port: f.u32(),
            partner: DomId(f.u16()),
            pad: f.u16(),
        }
    }
}

/// Bytes of `xen_argo_ring_data_t` before its entries: their number (u32) and padding.
pub const NOTIFY_HEADER: usize = 8;

/// One question of a notify (`xen_argo_ring_data_ent_t`); its flags and `max_message_size` are the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingDataEnt {
    /// The ring asked about.
    pub ring: Addr,
    /// Payload bytes that the caller wants to send.
    pub space_required: u32,
}

impl RingDataEnt {
    /// Bytes of the structure.
    pub const SIZE: usize = 20;
    /// Where its flags (u16) are.
    pub const FLAGS: u64 = 8;
    /// Where its `max_message_size` (u32) is.
    pub const MAX_MESSAGE_SIZE: u64 = 16;

    /// From the ABI's bytes. Paddings and answers are not looked at.
    #[must_use]
    pub fn decode(b: &[u8; Self::SIZE]) -> Self {
        let mut f = Fields(b);
        let (ring, _pad) = Addr::decode(f.take());
        let _flags_and_pad = f.u32();
        Self {
            ring,
            space_required: f.u32(),
        }
    }
}

/// What this hypervisor can do beyond upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Version of our operations, 1.
    pub version: u32,
    /// [`features`] bits.
    pub features: u32,
    /// Rings that a domain may have.
    pub max_rings: u32,
    /// Ready slots of a domain.
    pub ready_slots: u32,
    /// Domains that may wait for one ring.
    pub max_pending: u32,
    /// Bytes copied under one hold of a ring's lock; a message within it is never overtaken.
    pub copy_chunk: u32,
}

impl Caps {
    /// Bytes of the structure, the last eight of them zero.
    pub const SIZE: usize = 32;

    /// The ABI's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let words = [
            self.version,
            self.features,
            self.max_rings,
            self.ready_slots,
            self.max_pending,
            self.copy_chunk,
        ];
        let mut out = [0; Self::SIZE];
        for (to, word) in out.chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        out
    }

    /// From the ABI's bytes.
    #[must_use]
    pub fn decode(b: &[u8; Self::SIZE]) -> Self {
        let mut f = Fields(b);
        Self {
            version: f.u32(),
            features: f.u32(),
            max_rings: f.u32(),
            ready_slots: f.u32(),
            max_pending: f.u32(),
            copy_chunk: f.u32(),
        }
    }
}

/// What op 17 changes about one of the caller's rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingSetup {
    /// The ring's port.
    pub port: u32,
    /// Its partner.
    pub partner: DomId,
    /// Must be zero.
    pub pad: u16,
    /// [`setup_flags`].
    pub flags: u32,
    /// The ring's bit in the ready page.
    pub ready_slot: u32,
    /// The port of the partner's ring to be watched.
    pub watch_port: u32,
}

impl RingSetup {
    /// Bytes of the structure.
    pub const SIZE: usize = 20;

    /// From the ABI's bytes.
    #[must_use]
    pub fn decode(b: &[u8; Self::SIZE]) -> Self {
        let mut f = Fields(b);
        Self {
            port: f.u32(),
            partner: DomId(f.u16()),
            pad: f.u16(),
            flags: f.u32(),
            ready_slot: f.u32(),
            watch_port: f.u32(),
        }
    }

    /// The ABI's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        let partner = u32::from(self.partner.0) | (u32::from(self.pad) << 16);
        let words = [self.port, partner, self.flags, self.ready_slot, self.watch_port];
        for (to, word) in out.chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        out
    }
}

// Against Xen's own declarations, in tests alone: their crate has symbols that no shared library can be linked with.
#[cfg(test)]
const _: () = {
    assert!(HYPERCALL == xen_sys::__HYPERVISOR_argo_op);
    // Our domain ids are Xen's.
    let id: xen_sys::domid_t = DomId::ANY.0;
    assert!(id == 0x7FF4 && size_of::<xen_sys::domid_t>() == size_of::<DomId>());
};

const _: () = {
    // Sizes are sums of the fields in `argo.h`.
    assert!(Iov::SIZE == 8 + 4 + 4);
    assert!(SendAddr::SIZE == 2 * (4 + 2 + 2));
    assert!(Register::SIZE == 4 + 2 + 2 + 4);
    assert!(Unregister::SIZE == 4 + 2 + 2);
    assert!(RingDataEnt::SIZE == 8 + 2 + 2 + 4 + 4);
    assert!(Caps::SIZE == 6 * 4 + 8 && RingSetup::SIZE == 4 + 2 + 2 + 3 * 4);
};
