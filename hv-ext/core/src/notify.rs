//! notify: a receiver says that it has read on, and a sender asks for space.

use v4v_ring::layout::{MESSAGE_HEADER, SLOT};
use v4v_ring::{Addr, DomId};

use crate::Hypervisor;
use crate::abi::{NOTIFY_HEADER, RingDataEnt, ring_flags};
use crate::domain::Domain;
use crate::errno::Errno;
use crate::host::{Host, Lock};
use crate::limits::MAX_NOTIFY;
use crate::ring::Ring;

/// What a ring's header and the slot that stays free take from the greatest message.
const OVERHEAD: u32 = MESSAGE_HEADER + SLOT;

/// The answer to one question; `max_message_size` is left alone where there is no ring.
#[derive(Default)]
struct Answer {
    flags: u16,
    max_message_size: Option<u32>,
}

impl<H: Host> Hypervisor<H> {
    /// Op 4.
    pub(crate) fn notify(&self, caller: DomId, handle: u64) -> Result<u32, Errno> {
        let own = self.domain(caller).ok_or(Errno::NODEV)?;
        self.fire_all(&own);
        if handle == 0 {
            return Ok(0);
        }
        let [a, b, c, d, ..]: [u8; NOTIFY_HEADER] = self.fetch(caller, handle)?;
        let count = u32::from_le_bytes([a, b, c, d]);
        if count > MAX_NOTIFY {
            return Err(Errno::ACCES);
        }
        let size = RingDataEnt::SIZE as u64;
        let first = handle.checked_add(NOTIFY_HEADER as u64).ok_or(Errno::FAULT)?;
        if !self
            .host
            .range_ok(caller, first, u64::from(count).saturating_mul(size))
        {
            return Err(Errno::FAULT);
        }
        for at in 0..u64::from(count) {
            let entry = first.checked_add(at.saturating_mul(size)).ok_or(Errno::FAULT)?;
            self.answer(&own, entry)?;
        }
        Ok(0)
    }

    /// Answers the question at `handle`.
    fn answer(&self, own: &Domain<H>, handle: u64) -> Result<(), Errno> {
        let asked = RingDataEnt::decode(&self.fetch(own.id, handle)?);
        let answer = self.ask(own, asked.ring, asked.space_required)?;
        let field = |offset| handle.checked_add(offset).ok_or(Errno::FAULT);
        self.host
            .copy_to_caller(own.id, field(RingDataEnt::FLAGS)?, &answer.flags.to_le_bytes())?;
        if let Some(max) = answer.max_message_size {
            self.host
                .copy_to_caller(own.id, field(RingDataEnt::MAX_MESSAGE_SIZE)?, &max.to_le_bytes())?;
        }
        Ok(())
    }

    /// What there is to say about a ring; where the space is not there, the caller waits for it.
    fn ask(&self, own: &Domain<H>, addr: Addr, required: u32) -> Result<Answer, Errno> {
        let Some(there) = self.domain(addr.domain) else {
            return Ok(Answer::default());
        };
        self.host.may_send(own.id, addr)?;
        let Some(ring) = there.route(own, addr.port) else {
            return Ok(Answer::default());
        };
        let mut answer = look(own, &ring, required);
        if answer.flags & (ring_flags::EMSGSIZE | ring_flags::SUFFICIENT | ring_flags::EBUSY) == 0 {
            match self.await_space(&there, &ring, own, required) {
                Err(Errno::BUSY) => answer.flags |= ring_flags::EBUSY,
                Err(Errno::CONNREFUSED) => return Ok(Answer::default()),
                waits => waits?,
            }
        }
        Ok(answer)
    }
}

/// One look at a ring. Enough space ends the caller's wait for it.
fn look<H: Host>(own: &Domain<H>, ring: &Ring<H>, required: u32) -> Answer {
    let max = ring.len.saturating_sub(OVERHEAD);
    let mut flags = ring_flags::EXISTS;
    if ring.id.partner.is_any() {
        flags |= ring_flags::SHARED;
    }
    ring.state.with(|state| {
        if state.delegated {
            flags |= ring_flags::EBUSY;
            return;
        }
        let room = state.free().saturating_sub(OVERHEAD);
        if room == max {
            flags |= ring_flags::EMPTY;
        }
        if required > max {
            flags |= ring_flags::EMSGSIZE;
        } else if room >= required {
            state.cancel(own.id, own.serial);
            flags |= ring_flags::SUFFICIENT;
        }
    });
    Answer {
        flags,
        max_message_size: Some(max),
    }
}
