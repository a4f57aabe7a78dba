//! One ring: what never changes about it, and its state under its lock.

use alloc::vec::Vec;

use v4v_ring::layout::{Word, space, state};
use v4v_ring::{Addr, NoRoom, Producer, RingMem, Signal, Slot, wake};

use crate::errno::Errno;
use crate::host::{Host, Lock, RingId};
use crate::limits::COPY_CHUNK;
use crate::pending::Pending;
use crate::send::Gather;

/// A ring.
pub(crate) struct Ring<H: Host> {
    pub(crate) id: RingId,
    /// Tells it from a later ring of the same name.
    pub(crate) serial: u64,
    /// Data bytes.
    pub(crate) len: u32,
    pub(crate) state: H::Lock<State<H>>,
}

/// What a ring's lock guards.
pub(crate) struct State<H: Host> {
    /// `None` before the pages are mapped and after the ring is gone.
    mapped: Option<Mapped<H::Mem>>,
    /// Moves whenever a reserved slot loses its place: a message was published, or other pages came.
    epoch: u64,
    /// Senders that wait for space; at most [`MAX_PENDING`](crate::limits::MAX_PENDING).
    pub(crate) pending: Vec<Pending>,
    /// The ring is in its owner's list of rings with pending senders, or about to be put there by a CPU that looks
    /// at the ring once more afterwards. True whenever `pending` is not empty.
    pub(crate) listed: bool,
    pub(crate) gone: bool,
    pub(crate) peer_gone: bool,
    /// Serial of the ring that this one watches or watched last, 0 for none: the end of another says nothing any more.
    watched: u64,
    /// The partner itself writes it.
    pub(crate) delegated: bool,
    /// The Event and Space words count.
    pub(crate) use_flags: bool,
    pub(crate) ready_slot: Option<u32>,
    /// Messages that the hypervisor put into it.
    pub(crate) messages: u64,
    /// Their payload bytes.
    pub(crate) bytes: u64,
}

/// A ring's memory and the place where the next message goes.
struct Mapped<M> {
    mem: M,
    producer: Producer,
}

/// What is left of a ring, to be dealt with without its lock.
pub(crate) struct Remains<M> {
    pub(crate) mem: Option<M>,
    /// Senders to be told.
    pub(crate) pending: Vec<Pending>,
    /// The ring is to leave its owner's list.
    pub(crate) listed: bool,
    /// The partner wrote it itself and is to be told.
    pub(crate) disowned: bool,
}

/// An event that a ring's owner is to get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) ready_slot: Option<u32>,
    /// `None` where the ring does not use the header's words.
    pub(crate) wish: Option<Signal>,
}

/// A message on its way into a ring.
pub(crate) struct Job<'a, H: Host> {
    pub(crate) source: Addr,
    pub(crate) kind: u32,
    pub(crate) len: u32,
    pub(crate) payload: Gather<'a, H>,
    /// The slot that it has, and the ring's epoch when it got it.
    pub(crate) slot: Option<(Slot, u64)>,
}

/// What one hold of the ring's lock did for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A chunk was copied, more are left.
    More,
    /// Another sender took the slot.
    Stolen,
    /// There is no room now.
    Full,
    /// The message is in; whether its receiver is to be told.
    Published(Option<Event>),
}

impl<H: Host> Ring<H> {
    /// A ring without memory, which nobody knows of yet.
    pub(crate) fn unmapped(id: RingId, serial: u64, len: u32) -> Self {
        let state = State {
            mapped: None,
            epoch: 0,
            pending: Vec::new(),
            listed: false,
            gone: false,
            peer_gone: false,
            watched: 0,
            delegated: false,
            use_flags: false,
            ready_slot: None,
            messages: 0,
            bytes: 0,
        };
        Self {
            id,
            serial,
            len,
            state: H::Lock::new(state),
        }
    }
}

impl<H: Host> State<H> {
    /// The ring's memory.
    pub(crate) fn mem(&self) -> Option<&H::Mem> {
        self.mapped.as_ref().map(|mapped| &mapped.mem)
    }

    /// Gives the ring its (new) memory. The cursor goes on from what the page says; where that cannot be, the page is
    /// put right. Returns the memory to be dropped without the lock, and whether the partner wrote it itself until now.
    pub(crate) fn map(&mut self, mem: H::Mem) -> (Option<H::Mem>, bool) {
        if self.gone {
            return (Some(mem), false);
        }
        let said = mem.load(Word::Tx);
        let producer = Producer::attach(&mem);
        if producer.position() != said {
            mem.store(Word::Tx, producer.position());
        }
        let disowned = self.disown();
        self.peer_gone = false;
        (
            self.mapped.replace(Mapped { mem, producer }).map(|old| old.mem),
            disowned,
        )
    }

    /// The slots reserved so far are void; a partner that writes the ring itself, if any, learns that nobody reads it
    /// any more.
    fn disown(&mut self) -> bool {
        self.epoch = self.epoch.wrapping_add(1);
        let delegated = core::mem::take(&mut self.delegated);
        if delegated {
            self.mark(state::UNREGISTERED, true);
        }
        delegated
    }

    /// Sets State bits, and uses up the wishes where there may be some, so that whoever is about to sleep on them does not.
    fn mark(&self, bits: u32, wishes: bool) {
        let Some(mem) = self.mem() else { return };
        mem.fetch_or(Word::State, bits);
        if wishes {
            let _ = (wake::signal_data(mem), wake::signal_space(mem));
        }
    }

    /// The ring is no more.
    pub(crate) fn retire(&mut self) -> Remains<H::Mem> {
        self.gone = true;
        let disowned = self.disown();
        let mem = self.mapped.take().map(|mapped| mapped.mem);
        Remains {
            mem,
            pending: core::mem::take(&mut self.pending),
            listed: self.listed,
            disowned,
        }
    }

    /// Nothing more will come; the event for the owner unless it was told before.
    pub(crate) fn set_peer_gone(&mut self) -> Option<Event> {
        if self.gone || core::mem::replace(&mut self.peer_gone, true) {
            return None;
        }
        self.mark(state::PEER_GONE, self.use_flags || self.delegated);
        Some(Event {
            ready_slot: self.ready_slot,
            wish: None,
        })
    }

    /// As [`set_peer_gone`](Self::set_peer_gone), where the ring with this serial, which is gone, is still the one watched.
    pub(crate) fn set_watched_gone(&mut self, serial: u64) -> Option<Event> {
        if self.watched == serial {
            self.set_peer_gone()
        } else {
            None
        }
    }

    /// From now on the ring with this serial is watched.
    pub(crate) fn watch(&mut self, serial: u64) {
        self.watched = serial;
    }

    /// What the ring watches now is there: the owner is told anew when that goes.
    pub(crate) fn take_back_peer_gone(&mut self) {
        if !core::mem::take(&mut self.peer_gone) {
            return;
        }
        if let Some(mem) = self.mem() {
            mem.store(Word::State, mem.load(Word::State) & !state::PEER_GONE);
        }
    }

    /// Hands the ring to its partner: its memory, and the senders that waited here.
    pub(crate) fn delegate(&mut self) -> Result<(H::Mem, Vec<Pending>), Errno> {
        let mem = self.mem().cloned().ok_or(Errno::CONNREFUSED)?;
        self.delegated = true;
        self.epoch = self.epoch.wrapping_add(1);
        Ok((mem, core::mem::take(&mut self.pending)))
    }

    /// Goes on with a message: one chunk, and its publication where that was the last.
    pub(crate) fn advance(&mut self, job: &mut Job<'_, H>) -> Result<Step, Errno> {
        if self.gone {
            return Err(Errno::CONNREFUSED);
        }
        if self.delegated {
            return Err(Errno::BUSY);
        }
        let Mapped { mem, producer } = self.mapped.as_mut().ok_or(Errno::INVAL)?;
        let mut slot = match job.slot {
            Some((slot, epoch)) if epoch == self.epoch => slot,
            Some(_) => return Ok(Step::Stolen),
            None => match producer.reserve_anew(mem, job.len) {
                Ok(slot) => slot,
                Err(NoRoom::TooLong) => return Err(Errno::MSGSIZE),
                Err(NoRoom::Full { .. }) => return Ok(Step::Full),
            },
        };
        slot.copy(mem, &mut job.payload, COPY_CHUNK)?;
        if slot.left() > 0 {
            job.slot = Some((slot, self.epoch));
            return Ok(Step::More);
        }
        producer.publish(mem, &slot, job.source, job.kind);
        self.epoch = self.epoch.wrapping_add(1);
        self.messages = self.messages.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(u64::from(job.len));
        Ok(Step::Published(self.data_event()))
    }

    /// The event for a new message, `None` where the owner suppresses it.
    fn data_event(&self) -> Option<Event> {
        let mem = self.mem()?;
        let wish = if self.use_flags {
            Some(wake::signal_data(mem))
        } else {
            None
        };
        let wanted = !wish.is_some_and(Signal::is_none);
        wanted.then_some(Event {
            ready_slot: self.ready_slot,
            wish,
        })
    }

    /// Bytes of ring that are free now.
    pub(crate) fn free(&mut self) -> u32 {
        self.mapped
            .as_mut()
            .map_or(0, |mapped| mapped.producer.free(&mapped.mem))
    }

    /// Asks the receiver to call notify once it has read on; whether there was a need to. The caller looks at the
    /// space afterwards.
    pub(crate) fn ask_for_notify(&self) -> bool {
        let Some(mem) = self.mem().filter(|_| self.use_flags) else {
            return false;
        };
        mem.fetch_or(Word::Space, space::PENDING);
        mem.fence();
        true
    }
}
