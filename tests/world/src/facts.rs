//! What may go wrong, and for whom: everything else is a bug.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use v4v_ring::{Addr, DomId};
use v4v_sock::Errno;

/// How much of a connection its ends may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Everything arrives, and nothing fails.
    Whole,
    /// It may be reset; what arrives is right, and nobody takes a reset for an end.
    Prefix,
    /// One end is hostile.
    Nothing,
}

/// What has gone wrong so far.
#[derive(Debug, Default)]
pub struct Facts {
    /// Connections, by their connector's address, that one of their users gave up.
    disturbed: RefCell<BTreeSet<Addr>>,
    /// Domains that were destroyed, or lost a program.
    hurt: RefCell<BTreeSet<DomId>>,
    hostile: RefCell<BTreeSet<DomId>>,
    /// Domains whose listeners come and go, and with them what they have not accepted.
    fickle: RefCell<BTreeSet<DomId>>,
    /// Connections that a fickle domain has accepted.
    accepted: RefCell<BTreeSet<Addr>>,
    /// The hypervisor's memory runs out now and then.
    short: Cell<bool>,
    clients: Cell<usize>,
    /// Datagrams that the hypervisor took, by sender and receiver.
    datagrams: RefCell<BTreeMap<(Addr, Addr), usize>>,
}

impl Facts {
    /// A connection may end with a reset from now on.
    pub fn disturb(&self, connector: Addr) {
        self.disturbed.borrow_mut().insert(connector);
    }

    /// A domain lost a program, or itself.
    pub fn hurt(&self, domain: DomId) {
        self.hurt.borrow_mut().insert(domain);
    }

    /// A domain is hostile.
    pub fn set_hostile(&self, domain: DomId) {
        self.hostile.borrow_mut().insert(domain);
    }

    /// A domain's listeners come and go.
    pub fn set_fickle(&self, domain: DomId) {
        self.fickle.borrow_mut().insert(domain);
    }

    /// A connection was accepted: no listener's end disturbs it any more.
    pub fn accept(&self, connector: Addr) {
        self.accepted.borrow_mut().insert(connector);
    }

    /// The hypervisor's memory runs out now and then.
    pub fn set_short(&self) {
        self.short.set(true);
    }

    /// Whether it does.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.short.get()
    }

    /// What the connection of `connector` to `listener` may rely on.
    #[must_use]
    pub fn trust(&self, connector: Addr, listener: DomId) -> Trust {
        let either = |set: &RefCell<BTreeSet<DomId>>| {
            let set = set.borrow();
            set.contains(&connector.domain) || set.contains(&listener)
        };
        if either(&self.hostile) {
            Trust::Nothing
        } else if either(&self.hurt)
            || self.may_be_dropped(connector, listener)
            || self.is_disturbed(connector)
        {
            Trust::Prefix
        } else {
            Trust::Whole
        }
    }

    fn may_be_dropped(&self, connector: Addr, listener: DomId) -> bool {
        self.fickle.borrow().contains(&listener) && !self.accepted.borrow().contains(&connector)
    }

    fn is_disturbed(&self, connector: Addr) -> bool {
        self.disturbed.borrow().contains(&connector)
    }

    /// Whether an error of the hypervisor's is one that passes.
    #[must_use]
    pub fn passes(&self, e: Errno) -> bool {
        self.is_short() && e == Errno::NOMEM
    }

    /// A datagram was taken.
    pub fn datagram_sent(&self, from: Addr, to: Addr) {
        *self.datagrams.borrow_mut().entry((from, to)).or_default() += 1;
    }

    /// Datagrams that were taken for one receiver, by sender.
    #[must_use]
    pub fn datagrams_to(&self, to: Addr) -> BTreeMap<Addr, usize> {
        let all = self.datagrams.borrow();
        all.iter()
            .filter(|((_, there), _)| *there == to)
            .map(|((from, _), n)| (*from, *n))
            .collect()
    }

    /// A user whose end the world waits for begins.
    pub fn begin(&self) {
        self.clients.set(self.clients.get() + 1);
    }

    /// It ends.
    pub fn end(&self) {
        self.clients.set(self.clients.get() - 1);
    }

    /// Whether nobody is left who connects or sends: servers close.
    #[must_use]
    pub fn is_evening(&self) -> bool {
        self.clients.get() == 0
    }
}
