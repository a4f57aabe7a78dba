//! The way into a peer's ring: by hypercall in Xen, in the partner's own hands hosted.

use std::fmt;

use v4v_hv::RingId as HvRingId;
use v4v_hv::abi::ring_flags;
use v4v_hv::testing::TestMem;
use v4v_ring::layout::{MESSAGE_HEADER, SLOT, state};
use v4v_ring::{Addr, InsertError, NoRoom, Producer, RingMem, Word, wake};
use v4v_sock::limits::packet_max;
use v4v_sock::{Errno, RingId, Transmit};

use crate::home::Home;
use crate::machine::Flavour;

/// The way into a peer's ring.
#[derive(Debug)]
pub enum Tx {
    /// Every message by `sendv`.
    Sendv(Sendv),
    /// The ring was delegated: this side is its producer.
    Delegated(Delegated),
}

/// By hypercall.
pub struct Sendv {
    home: Home,
    own: RingId,
    /// The own ring's memory, whose State tells of the peer's ring.
    own_mem: TestMem,
    to: Addr,
    /// What a full-grown message of the peer's ring has.
    largest: u32,
}

/// As the ring's producer.
pub struct Delegated {
    home: Home,
    mem: TestMem,
    producer: Producer,
    source: Addr,
    ring: HvRingId,
}

impl Tx {
    pub(crate) fn open(home: &Home, own: RingId, remote: Addr, len: u32) -> Result<Self, Errno> {
        match home.machine().flavour() {
            Flavour::Plain | Flavour::Flags => Sendv::open(home, own, remote, len).map(Self::Sendv),
            Flavour::Hosted => Delegated::open(home, own, remote, len).map(Self::Delegated),
        }
    }

    /// Hosted: the ring, and its memory.
    #[must_use]
    pub fn delegated(&self) -> Option<(HvRingId, &TestMem)> {
        match self {
            Self::Sendv(_) => None,
            Self::Delegated(d) => Some((d.ring, &d.mem)),
        }
    }
}

impl Sendv {
    fn open(home: &Home, own: RingId, to: Addr, len: u32) -> Result<Self, Errno> {
        let (flags, max) = home.ask(to, 0)?;
        if flags & ring_flags::EXISTS == 0 || flags & ring_flags::SHARED != 0 {
            return Err(Errno::CONNREFUSED);
        }
        if max.checked_add(MESSAGE_HEADER + SLOT) != Some(len) {
            return Err(Errno::INVAL);
        }
        let own_mem = home.machine().mem(home.own(own)).ok_or(Errno::NOENT)?;
        Ok(Self {
            home: home.clone(),
            own,
            own_mem,
            to,
            largest: packet_max(len),
        })
    }

    /// One question, which also asks for an event where the space is not there. Where the hypervisor cannot promise one,
    /// the answer is to try again, not to sleep.
    fn room(&self, reserve: u32) -> Option<u32> {
        let asked = if reserve == 0 { 1 } else { self.largest };
        match self.home.ask(self.to, asked) {
            Ok((flags, _)) if flags & (ring_flags::SUFFICIENT | ring_flags::EBUSY) == 0 => None,
            _ => Some(asked),
        }
    }

    fn gone(&self) -> bool {
        self.own_mem.load(Word::State) & state::PEER_GONE != 0
    }

    fn send(&self, kind: u32, payload: &[u8]) -> Result<(), Errno> {
        if self.gone() {
            return Err(Errno::CONNRESET);
        }
        self.home.sendv(self.own.port, self.to, kind, &[payload])
    }
}

impl Delegated {
    fn open(home: &Home, own: RingId, remote: Addr, len: u32) -> Result<Self, Errno> {
        let partner = home.guest().id;
        let ring = HvRingId {
            owner: remote.domain,
            port: remote.port,
            partner,
        };
        let mem = home.attach(own, ring)?;
        if mem.data_len() != len {
            return Err(Errno::INVAL);
        }
        let producer = Producer::attach(&mem);
        Ok(Self {
            home: home.clone(),
            producer,
            mem,
            source: Addr::new(partner, own.port),
            ring,
        })
    }

    fn gone(&self) -> bool {
        self.mem.load(Word::State) & state::UNREGISTERED != 0
    }

    fn send(&mut self, kind: u32, mut payload: &[u8], reserve: u32) -> Result<(), Errno> {
        if self.gone() {
            return Err(Errno::CONNREFUSED);
        }
        let len = u32::try_from(payload.len()).map_err(|_| Errno::MSGSIZE)?;
        let (mem, producer) = (&self.mem, &mut self.producer);
        let mut slot = producer
            .reserve(mem, len, reserve)
            .map_err(|no| errno(InsertError::NoRoom(no)))?;
        slot.copy(mem, &mut payload, len)
            .map_err(|short| errno(InsertError::Source(short)))?;
        producer.publish(mem, &slot, self.source, kind);
        self.home
            .machine()
            .signals
            .tell_receiver(self.ring, wake::signal_data(mem));
        Ok(())
    }
}

fn errno(error: InsertError<v4v_ring::mem::ShortBuffer>) -> Errno {
    match error {
        InsertError::NoRoom(NoRoom::Full { .. }) => Errno::AGAIN,
        InsertError::NoRoom(NoRoom::TooLong) => Errno::MSGSIZE,
        InsertError::Source(short) => short.into(),
    }
}

impl Transmit for Tx {
    type Payload<'a> = &'a [u8];

    fn send(&mut self, kind: u32, payload: &mut &[u8], len: u32, reserve: u32) -> Result<(), Errno> {
        let (now, rest) = payload.split_at_checked(len as usize).ok_or(Errno::INVAL)?;
        match self {
            // The hypervisor knows of no reserve: FIN then waits for space like any message.
            Self::Sendv(tx) => tx.send(kind, now),
            Self::Delegated(tx) => tx.send(kind, now, reserve),
        }?;
        *payload = rest;
        Ok(())
    }

    fn send_control(&mut self, kind: u32, payload: &[u8]) -> Result<(), Errno> {
        match self {
            Self::Sendv(tx) => tx.send(kind, payload),
            Self::Delegated(tx) => tx.send(kind, payload, 0),
        }
    }

    fn room(&mut self, reserve: u32) -> Option<u32> {
        match self {
            Self::Sendv(tx) => tx.room(reserve),
            Self::Delegated(tx) => tx.producer.room(&tx.mem, reserve),
        }
    }

    fn gone(&self) -> bool {
        match self {
            Self::Sendv(tx) => tx.gone(),
            Self::Delegated(tx) => tx.gone(),
        }
    }

    fn want_space(&mut self, wish: u32) -> u32 {
        match self {
            Self::Sendv(_) => 0,
            Self::Delegated(tx) => wake::want_space(&tx.mem, wish),
        }
    }
}

impl fmt::Debug for Sendv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sendv")
            .field("own", &self.own)
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Delegated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delegated")
            .field("ring", &self.ring)
            .finish_non_exhaustive()
    }
}
