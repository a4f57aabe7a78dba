//! Telling a ring's owner: its bit in the ready page, then the event.

use v4v_ring::DomId;

use crate::Hypervisor;
use crate::domain::Domain;
use crate::errno::Errno;
use crate::host::{BitPage, Host, Lock};
use crate::limits::READY_SUMMARY_WORDS;
use crate::ring::{Event, Ring};

/// Sets a slot's bit, then the summary's bit for its word: a reader that clears the summary first misses none.
fn set_slot<P: BitPage>(page: &P, slot: u32) {
    let word = slot as usize / 64;
    page.set(READY_SUMMARY_WORDS.saturating_add(word), 1 << (slot % 64));
    page.set(word / 64, 1 << (word % 64));
}

impl<H: Host> Hypervisor<H> {
    /// A message came: tells the owner.
    pub(crate) fn raise_data(&self, owner: &Domain<H>, ring: &Ring<H>, event: Event) {
        self.host.signal_data(ring.id, event.wish);
        self.raise(owner, event);
    }

    /// Sets the ring's ready bit and signals its owner.
    pub(crate) fn raise(&self, owner: &Domain<H>, event: Event) {
        if let Some(slot) = event.ready_slot {
            owner.ready.read(|page| {
                if let Some(page) = page {
                    set_slot(page, slot);
                }
            });
        }
        self.host.signal(owner.id);
    }

    /// Op 18: gives the domain a ready page, or takes it back where `gfn_handle` is zero. Bits set before are not
    /// carried over: the caller looks at its rings once afterwards.
    pub(crate) fn ready_setup(&self, caller: DomId, gfn_handle: u64) -> Result<u32, Errno> {
        let page = if gfn_handle == 0 {
            None
        } else {
            let mut gfn = [0; 8];
            self.host.copy_from_caller(caller, gfn_handle, &mut gfn)?;
            Some(u64::from_le_bytes(gfn))
        };
        let own = self.domain(caller).ok_or(Errno::NODEV)?;
        let page = page.map(|gfn| self.host.map_page(caller, gfn)).transpose()?;
        let old = own.ready.with(|slot| core::mem::replace(slot, page));
        drop(old);
        if !self.is_alive(own.id, own.serial) {
            // The domain died meanwhile, and its teardown may have passed already.
            drop(own.ready.with(Option::take));
        }
        Ok(0)
    }
}
