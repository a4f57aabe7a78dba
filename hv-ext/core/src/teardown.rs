//! The ways in which rings and domains end, and who is told.

use v4v_ring::DomId;
use v4v_ring::layout::state;

use crate::Hypervisor;
use crate::abi::Unregister;
use crate::domain::Domain;
use crate::errno::Errno;
use crate::host::{Host, Lock, RingId};
use crate::ring::{Event, Remains, Ring, State};
use crate::table::{Key, Rings};

impl<H: Host> Hypervisor<H> {
    /// Op 2.
    pub(crate) fn unregister(&self, caller: DomId, handle: u64) -> Result<u32, Errno> {
        let asked = Unregister::decode(&self.fetch(caller, handle)?);
        if asked.pad != 0 {
            return Err(Errno::INVAL);
        }
        self.ring_destroy(RingId {
            owner: caller,
            port: asked.port,
            partner: asked.partner,
        })?;
        Ok(0)
    }

    /// Unregisters a ring on its owner's behalf: for a home in which a domain is several processes, one of which died.
    ///
    /// Pending senders are told, and so are the rings that watched this one.
    ///
    /// # Errors
    /// [`Errno::NODEV`] (the owner has no state), [`Errno::NOENT`].
    pub fn ring_destroy(&self, id: RingId) -> Result<(), Errno> {
        let owner = self.domain(id.owner).ok_or(Errno::NODEV)?;
        let key = Key {
            partner: id.partner,
            port: id.port,
        };
        let entry = owner.rings.with(|rings| rings.remove(key)).ok_or(Errno::NOENT)?;
        self.retire(&owner, &entry.ring);
        if id.partner.is_any() {
            self.each_domain(|domain| self.tell_watchers(domain, &entry.ring));
        } else if let Some(partner) = self.domain(id.partner) {
            self.tell_watchers(&partner, &entry.ring);
        }
        Ok(())
    }

    /// Ends a ring that nobody can find any more.
    fn retire(&self, owner: &Domain<H>, ring: &Ring<H>) {
        let Remains {
            mem,
            pending,
            listed,
            disowned,
        } = ring.state.with(State::retire);
        drop(mem);
        if listed {
            owner.unlist(ring, usize::MAX);
        }
        if disowned {
            self.host.state_changed(ring.id, state::UNREGISTERED);
        }
        pending.iter().for_each(|p| self.wake_sender(ring.id, *p));
        self.host.ring_gone(ring.id, ring.len);
    }

    /// Tells `domain`'s rings that watch `gone`. One that its owner turns to another ring meanwhile is not told.
    pub(crate) fn tell_watchers(&self, domain: &Domain<H>, gone: &Ring<H>) {
        let (owner, port) = (gone.id.owner, gone.id.port);
        while let Some(ring) = domain
            .rings
            .with(|rings| rings.take_watch(owner, port, gone.serial))
        {
            self.watched_gone(domain, &ring, gone.serial);
        }
    }

    /// Tells a ring's owner, once, that what the ring watches is gone: the ring with serial `gone`, unless it watches another
    /// by now.
    pub(crate) fn watched_gone(&self, owner: &Domain<H>, ring: &Ring<H>, gone: u64) {
        let event = ring.state.with(|state| state.set_watched_gone(gone));
        self.tell_gone(owner, ring, event);
    }

    /// Tells a ring's owner, once, that nothing more will come.
    pub(crate) fn peer_gone(&self, owner: &Domain<H>, ring: &Ring<H>) {
        let event = ring.state.with(State::set_peer_gone);
        self.tell_gone(owner, ring, event);
    }

    fn tell_gone(&self, owner: &Domain<H>, ring: &Ring<H>, event: Option<Event>) {
        if let Some(event) = event {
            self.host.state_changed(ring.id, state::PEER_GONE);
            self.raise(owner, event);
        }
    }

    /// Ends a domain's part in all this: its rings go, others' rings that were for it alone get PEER_GONE, and it
    /// waits for nothing any more. Does nothing for a domain without state.
    pub fn domain_destroy(&self, id: DomId) {
        let Some(dead) = self.take_domain(id) else { return };
        dead.rings.with(|rings| rings.dead = true);
        while let Some(entry) = dead.rings.with(Rings::pop) {
            self.retire(&dead, &entry.ring);
        }
        drop(dead.ready.with(Option::take));
        self.each_domain(|other| {
            self.orphan(other, &dead);
            self.forget_sender(other, dead.id, dead.serial);
        });
    }

    /// Tells `owner`'s rings that were for `dead` alone. These include all that watched a ring of `dead`'s.
    fn orphan(&self, owner: &Domain<H>, dead: &Domain<H>) {
        let mut port = Some(0);
        while let Some(from) = port {
            let found = owner.rings.with(|rings| {
                let entry = rings.at_or_after(Key {
                    partner: dead.id,
                    port: from,
                })?;
                if entry.ring.id.partner != dead.id {
                    return None;
                }
                let found = (entry.ring.clone(), entry.partner_serial);
                if found.1 == dead.serial {
                    rings.drop_watch(Key {
                        partner: dead.id,
                        port: found.0.id.port,
                    });
                }
                Some(found)
            });
            let Some((ring, serial)) = found else { return };
            if serial == dead.serial {
                self.peer_gone(owner, &ring);
            }
            port = ring.id.port.checked_add(1);
        }
    }

    /// The domain starts anew without Argo's memory of it (kexec, guest reset): all as if it had died and come again.
    ///
    /// # Errors
    /// As [`domain_create`](Self::domain_create); the domain is then without state.
    pub fn soft_reset(&self, id: DomId) -> Result<(), Errno> {
        if self.domain(id).is_none() {
            return Ok(());
        }
        self.domain_destroy(id);
        self.domain_create(id)
    }
}
