//! Which rings there are, which process registered each, and what that adds up to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use v4v_hv::RingId;
use v4v_ring::DomId;
use v4v_ring::layout::{PAGE, pages};

use super::ring::Ring;

/// An attached process; never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

/// The process that makes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Itself.
    pub client: ClientId,
    /// Its user.
    pub uid: u32,
}

/// What a domain has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Rings.
    pub rings: u32,
    /// Bytes of memory in them.
    pub bytes: u64,
}

#[derive(Debug)]
struct Record {
    ring: Ring,
    registrar: Caller,
    bytes: u64,
}

/// All rings.
#[derive(Debug, Default)]
pub struct Rings {
    by_id: HashMap<RingId, Record>,
    by_client: BTreeSet<(ClientId, RingId)>,
    by_uid: HashMap<u32, usize>,
    by_domain: BTreeMap<DomId, Usage>,
}

/// Bytes of memory that a ring of `len` data bytes takes.
#[must_use]
pub fn memory_of(len: u32) -> u64 {
    u64::from(pages(len)) * u64::from(PAGE)
}

impl Rings {
    /// The ring of this name.
    #[must_use]
    pub fn get(&self, id: RingId) -> Option<&Ring> {
        self.by_id.get(&id).map(|record| &record.ring)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.by_id.len()
    }

    /// How many a user has.
    #[must_use]
    pub fn of_uid(&self, uid: u32) -> usize {
        self.by_uid.get(&uid).copied().unwrap_or(0)
    }

    /// What a domain has.
    #[must_use]
    pub fn of_domain(&self, domain: DomId) -> Usage {
        self.by_domain.get(&domain).copied().unwrap_or_default()
    }

    /// The names of those that a process registered.
    #[must_use]
    pub fn of_client(&self, client: ClientId) -> Vec<RingId> {
        self.by_client
            .range((client, LEAST)..)
            .take_while(|(of, _)| *of == client)
            .map(|(_, ring)| *ring)
            .collect()
    }

    /// Enters a ring, in place of one of the same name, if any.
    pub fn insert(&mut self, id: RingId, len: u32, ring: Ring, registrar: Caller) {
        self.remove(id);
        let bytes = memory_of(len);
        let usage = self.by_domain.entry(id.owner).or_default();
        usage.rings += 1;
        usage.bytes += bytes;
        *self.by_uid.entry(registrar.uid).or_default() += 1;
        self.by_client.insert((registrar.client, id));
        self.by_id.insert(
            id,
            Record {
                ring,
                registrar,
                bytes,
            },
        );
    }

    /// Takes a ring out.
    pub fn remove(&mut self, id: RingId) {
        let Some(Record { registrar, bytes, .. }) = self.by_id.remove(&id) else {
            return;
        };
        self.by_client.remove(&(registrar.client, id));
        if let Some(usage) = self.by_domain.get_mut(&id.owner) {
            usage.rings -= 1;
            usage.bytes -= bytes;
            if usage.rings == 0 {
                self.by_domain.remove(&id.owner);
            }
        }
        if let Some(count) = self.by_uid.get_mut(&registrar.uid) {
            *count -= 1;
            if *count == 0 {
                self.by_uid.remove(&registrar.uid);
            }
        }
    }
}

/// The least name of a ring.
const LEAST: RingId = RingId {
    owner: DomId(0),
    port: 0,
    partner: DomId(0),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_follow_the_rings() {
        let mut rings = Rings::default();
        let id = |owner, port| RingId {
            owner: DomId(owner),
            port,
            partner: DomId::ANY,
        };
        let caller = |client, uid| Caller {
            client: ClientId(client),
            uid,
        };
        let ring = || Ring::create(4032).expect("memory");
        rings.insert(id(1, 1), 4032, ring(), caller(10, 5));
        rings.insert(id(1, 2), 4048, ring(), caller(11, 5));
        rings.insert(id(2, 1), 4032, ring(), caller(11, 6));
        assert_eq!(
            rings.of_domain(DomId(1)),
            Usage {
                rings: 2,
                bytes: 3 * 4096
            }
        );
        assert_eq!((rings.of_uid(5), rings.of_uid(6), rings.count()), (2, 1, 3));
        assert_eq!(rings.of_client(ClientId(11)), [id(1, 2), id(2, 1)]);
        rings.insert(id(1, 1), 4032, ring(), caller(11, 5));
        assert_eq!(
            (rings.of_uid(5), rings.of_client(ClientId(10))),
            (2, vec![]),
            "another process took it over"
        );
        for id in rings.of_client(ClientId(11)) {
            rings.remove(id);
        }
        assert_eq!(
            (rings.count(), rings.of_uid(5), rings.of_domain(DomId(1))),
            (0, 0, Usage::default())
        );
        assert!(rings.by_client.is_empty() && rings.by_uid.is_empty() && rings.by_domain.is_empty());
    }
}
