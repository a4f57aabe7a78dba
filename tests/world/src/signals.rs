//! How sleepers are told: a domain's event in Xen, words and doorbells hosted.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use v4v_hv::RingId;
use v4v_ring::{Addr, DomId, Signal, Word};

/// What was said and not yet heard.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    /// Xen: domains whose event is pending.
    events: RefCell<BTreeSet<DomId>>,
    /// Xen: rings in which a domain was promised an event about space.
    promised: RefCell<BTreeSet<(DomId, Addr)>>,
    /// Hosted: words whose sleepers were woken.
    woken: RefCell<Vec<(RingId, Word)>>,
    /// Hosted: the doorbells of rings.
    bells: RefCell<BTreeMap<RingId, Bell>>,
    /// Hosted: who fills a ring, by its own ring.
    fillers: RefCell<BTreeMap<RingId, RingId>>,
}

/// A hosted ring's doorbell, as its owner's descriptor shows it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bell {
    /// There is data.
    pub(crate) lit: bool,
    /// There is space in the partner's ring.
    pub(crate) roomy: bool,
    /// The peer is gone.
    pub(crate) hung: bool,
}

impl Signals {
    /// A domain's event is raised.
    pub(crate) fn raise(&self, domain: DomId) {
        self.events.borrow_mut().insert(domain);
    }

    /// Domains whose event is pending.
    pub(crate) fn pending(&self) -> Vec<DomId> {
        self.events.borrow().iter().copied().collect()
    }

    /// A domain takes its event.
    pub(crate) fn take_event(&self, domain: DomId) {
        self.events.borrow_mut().remove(&domain);
    }

    /// The hypervisor has promised `domain` an event about space in `ring`.
    pub(crate) fn promise(&self, domain: DomId, ring: Addr) {
        self.promised.borrow_mut().insert((domain, ring));
    }

    /// An answer has said that there is space, which takes the promise back: another thread of the domain may sleep on it,
    /// and the domain wakes it itself.
    pub(crate) fn take_promise_back(&self, domain: DomId, ring: Addr) {
        if self.promised.borrow_mut().remove(&(domain, ring)) {
            self.raise(domain);
        }
    }

    /// The owner of `own` fills `ring` from now on.
    pub(crate) fn set_filler(&self, ring: RingId, own: RingId) {
        self.fillers.borrow_mut().insert(ring, own);
    }

    /// Rings that a domain fills.
    pub(crate) fn filled_by(&self, domain: DomId) -> Vec<RingId> {
        let fillers = self.fillers.borrow();
        fillers
            .iter()
            .filter(|(_, own)| own.owner == domain)
            .map(|(ring, _)| *ring)
            .collect()
    }

    /// A new ring has a doorbell that nobody has pressed.
    pub(crate) fn new_bell(&self, ring: RingId) {
        self.bells.borrow_mut().remove(&ring);
    }

    pub(crate) fn with_bell<R>(&self, ring: RingId, f: impl FnOnce(&mut Bell) -> R) -> R {
        f(self.bells.borrow_mut().entry(ring).or_default())
    }

    /// Whoever sleeps on this word is woken.
    pub(crate) fn wake(&self, ring: RingId, word: Word) {
        self.woken.borrow_mut().push((ring, word));
    }

    /// Words whose sleepers were woken since the last look.
    pub(crate) fn take_woken(&self) -> Vec<(RingId, Word)> {
        self.woken.take()
    }

    /// A ring's producer tells whoever waits for data.
    pub(crate) fn tell_receiver(&self, ring: RingId, signal: Signal) {
        if signal.sleeper() {
            self.wake(ring, Word::Event);
        }
        if signal.poller() {
            self.with_bell(ring, |bell| bell.lit = true);
        }
    }

    /// A ring's owner tells whoever waits for space in it.
    pub(crate) fn tell_sender(&self, ring: RingId, signal: Signal) {
        if signal.sleeper() {
            self.wake(ring, Word::Space);
        }
        let filler = self.fillers.borrow().get(&ring).copied();
        if let Some(own) = filler.filter(|_| signal.poller()) {
            self.with_bell(own, |bell| bell.roomy = true);
        }
    }
}
