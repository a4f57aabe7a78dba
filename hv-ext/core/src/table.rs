//! A domain's rings and what they watch: two sorted lists under one lock.
//!
//! Sorted by partner, then port: the rings for one partner lie side by side, so a partner's death finds them without an
//! index that could leak.

use alloc::vec::Vec;

use v4v_ring::DomId;

use crate::errno::Errno;
use crate::host::Host;
use crate::ring::Ring;

/// A ring's place among its owner's rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) partner: DomId,
    pub(crate) port: u32,
}

/// A ring in its owner's table.
pub(crate) struct Entry<H: Host> {
    pub(crate) ring: H::Shared<Ring<H>>,
    /// Serial of the partner's domain, 0 for a wildcard ring: a later domain with the partner's id is not the partner.
    pub(crate) partner_serial: u64,
    /// The partner's port that this ring watches.
    pub(crate) watch: Option<u32>,
}

impl Key {
    /// The least key; every walk starts here.
    pub(crate) const FIRST: Self = Self {
        partner: DomId(0),
        port: 0,
    };

    /// The key after this one.
    pub(crate) fn next(self) -> Option<Self> {
        match self.port.checked_add(1) {
            Some(port) => Some(Self { port, ..self }),
            None => self.partner.0.checked_add(1).map(|partner| Self {
                partner: DomId(partner),
                port: 0,
            }),
        }
    }
}

impl<H: Host> Entry<H> {
    pub(crate) fn key(&self) -> Key {
        Key {
            partner: self.ring.id.partner,
            port: self.ring.id.port,
        }
    }
}

/// A wish to hear when another domain's ring goes away.
#[derive(Clone, Copy, Debug)]
struct Watch {
    target_owner: DomId,
    target_port: u32,
    own_port: u32,
    /// Serial of the ring watched.
    target: u64,
}

impl Watch {
    const fn place(&self) -> (DomId, u32, u32) {
        (self.target_owner, self.target_port, self.own_port)
    }
}

/// A domain's tables.
pub(crate) struct Rings<H: Host> {
    /// The domain is going away; nothing more enters.
    pub(crate) dead: bool,
    /// At most `Params::max_rings`.
    list: Vec<Entry<H>>,
    /// At most one per ring.
    watches: Vec<Watch>,
    /// Data bytes of all rings.
    bytes: u64,
}

impl<H: Host> Rings<H> {
    pub(crate) const fn new() -> Self {
        Self {
            dead: false,
            list: Vec::new(),
            watches: Vec::new(),
            bytes: 0,
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn watches(&self) -> usize {
        self.watches.len()
    }

    fn position(&self, key: Key) -> Result<usize, usize> {
        self.list.binary_search_by_key(&key, Entry::key)
    }

    pub(crate) fn find(&self, key: Key) -> Option<&Entry<H>> {
        self.list.get(self.position(key).ok()?)
    }

    pub(crate) fn find_mut(&mut self, key: Key) -> Option<&mut Entry<H>> {
        let at = self.position(key).ok()?;
        self.list.get_mut(at)
    }

    /// The first ring at or after `key`, for walks that let go of the lock between two rings.
    pub(crate) fn at_or_after(&self, key: Key) -> Option<&Entry<H>> {
        self.list
            .get(self.list.partition_point(|entry| entry.key() < key))
    }

    /// Makes room for one more ring.
    pub(crate) fn reserve(&mut self, host: &H) -> Result<(), Errno> {
        host.reserve(&mut self.list, 1)
    }

    /// Enters a ring whose key is free.
    pub(crate) fn insert(&mut self, host: &H, entry: Entry<H>) -> Result<(), Errno> {
        let Err(at) = self.position(entry.key()) else {
            return Err(Errno::EXIST);
        };
        host.reserve(&mut self.list, 1)?;
        self.bytes = self.bytes.saturating_add(u64::from(entry.ring.len));
        self.list.insert(at, entry);
        Ok(())
    }

    /// Takes a ring and its watch out.
    pub(crate) fn remove(&mut self, key: Key) -> Option<Entry<H>> {
        let at = self.position(key).ok()?;
        self.drop_watch(key);
        Some(self.forget_bytes(at))
    }

    /// Takes any ring out.
    pub(crate) fn pop(&mut self) -> Option<Entry<H>> {
        let key = self.list.last()?.key();
        self.remove(key)
    }

    fn forget_bytes(&mut self, at: usize) -> Entry<H> {
        let entry = self.list.remove(at);
        self.bytes = self.bytes.saturating_sub(u64::from(entry.ring.len));
        entry
    }

    /// Makes the ring at `key` watch the ring `target`, its partner's at `port`, in place of what it watched.
    ///
    /// # Errors
    /// [`Errno::NOENT`], [`Errno::NOMEM`]; nothing has changed.
    pub(crate) fn set_watch(&mut self, host: &H, key: Key, port: u32, target: u64) -> Result<(), Errno> {
        self.position(key).map_err(|_| Errno::NOENT)?;
        host.reserve(&mut self.watches, 1)?;
        self.drop_watch(key);
        let watch = Watch {
            target_owner: key.partner,
            target_port: port,
            own_port: key.port,
            target,
        };
        if let Err(at) = self.watches.binary_search_by_key(&watch.place(), Watch::place) {
            self.watches.insert(at, watch);
        }
        if let Some(entry) = self.find_mut(key) {
            entry.watch = Some(port);
        }
        Ok(())
    }

    /// Ends the watch of the ring at `key`.
    pub(crate) fn drop_watch(&mut self, key: Key) {
        let Some(port) = self.find_mut(key).and_then(|entry| entry.watch.take()) else {
            return;
        };
        if let Ok(at) = self
            .watches
            .binary_search_by_key(&(key.partner, port, key.port), Watch::place)
        {
            self.watches.remove(at);
        }
    }

    /// Ends one watch of the ring `target`, which was `owner`'s at `port`, and returns the ring that watched.
    pub(crate) fn take_watch(&mut self, owner: DomId, port: u32, target: u64) -> Option<H::Shared<Ring<H>>> {
        let first = self.watches.partition_point(|w| w.place() < (owner, port, 0));
        let of_port = self
            .watches
            .get(first..)?
            .iter()
            .take_while(|w| w.target_owner == owner && w.target_port == port);
        let key = of_port.copied().find(|w| w.target == target).map(|w| Key {
            partner: owner,
            port: w.own_port,
        })?;
        self.drop_watch(key);
        self.find(key).map(|entry| entry.ring.clone())
    }
}
