//! A guest: writes the ABI's structures to its memory and makes hypercalls.

use std::sync::Arc;
use std::vec::Vec;

use v4v_ring::layout::{RING_LEN_MAX, pages};
use v4v_ring::{Addr, Consumer, DomId};

use super::{TestHost, TestMem};
use crate::Hypervisor;
use crate::abi::{
    NO_SLOT, OP_NOTIFY, OP_READY_SETUP, OP_REGISTER, OP_RING_SETUP, OP_SENDV, OP_UNREGISTER, RingSetup,
};
use crate::host::RingId;

/// A domain of a test machine, which has Argo state unless the test took it away.
#[derive(Clone)]
pub struct Guest {
    /// Its id.
    pub id: DomId,
    /// The hypervisor under it.
    pub hv: Arc<Hypervisor<TestHost>>,
}

/// Makes domains with Argo state.
///
/// # Panics
/// Where an id is taken or reserved.
#[must_use]
pub fn domains<const N: usize>(hv: &Arc<Hypervisor<TestHost>>, ids: [u16; N]) -> [Guest; N] {
    ids.map(|id| {
        let id = DomId(id);
        hv.host().add_domain(id);
        hv.domain_create(id).expect("a fresh domain");
        Guest {
            id,
            hv: Arc::clone(hv),
        }
    })
}

impl Guest {
    /// Where structures are put.
    pub const STRUCT: u64 = 0x1000;
    /// Where buffer descriptions are put.
    pub const IOVS: u64 = 0x3000;
    /// Where frame numbers are put.
    pub const GFNS: u64 = 0x1_0000;
    /// Where payloads are put, up to the end of memory.
    pub const DATA: u64 = 0x2_0000;

    /// A hypercall.
    pub fn call(&self, cmd: u32, arg1: u64, arg2: u64, arg3: u64, arg4: u64) -> i64 {
        self.hv.hypercall(self.id, cmd, arg1, arg2, arg3, arg4)
    }

    /// Writes its memory.
    pub fn poke(&self, handle: u64, bytes: &[u8]) {
        self.hv.host().poke(self.id, handle, bytes);
    }

    /// Reads its memory.
    #[must_use]
    pub fn peek(&self, handle: u64, len: usize) -> Vec<u8> {
        self.hv.host().peek(self.id, handle, len)
    }

    /// The name of an own ring.
    #[must_use]
    pub fn ring(&self, port: u32, partner: DomId) -> RingId {
        RingId {
            owner: self.id,
            port,
            partner,
        }
    }

    /// The first frame of the ring that [`register`](Self::register) makes.
    #[must_use]
    pub fn gfn(port: u32, partner: DomId) -> u64 {
        (u64::from(partner.0) << 32 | u64::from(port)) << 12
    }

    /// Writes a register structure and the frame numbers from `gfn` on.
    pub fn put_register(&self, port: u32, partner: DomId, pad: u16, len: u32, gfn: u64) {
        let mut reg = Vec::new();
        reg.extend_from_slice(&port.to_le_bytes());
        reg.extend_from_slice(&partner.0.to_le_bytes());
        reg.extend_from_slice(&pad.to_le_bytes());
        reg.extend_from_slice(&len.to_le_bytes());
        self.poke(Self::STRUCT, &reg);
        let frames: Vec<u8> = (0..u64::from(pages(len.min(RING_LEN_MAX)).min(4096)))
            .flat_map(|i| (gfn + i).to_le_bytes())
            .collect();
        self.poke(Self::GFNS, &frames);
    }

    /// Registers a ring on frames of its own.
    pub fn register(&self, port: u32, partner: DomId, len: u32) -> i64 {
        self.register_on(port, partner, len, Self::gfn(port, partner), 0)
    }

    /// Registers a ring on the frames from `gfn` on.
    pub fn register_on(&self, port: u32, partner: DomId, len: u32, gfn: u64, flags: u32) -> i64 {
        self.put_register(port, partner, 0, len, gfn);
        self.call(
            OP_REGISTER,
            Self::STRUCT,
            Self::GFNS,
            u64::from(pages(len)),
            u64::from(flags),
        )
    }

    /// Unregisters a ring.
    pub fn unregister(&self, port: u32, partner: DomId) -> i64 {
        self.poke(Self::STRUCT, &Addr::new(partner, port).encode());
        self.call(OP_UNREGISTER, Self::STRUCT, 0, 0, 0)
    }

    /// Writes source and destination of a message.
    pub fn put_addr(&self, src: Addr, dst: Addr) {
        self.poke(Self::STRUCT, &[src.encode(), dst.encode()].concat());
    }

    /// Writes buffer descriptions: handle, length, padding.
    pub fn put_iovs(&self, iovs: &[(u64, u32, u32)]) {
        for (at, (handle, len, pad)) in (0_u64..).zip(iovs) {
            let iov = [&handle.to_le_bytes()[..], &len.to_le_bytes(), &pad.to_le_bytes()].concat();
            self.poke(Self::IOVS + 16 * at, &iov);
        }
    }

    /// Sends a message of kind 7 from port 9.
    pub fn send(&self, to: DomId, port: u32, payload: &[u8]) -> i64 {
        self.poke(Self::DATA, payload);
        let len = u32::try_from(payload.len()).expect("shorter than memory");
        self.send_iovs(to, port, &[(Self::DATA, len, 0)])
    }

    /// Sends what these buffers hold.
    pub fn send_iovs(&self, to: DomId, port: u32, iovs: &[(u64, u32, u32)]) -> i64 {
        self.put_addr(Addr::new(self.id, 9), Addr::new(to, port));
        self.put_iovs(iovs);
        self.call(OP_SENDV, Self::STRUCT, Self::IOVS, iovs.len() as u64, 7)
    }

    /// Says that it has read on.
    pub fn notify(&self) -> i64 {
        self.call(OP_NOTIFY, 0, 0, 0, 0)
    }

    /// Writes a notify's header and questions: ring, space required. Answers start as 0xAA bytes.
    pub fn put_questions(&self, asked: &[(Addr, u32)]) {
        let mut data = (asked.len() as u64).to_le_bytes().to_vec();
        for (ring, space) in asked {
            data.extend_from_slice(&ring.encode());
            data.extend_from_slice(&[0xAA; 4]);
            data.extend_from_slice(&space.to_le_bytes());
            data.extend_from_slice(&[0xAA; 4]);
        }
        self.poke(Self::STRUCT, &data);
    }

    /// The answer to question `at`: flags, greatest message.
    #[must_use]
    pub fn answer(&self, at: u64) -> (u16, u32) {
        let entry = self.peek(Self::STRUCT + 8 + 20 * at, 20);
        (
            u16::from_le_bytes([entry[8], entry[9]]),
            u32::from_le_bytes([entry[16], entry[17], entry[18], entry[19]]),
        )
    }

    /// Asks about one ring: what the call returned, flags, greatest message.
    pub fn ask(&self, ring: Addr, space: u32) -> (i64, u16, u32) {
        self.put_questions(&[(ring, space)]);
        let returned = self.call(OP_NOTIFY, Self::STRUCT, 0, 0, 0);
        let (flags, max) = self.answer(0);
        (returned, flags, max)
    }

    /// Op 17.
    pub fn setup(&self, setup: &RingSetup) -> i64 {
        self.poke(Self::STRUCT, &setup.encode());
        self.call(OP_RING_SETUP, Self::STRUCT, 0, 0, 0)
    }

    /// Op 17 with only these flags, and one number for slot and watched port.
    pub fn set(&self, port: u32, partner: DomId, flags: u32, number: u32) -> i64 {
        let ready_slot = if flags & crate::abi::setup_flags::SET_READY != 0 {
            number
        } else {
            NO_SLOT
        };
        self.setup(&RingSetup {
            port,
            partner,
            pad: 0,
            flags,
            ready_slot,
            watch_port: number,
        })
    }

    /// Op 18 for a page of its own.
    pub fn give_ready_page(&self, gfn: u64) -> i64 {
        self.poke(Self::STRUCT, &gfn.to_le_bytes());
        self.call(OP_READY_SETUP, Self::STRUCT, 0, 0, 0)
    }

    /// The memory of a ring that [`register`](Self::register) made.
    ///
    /// # Panics
    /// Where there never was one.
    #[must_use]
    pub fn mem(&self, port: u32, partner: DomId) -> TestMem {
        self.hv
            .host()
            .frame(self.id, Self::gfn(port, partner))
            .expect("a registered ring")
    }

    /// A reader from the beginning of a ring.
    #[must_use]
    pub fn reader(&self, port: u32, partner: DomId) -> Reader {
        Reader {
            mem: self.mem(port, partner),
            consumer: Consumer::new(),
        }
    }
}

/// Reads an own ring.
pub struct Reader {
    /// The ring.
    pub mem: TestMem,
    consumer: Consumer,
}

/// A message that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Who sent it.
    pub source: Addr,
    /// What it is.
    pub kind: u32,
    /// What it says.
    pub payload: Vec<u8>,
}

impl Reader {
    /// Takes the next message and publishes that.
    ///
    /// # Panics
    /// Where the ring holds nonsense.
    pub fn take(&mut self) -> Option<Received> {
        let message = self.consumer.peek(&self.mem).expect("a sound ring")?;
        let mut payload = std::vec![0; message.len as usize];
        message
            .copy(&self.mem, 0, message.len, &mut payload.as_mut_slice())
            .expect("long enough");
        self.consumer.consume(&self.mem, &message);
        self.consumer.publish(&self.mem);
        Some(Received {
            source: message.source,
            kind: message.kind,
            payload,
        })
    }
}
