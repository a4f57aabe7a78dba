//! A ring of this guest's: its pages, what the hypervisor wrote into it.

use crate::argo::Argo;
use crate::bytes::Addr;
use crate::pages::{PAGE, Pages};
use std::io;

/// Bytes of the ring's header.
pub(crate) const HEADER: usize = 64;
const RX: usize = 0;
const TX: usize = 4;

/// A ring on pages of its own.
pub(crate) struct Ring {
    pub(crate) pages: Pages,
    pub(crate) frames: Vec<u64>,
    /// Its address, with the partner as the domain.
    pub(crate) addr: Addr,
    pub(crate) len: u32,
}

impl Ring {
    /// Pages for a ring; not registered yet.
    pub(crate) fn new(addr: Addr, len: u32) -> io::Result<Self> {
        let pages = Pages::new((len as usize + HEADER).div_ceil(PAGE))?;
        let frames = pages.frames()?;
        Ok(Self {
            pages,
            frames,
            addr,
            len,
        })
    }

    /// Registers it; what the call returned.
    pub(crate) fn register(&self, argo: &Argo, flags: u64) -> i64 {
        argo.register(self.addr, self.len, &self.frames, flags)
    }

    pub(crate) fn tx(&self) -> u32 {
        self.pages.load(TX)
    }

    pub(crate) fn set_tx(&self, at: u32) {
        self.pages.store(TX, at);
    }

    pub(crate) fn set_rx(&self, at: u32) {
        self.pages.store(RX, at);
    }

    /// Reads all: the next message may begin where the last one ended.
    pub(crate) fn empty(&self) {
        self.set_rx(self.tx());
    }

    /// The message that begins at `at`: its header's fields and its payload.
    pub(crate) fn message(&self, at: u32) -> Message {
        let at = HEADER + at as usize;
        let bytes = |from: usize, len: usize| self.pages.bytes(at + from, len);
        let word = |from: usize| u32::from_le_bytes(bytes(from, 4).try_into().unwrap_or_default());
        let len = word(0);
        let payload = bytes(16, (len as usize).clamp(16, self.len as usize) - 16);
        Message {
            len,
            port: word(4),
            domain: word(8) as u16,
            kind: word(12),
            payload,
        }
    }
}

/// A message in a ring.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) len: u32,
    pub(crate) port: u32,
    pub(crate) domain: u16,
    pub(crate) kind: u32,
    pub(crate) payload: Vec<u8>,
}
