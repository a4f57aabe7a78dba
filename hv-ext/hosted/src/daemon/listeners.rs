//! Which ports are listened on with descriptors.
//!
//! The daemon keeps no descriptor of a listener, and the process that asked for one need not be the last that has it. So an entry
//! stays until the kernel says that the listener's name is free.

use std::collections::{BTreeMap, HashMap};

use v4v_ring::{Addr, DomId};

use super::endpoint;
use crate::names::ListenerName;

#[derive(Debug)]
struct Entry {
    name: ListenerName,
    uid: u32,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Listeners {
    by_addr: BTreeMap<(DomId, u32), Entry>,
    by_uid: HashMap<u32, usize>,
}

impl Listeners {
    /// The listener at this address, as far as is known.
    #[must_use]
    pub fn get(&self, addr: Addr) -> Option<ListenerName> {
        self.by_addr
            .get(&(addr.domain, addr.port))
            .map(|entry| entry.name)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.by_addr.len()
    }

    /// How many a user has.
    #[must_use]
    pub fn of_uid(&self, uid: u32) -> usize {
        self.by_uid.get(&uid).copied().unwrap_or(0)
    }

    /// Those of a domain, by port.
    pub fn of_domain(&self, domain: DomId) -> impl Iterator<Item = ListenerName> {
        self.by_addr
            .range((domain, 0)..=(domain, u32::MAX))
            .map(|(_, entry)| entry.name)
    }

    /// Enters one of a process of `uid`.
    pub fn insert(&mut self, name: ListenerName, uid: u32) {
        self.remove(&name);
        self.by_addr
            .insert((name.addr.domain, name.addr.port), Entry { name, uid });
        *self.by_uid.entry(uid).or_default() += 1;
    }

    /// Takes one out, if this is still the one at its address.
    pub fn remove(&mut self, name: &ListenerName) {
        let key = (name.addr.domain, name.addr.port);
        if self.by_addr.get(&key).is_none_or(|entry| entry.name != *name) {
            return;
        }
        let Some(Entry { uid, .. }) = self.by_addr.remove(&key) else {
            return;
        };
        if let Some(count) = self.by_uid.get_mut(&uid) {
            *count -= 1;
            if *count == 0 {
                self.by_uid.remove(&uid);
            }
        }
    }

    /// Whether somebody listens at this address. Where nobody does any more, the entry goes.
    pub fn is_taken(&mut self, addr: Addr) -> bool {
        let Some(name) = self.get(addr) else {
            return false;
        };
        match endpoint::is_bound(&name) {
            Ok(true) => true,
            Ok(false) => {
                self.remove(&name);
                false
            }
            Err(error) => {
                log::warn!("cannot tell whether {addr} is listened on: {error}");
                true
            }
        }
    }

    /// Drops those of a domain that have ended; returns how many are left.
    pub fn sweep(&mut self, domain: DomId) -> usize {
        let addrs: Vec<Addr> = self.of_domain(domain).map(|name| name.addr).collect();
        addrs.into_iter().filter(|addr| self.is_taken(*addr)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Broker;
    use nix::sys::socket::Backlog;

    fn name(domain: u16, port: u32) -> ListenerName {
        ListenerName {
            broker: Broker { pid: 1, uid: 0 },
            addr: Addr::new(DomId(domain), port),
            nonce: endpoint::random(),
        }
    }

    #[test]
    fn an_entry_lives_as_long_as_the_listener() {
        let (first, second) = (name(1, 5), name(1, 6));
        let sockets =
            [first, second].map(|name| endpoint::listener(&name, Backlog::MAXCONN).expect("a listener"));
        let mut all = Listeners::default();
        all.insert(first, 7);
        all.insert(second, 7);
        all.insert(name(2, 5), 8);
        assert_eq!(
            (all.count(), all.of_uid(7), all.of_domain(DomId(1)).count()),
            (3, 2, 2)
        );
        assert!(all.is_taken(first.addr) && !all.is_taken(Addr::new(DomId(3), 5)));
        let [a, _b] = sockets;
        drop(a);
        assert_eq!(all.sweep(DomId(1)), 1);
        assert_eq!((all.get(first.addr), all.of_uid(7)), (None, 1));
        assert_eq!(
            (all.sweep(DomId(2)), all.of_uid(8)),
            (0, 0),
            "nobody listens there"
        );
    }

    #[test]
    fn an_older_listener_does_not_take_a_newer_ones_place() {
        let (old, new) = (name(1, 5), name(1, 5));
        let mut all = Listeners::default();
        all.insert(new, 7);
        all.remove(&old);
        assert_eq!(all.get(new.addr), Some(new));
    }
}
