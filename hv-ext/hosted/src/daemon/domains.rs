//! Which domains there are: ids, names, users, processes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use v4v_ring::DomId;

/// The first id that a domain gets. 0 is dom0 to users of Xen, and says "none" here.
const FIRST: u16 = 1;
/// The last id that a domain gets.
const LAST: u16 = DomId::FIRST_RESERVED - 1;

/// A domain with at least one process, or with a listener that a process has which is not attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// Its id.
    pub id: DomId,
    /// Its name; no other has it.
    pub name: String,
    /// The user whose processes it has.
    pub uid: u32,
    /// Processes attached.
    pub processes: u32,
    /// Brokered connections that it opened.
    pub calls_out: u64,
    /// Brokered connections that were opened to it.
    pub calls_in: u64,
}

/// All domains.
#[derive(Debug)]
pub struct Domains {
    by_id: BTreeMap<DomId, Domain>,
    by_name: HashMap<String, DomId>,
    /// Those without a process.
    empty: BTreeSet<DomId>,
    /// Where the search for a free id starts: after the last one given, so that an id is not soon somebody else's.
    next: u16,
}

impl Default for Domains {
    fn default() -> Self {
        Self {
            by_id: BTreeMap::new(),
            by_name: HashMap::new(),
            empty: BTreeSet::new(),
            next: FIRST,
        }
    }
}

impl Domains {
    /// The domain with this id.
    #[must_use]
    pub fn get(&self, id: DomId) -> Option<&Domain> {
        self.by_id.get(&id)
    }

    /// The domain with this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Domain> {
        self.get(*self.by_name.get(name)?)
    }

    /// A domain's name, for people.
    #[must_use]
    pub fn name(&self, id: DomId) -> &str {
        self.get(id).map_or("?", |domain| &domain.name)
    }

    /// Domains in the order of their ids, from `id` on.
    pub fn from(&self, id: DomId) -> impl Iterator<Item = &Domain> {
        self.by_id.range(id..).map(|(_, domain)| domain)
    }

    /// The lowest free id after the last one given, from 1 again after the last there is; `None` where all are taken.
    pub fn free_id(&self, reserved: impl Fn(DomId) -> bool) -> Option<DomId> {
        let ids = (self.next..=LAST).chain(FIRST..self.next).map(DomId);
        ids.into_iter()
            .find(|id| !self.by_id.contains_key(id) && !reserved(*id))
    }

    /// Enters a domain of one process, whose id and name are free. `fixed`: the id is the policy's choice.
    pub fn insert(&mut self, id: DomId, name: &str, uid: u32, fixed: bool) {
        if !fixed {
            self.next = if id.0 >= LAST { FIRST } else { id.0 + 1 };
        }
        self.by_name.insert(name.into(), id);
        self.by_id.insert(
            id,
            Domain {
                id,
                name: name.into(),
                uid,
                processes: 1,
                calls_out: 0,
                calls_in: 0,
            },
        );
    }

    /// One process more.
    pub fn join(&mut self, id: DomId) {
        if let Some(domain) = self.by_id.get_mut(&id) {
            domain.processes += 1;
            self.empty.remove(&id);
        }
    }

    /// One process less; whether that was the last.
    pub fn leave(&mut self, id: DomId) -> bool {
        let Some(domain) = self.by_id.get_mut(&id) else {
            return false;
        };
        domain.processes = domain.processes.saturating_sub(1);
        let is_empty = domain.processes == 0;
        if is_empty {
            self.empty.insert(id);
        }
        is_empty
    }

    /// Those without a process.
    #[must_use]
    pub fn empty(&self) -> &BTreeSet<DomId> {
        &self.empty
    }

    /// Takes one without a process out.
    pub fn remove(&mut self, id: DomId) {
        if !self.empty.remove(&id) {
            return;
        }
        if let Some(domain) = self.by_id.remove(&id) {
            self.by_name.remove(&domain.name);
        }
    }

    /// Counts a brokered connection.
    pub fn count_call(&mut self, from: DomId, to: DomId) {
        if let Some(domain) = self.by_id.get_mut(&from) {
            domain.calls_out += 1;
        }
        if let Some(domain) = self.by_id.get_mut(&to) {
            domain.calls_in += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_not_given_again_at_once() {
        let mut domains = Domains::default();
        let first = domains.free_id(|_| false).expect("free");
        domains.insert(first, "a", 0, false);
        assert!(domains.leave(first));
        domains.remove(first);
        assert_eq!((first, domains.free_id(|_| false)), (DomId(1), Some(DomId(2))));
    }

    #[test]
    fn calls_are_counted_at_both_ends() {
        let mut domains = Domains::default();
        domains.insert(DomId(1), "a", 0, false);
        domains.insert(DomId(2), "b", 0, false);
        domains.count_call(DomId(1), DomId(2));
        domains.count_call(DomId(1), DomId(1));
        let counts = |id| domains.get(DomId(id)).map(|d| (d.calls_out, d.calls_in));
        assert_eq!((counts(1), counts(2)), (Some((2, 1)), Some((0, 1))));
    }

    #[test]
    fn ids_come_round_and_run_out() {
        let mut domains = Domains {
            next: LAST,
            ..Domains::default()
        };
        assert_eq!(domains.free_id(|_| false), Some(DomId(LAST)));
        domains.insert(DomId(LAST), "last", 0, false);
        assert_eq!(
            domains.free_id(|id| id.0 < 3),
            Some(DomId(3)),
            "reserved ids are passed over"
        );
        assert_eq!(domains.free_id(|_| true), None);
    }

    #[test]
    fn a_domain_lives_as_long_as_its_last_process() {
        let mut domains = Domains::default();
        domains.insert(DomId(7), "a", 5, true);
        domains.join(DomId(7));
        assert!(!domains.leave(DomId(7)));
        domains.remove(DomId(7));
        assert_eq!(
            domains.find("a").map(|d| (d.id, d.uid, d.processes)),
            Some((DomId(7), 5, 1))
        );
        assert!(domains.leave(DomId(7)) && domains.empty().contains(&DomId(7)));
        domains.join(DomId(7));
        assert!(domains.empty().is_empty() && domains.leave(DomId(7)));
        domains.remove(DomId(7));
        assert_eq!((domains.find("a"), domains.get(DomId(7))), (None, None));
        assert_eq!(
            domains.free_id(|_| false),
            Some(DomId(1)),
            "a fixed id does not move the others"
        );
    }
}
