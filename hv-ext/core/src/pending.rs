//! Senders that found a ring full: who waits, and when they are told.
//!
//! A sender enters the ring's list, then the ring enters its owner's list of rings with pending senders, then the
//! sender's CPU looks at the ring's space once more. The owner's notify looks at its list, then at each ring. So where
//! the receiver reads on while a sender is on its way into the lists, one of the two CPUs sees the other.

use v4v_ring::{DomId, cursor};

use crate::Hypervisor;
use crate::domain::Domain;
use crate::errno::Errno;
use crate::host::{Host, Lock, RingId};
use crate::limits::MAX_PENDING;
use crate::ring::{Ring, State};

/// A domain that waits for space in a ring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending {
    pub(crate) sender: DomId,
    /// The domain's serial: a later domain with its id waits for nothing.
    pub(crate) serial: u64,
    /// Payload bytes of the longest message that it could not send.
    pub(crate) len: u32,
}

impl<H: Host> State<H> {
    /// Notes that a domain waits. Whether the ring must now be put into its owner's list.
    ///
    /// # Errors
    /// [`Errno::CONNREFUSED`] (the ring is gone), [`Errno::BUSY`] (delegated, or too many wait), [`Errno::NOMEM`].
    pub(crate) fn queue(&mut self, host: &H, new: Pending) -> Result<bool, Errno> {
        if self.gone {
            return Err(Errno::CONNREFUSED);
        }
        if self.delegated {
            return Err(Errno::BUSY);
        }
        if let Some(old) = self.pending.iter_mut().find(|p| p.sender == new.sender) {
            let len = if old.serial == new.serial {
                old.len.max(new.len)
            } else {
                new.len
            };
            *old = Pending { len, ..new };
        } else {
            if self.pending.len() >= MAX_PENDING {
                return Err(Errno::BUSY);
            }
            host.reserve(&mut self.pending, 1)?;
            self.pending.push(new);
        }
        Ok(!core::mem::replace(&mut self.listed, true))
    }

    /// A domain waits no longer.
    pub(crate) fn cancel(&mut self, sender: DomId, serial: u64) {
        self.pending.retain(|p| p.sender != sender || p.serial != serial);
    }

    /// Takes out one sender whose message fits now. Where none does, the receiver is asked for notify, and the space
    /// looked at once more.
    fn take_satisfied(&mut self) -> Option<Pending> {
        if let Some(pending) = self.satisfied() {
            return Some(pending);
        }
        if self.pending.is_empty() || !self.ask_for_notify() {
            None
        } else {
            self.satisfied()
        }
    }

    fn satisfied(&mut self) -> Option<Pending> {
        if self.pending.is_empty() {
            return None;
        }
        let free = self.free();
        let at = self
            .pending
            .iter()
            .position(|p| cursor::footprint(p.len) < free)?;
        Some(self.pending.swap_remove(at))
    }

    /// Where nobody waits any more, says that the ring is to leave its owner's list.
    fn leave_list(&mut self) -> bool {
        let idle = self.pending.is_empty() && self.listed;
        if idle {
            self.listed = false;
        }
        idle
    }
}

impl<H: Host> Domain<H> {
    /// Takes a ring out of the list of those with pending senders; `hint` is where it was.
    pub(crate) fn unlist(&self, ring: &Ring<H>, hint: usize) {
        self.waiting.with(|list| {
            let there = list.get(hint).is_some_and(|r| r.serial == ring.serial);
            let at = if there {
                Some(hint)
            } else {
                list.iter().position(|r| r.serial == ring.serial)
            };
            at.map(|at| list.swap_remove(at))
        });
    }
}

impl<H: Host> Hypervisor<H> {
    /// Lets a domain wait for space in a ring of `owner`'s.
    ///
    /// # Errors
    /// As [`State::queue`]; nothing has changed.
    pub(crate) fn await_space(
        &self,
        owner: &Domain<H>,
        ring: &H::Shared<Ring<H>>,
        sender: &Domain<H>,
        len: u32,
    ) -> Result<(), Errno> {
        let new = Pending {
            sender: sender.id,
            serial: sender.serial,
            len,
        };
        if ring.state.with(|state| state.queue(&self.host, new))? {
            self.enlist(owner, ring, sender)?;
        }
        self.fire(ring);
        Ok(())
    }

    /// Puts a ring into its owner's list, for `sender`, the first that waits.
    pub(crate) fn enlist(
        &self,
        owner: &Domain<H>,
        ring: &H::Shared<Ring<H>>,
        sender: &Domain<H>,
    ) -> Result<(), Errno> {
        let listed = owner.waiting.with(|list| {
            self.host.reserve(list, 1)?;
            list.push(ring.clone());
            Ok(())
        });
        if listed.is_err() {
            // Others may have joined while the ring counted as listed: they try again rather than sleep for ever.
            let pending = ring.state.with(|state| {
                state.listed = false;
                state.cancel(sender.id, sender.serial);
                core::mem::take(&mut state.pending)
            });
            pending.iter().for_each(|p| self.wake_sender(ring.id, *p));
        } else if ring.state.with(|state| state.gone) {
            owner.unlist(ring, usize::MAX);
        }
        listed
    }

    /// Tells the senders whose messages fit now.
    pub(crate) fn fire(&self, ring: &Ring<H>) {
        for _ in 0..MAX_PENDING {
            let Some(pending) = ring.state.with(State::take_satisfied) else {
                return;
            };
            self.wake_sender(ring.id, pending);
        }
    }

    /// Tells the senders of all own rings whose messages fit now.
    pub(crate) fn fire_all(&self, owner: &Domain<H>) {
        for at in (0..owner.waiting.read(alloc::vec::Vec::len)).rev() {
            let Some(ring) = owner.waiting.read(|list| list.get(at).cloned()) else {
                continue;
            };
            self.fire(&ring);
            if ring.state.with(State::leave_list) {
                owner.unlist(&ring, at);
            }
        }
    }

    /// Tells one sender, if it still lives.
    pub(crate) fn wake_sender(&self, ring: RingId, pending: Pending) {
        if self.is_alive(pending.sender, pending.serial) {
            self.host.signal_space(ring, pending.sender);
            self.host.signal(pending.sender);
        }
    }

    /// Strikes a dead domain off the lists of `owner`'s rings.
    pub(crate) fn forget_sender(&self, owner: &Domain<H>, sender: DomId, serial: u64) {
        for at in (0..owner.waiting.read(alloc::vec::Vec::len)).rev() {
            let Some(ring) = owner.waiting.read(|list| list.get(at).cloned()) else {
                continue;
            };
            let idle = ring.state.with(|state| {
                state.cancel(sender, serial);
                state.leave_list()
            });
            if idle {
                owner.unlist(&ring, at);
            }
        }
    }
}
