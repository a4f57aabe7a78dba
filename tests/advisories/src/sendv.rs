//! The way into a peer's ring, where the hypervisor is the producer.

use v4v_hv::abi::ring_flags;
use v4v_ring::layout::state;
use v4v_ring::{Addr, RingMem, Word};
use v4v_sock::{Errno, RingId, Transmit};

use crate::{Home, Pages};

/// The way into a peer's ring: by hypercall.
#[derive(Debug)]
pub struct Sendv {
    pub(crate) home: Home,
    /// The own ring, whose state tells of the peer's.
    pub(crate) own: RingId,
    pub(crate) own_mem: Pages,
    pub(crate) to: Addr,
    /// What a full-grown message of the peer's ring has.
    pub(crate) largest: u32,
}

impl Transmit for Sendv {
    type Payload<'a> = &'a [u8];

    fn send(&mut self, kind: u32, payload: &mut &[u8], len: u32, reserve: u32) -> Result<(), Errno> {
        let (now, rest) = payload.split_at_checked(len as usize).ok_or(Errno::INVAL)?;
        // The hypervisor knows of no reserve; FIN then waits for space like any message.
        let _ = reserve;
        self.send_control(kind, now)?;
        *payload = rest;
        Ok(())
    }

    fn send_control(&mut self, kind: u32, payload: &[u8]) -> Result<(), Errno> {
        if self.gone() {
            return Err(Errno::CONNRESET);
        }
        self.home.sendv(self.own.port, self.to, kind, &[payload])
    }

    fn room(&mut self, reserve: u32) -> Option<u32> {
        // One question, whose answer also arms the wake-up where there is too little: a smaller one would disarm it again.
        let asked = if reserve == 0 { 1 } else { self.largest };
        let (_, flags, _) = self.home.guest.ask(self.to, asked);
        (flags & ring_flags::SUFFICIENT != 0).then_some(asked)
    }

    fn gone(&self) -> bool {
        self.own_mem.load(Word::State) & state::PEER_GONE != 0
    }

    fn want_space(&mut self, _wish: u32) -> u32 {
        0
    }
}
