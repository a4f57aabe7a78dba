//! Our operations 16 and 17: what this hypervisor can do, and what a ring makes of it.

use v4v_ring::{Addr, DomId};

use crate::Hypervisor;
use crate::abi::{Caps, NO_SLOT, RingSetup, features, setup_flags};
use crate::domain::Domain;
use crate::errno::Errno;
use crate::host::{Host, Lock};
use crate::limits::{COPY_CHUNK, MAX_PENDING, READY_SLOTS};
use crate::ring::Ring;
use crate::table::Key;

impl<H: Host> Hypervisor<H> {
    /// Op 16.
    pub(crate) fn caps(&self, caller: DomId, handle: u64) -> Result<u32, Errno> {
        let caps = Caps {
            version: 1,
            features: features::READY | features::WATCH | features::FLAGS,
            max_rings: self.params.max_rings,
            ready_slots: READY_SLOTS,
            max_pending: MAX_PENDING as u32,
            copy_chunk: COPY_CHUNK,
        };
        self.host.copy_to_caller(caller, handle, &caps.encode())?;
        Ok(0)
    }

    /// Op 17. Checks, in order: [`Errno::FAULT`]; padding, unknown flags, a slot out of range or a watch by a wildcard
    /// ring [`Errno::INVAL`]; [`Errno::NODEV`]; no such own ring [`Errno::NOENT`]; policy on the ring to be watched;
    /// no such ring [`Errno::CONNREFUSED`]; [`Errno::NOMEM`]. A watch that succeeds takes a PEER_GONE back that was about
    /// what the ring watched before. The caller looks at the ring once afterwards: what came before raised no ready bit.
    pub(crate) fn ring_setup(&self, caller: DomId, handle: u64) -> Result<u32, Errno> {
        let asked = RingSetup::decode(&self.fetch(caller, handle)?);
        check(&asked)?;
        let own = self.domain(caller).ok_or(Errno::NODEV)?;
        let key = Key {
            partner: asked.partner,
            port: asked.port,
        };
        let ring = own
            .rings
            .read(|rings| rings.find(key).map(|e| e.ring.clone()))
            .ok_or(Errno::NOENT)?;
        if asked.flags & setup_flags::SET_WATCH != 0 {
            self.watch(&own, &ring, asked.watch_port)?;
        }
        ring.state.with(|state| {
            if asked.flags & setup_flags::SET_READY != 0 {
                state.ready_slot = (asked.ready_slot != NO_SLOT).then_some(asked.ready_slot);
            }
            if asked.flags & setup_flags::USE_FLAGS != 0 {
                state.use_flags = true;
            }
        });
        // Senders that wait already count as asked for from now on.
        self.fire(&ring);
        Ok(0)
    }

    /// Makes an own ring watch its partner's ring at `port`.
    fn watch(&self, own: &Domain<H>, ring: &Ring<H>, port: u32) -> Result<(), Errno> {
        let key = Key {
            partner: ring.id.partner,
            port: ring.id.port,
        };
        self.host.may_send(own.id, Addr::new(key.partner, port))?;
        let there = self.domain(key.partner).ok_or(Errno::CONNREFUSED)?;
        let target = there.route(own, port).ok_or(Errno::CONNREFUSED)?;
        let partner = own.rings.with(|rings| {
            rings.set_watch(&self.host, key, port, target.serial)?;
            Ok(rings.find(key).map(|entry| entry.partner_serial))
        })?;
        ring.state.with(|state| {
            state.watch(target.serial);
            // Where the partner of old is dead, its namesake's ring does not make it live again.
            if partner == Some(there.serial) {
                state.take_back_peer_gone();
            }
        });
        if target.state.with(|state| state.gone) {
            // It went away since the look-up: its teardown may have missed the watch, or have told what was taken back.
            self.tell_watchers(own, &target);
            self.watched_gone(own, ring, target.serial);
        }
        Ok(())
    }
}

fn check(asked: &RingSetup) -> Result<(), Errno> {
    let has = |flag| asked.flags & flag != 0;
    let slot_ok =
        !has(setup_flags::SET_READY) || asked.ready_slot < READY_SLOTS || asked.ready_slot == NO_SLOT;
    let watch_ok = !has(setup_flags::SET_WATCH) || !asked.partner.is_any();
    let known = asked.flags & !setup_flags::ALL == 0 && asked.pad == 0;
    if known && slot_ok && watch_ok {
        Ok(())
    } else {
        Err(Errno::INVAL)
    }
}
