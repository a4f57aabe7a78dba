//! The rings that this process has at one daemon, and their end where the daemon ends.
//!
//! While the daemon lives, it tells a ring that its peer is gone. Nobody could once it does not: so with it all connections
//! end, as they do where a host goes down, and whoever waits is woken.

use crate::hosted::control::lock;
use crate::hosted::ring::{Bell, HostedRing};
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use v4v_hosted::doorbell::Button;
use v4v_hosted::futex;
use v4v_hosted::shm::ShmRing;
use v4v_ring::layout::{Word, state};
use v4v_ring::{RingMem, wake};
use v4v_sock::RingId;

/// Own rings by name.
#[derive(Debug, Default)]
pub(crate) struct Rings {
    entries: Mutex<HashMap<RingId, Entry>>,
    lost: AtomicBool,
}

#[derive(Debug)]
struct Entry {
    mem: ShmRing,
    bell: Weak<Bell>,
    /// The ring of the peer, which this side fills.
    partner: Option<ShmRing>,
}

impl Rings {
    /// A ring that was registered.
    pub(crate) fn insert(&self, id: RingId, ring: &HostedRing) {
        let entry = Entry {
            mem: ring.mem.clone(),
            bell: Arc::downgrade(&ring.bell),
            partner: None,
        };
        let mut entries = lock(&self.entries);
        if self.are_lost() {
            entry.end();
        }
        entries.insert(id, entry);
    }

    /// The way into the peer's ring was opened: what this side frees in `own` is told through `button`.
    pub(crate) fn join(&self, own: RingId, partner: &ShmRing, button: Arc<Button>) {
        let mut entries = lock(&self.entries);
        let Some(entry) = entries.get_mut(&own) else {
            return;
        };
        if let Some(bell) = entry.bell.upgrade() {
            bell.set_partner(button);
        }
        entry.partner = Some(partner.clone());
        if self.are_lost() {
            entry.end();
        }
    }

    /// The ring is unregistered.
    pub(crate) fn remove(&self, id: RingId) {
        lock(&self.entries).remove(&id);
    }

    /// The daemon is gone: ends all.
    pub(crate) fn lose(&self) {
        let entries = lock(&self.entries);
        // Under the lock: a ring that comes later sees it.
        self.lost.store(true, Ordering::Release);
        entries.values().for_each(Entry::end);
    }

    /// Whether the daemon is gone.
    pub(crate) fn are_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// An error where it is.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.are_lost() { Err(lost()) } else { Ok(()) }
    }
}

impl Entry {
    /// What the hypervisor does for a ring whose peer has died. The wishes are used up before the sleepers are woken, so that one who
    /// is about to sleep finds another word than he expects.
    fn end(&self) {
        self.mem.fetch_or(Word::State, state::PEER_GONE);
        let _ = wake::signal_data(&self.mem);
        futex::wake_all(self.mem.word(Word::Event));
        if let Some(partner) = &self.partner {
            partner.fetch_or(Word::State, state::UNREGISTERED);
            let _ = wake::signal_space(partner);
            futex::wake_all(partner.word(Word::Space));
        }
        if let Some(bell) = self.bell.upgrade() {
            bell.tell_end(self.partner.is_some());
        }
    }
}

/// What whoever waits is told.
pub(crate) fn lost() -> io::Error {
    crate::error::with_reason(
        libc::ENETDOWN,
        "v4vd, which this socket was opened at, is gone: start it again and open the socket anew",
    )
}
