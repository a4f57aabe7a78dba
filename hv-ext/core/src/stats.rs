//! Numbers for people and tools. Each is right for the moment at which it was read, not all for the same one.

use v4v_ring::DomId;

use crate::Hypervisor;
use crate::host::{Host, Lock, RingId};
use crate::table::Key;

/// What a domain holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DomainStats {
    /// The domain.
    pub id: DomId,
    /// Its rings.
    pub rings: usize,
    /// Data bytes of them all.
    pub bytes: u64,
    /// Rings of it that watch another domain's.
    pub watches: usize,
    /// Rings of it in the list that notify walks.
    pub waiting: usize,
}

/// A ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingStats {
    /// The ring.
    pub id: RingId,
    /// Its data bytes.
    pub len: u32,
    /// Its free bytes; of a delegated ring, when the hypervisor last wrote it.
    pub free: u32,
    /// Domains that wait for space.
    pub pending: usize,
    /// Its partner writes it.
    pub delegated: bool,
    /// What it watched, or its partner, is gone.
    pub peer_gone: bool,
    /// Messages that came through the hypervisor.
    pub messages: u64,
    /// Payload bytes of those.
    pub bytes: u64,
}

impl<H: Host> Hypervisor<H> {
    /// Calls `f` for every domain with state, in the order of ids. No lock is held meanwhile.
    pub fn for_each_domain(&self, mut f: impl FnMut(DomainStats)) {
        self.each_domain(|domain| {
            let waiting = domain.waiting.read(alloc::vec::Vec::len);
            f(domain.rings.read(|rings| DomainStats {
                id: domain.id,
                rings: rings.count(),
                bytes: rings.bytes(),
                watches: rings.watches(),
                waiting,
            }));
        });
    }

    /// Calls `f` for every ring of a domain, in the order of partners, then ports. No lock is held meanwhile.
    pub fn for_each_ring(&self, owner: DomId, mut f: impl FnMut(RingStats)) {
        let Some(domain) = self.domain(owner) else { return };
        let mut next = Some(Key::FIRST);
        while let Some(from) = next {
            let found = domain
                .rings
                .read(|rings| rings.at_or_after(from).map(|e| (e.key(), e.ring.clone())));
            let Some((key, ring)) = found else { return };
            f(ring.state.with(|state| RingStats {
                id: ring.id,
                len: ring.len,
                free: state.free(),
                pending: state.pending.len(),
                delegated: state.delegated,
                peer_gone: state.peer_gone,
                messages: state.messages,
                bytes: state.bytes,
            }));
            next = key.next();
        }
    }
}
