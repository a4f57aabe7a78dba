//! The hypervisor, what it and the guests ring each other up with, and who is alive.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use v4v_hv::testing::{Guest, Happened, TestHost, TestMem, domains};
use v4v_hv::{Hypervisor, RingId};
use v4v_ring::layout::{Word, state};
use v4v_ring::{DomId, Signal};

use crate::home::{Home, Process};
use crate::rng::Rng;
use crate::signals::Signals;
use crate::wait::On;

/// How the guests' homes use the hypervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// In Xen, with rings whose header words mean nothing: every message is an event, and whoever has read calls notify.
    Plain,
    /// In Xen, with `USE_FLAGS`: events and notify only where the header words ask for them.
    Flags,
    /// Processes: a connection's ring is delegated to the partner, sleepers sleep on words, pollers on doorbells.
    Hosted,
}

impl Flavour {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Flags, Self::Hosted];
}

/// A host machine.
pub struct Machine {
    hv: Arc<Hypervisor<TestHost>>,
    flavour: Flavour,
    random: RefCell<Rng>,
    frames: Cell<u64>,
    /// The first frame of every ring that its home knows.
    rings: RefCell<BTreeMap<RingId, u64>>,
    pub(crate) signals: Signals,
    processes: RefCell<Vec<(DomId, Rc<Process>)>>,
}

impl Machine {
    /// A machine without domains.
    #[must_use]
    pub fn new(flavour: Flavour, seed: u64) -> Rc<Self> {
        Rc::new(Self {
            hv: TestHost::boot(),
            flavour,
            random: RefCell::new(Rng::new(!seed)),
            frames: Cell::new(1),
            rings: RefCell::default(),
            signals: Signals::default(),
            processes: RefCell::default(),
        })
    }

    /// The hypervisor.
    #[must_use]
    pub fn hv(&self) -> &Hypervisor<TestHost> {
        &self.hv
    }

    /// How homes use it.
    #[must_use]
    pub fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// Makes a domain.
    pub fn boot(&self, id: DomId) {
        let [Guest { .. }] = domains(&self.hv, [id.0]);
    }

    /// A program in a domain.
    #[must_use]
    pub fn process(self: &Rc<Self>, domain: DomId) -> Home {
        let process = Rc::new(Process::default());
        self.processes.borrow_mut().push((domain, Rc::clone(&process)));
        let guest = Guest {
            id: domain,
            hv: Arc::clone(&self.hv),
        };
        Home::new(Rc::clone(self), guest, process)
    }

    /// A domain ends; nothing of it runs any more.
    pub fn destroy(&self, domain: DomId) {
        for (_, process) in self.processes.borrow().iter().filter(|(of, _)| *of == domain) {
            process.end();
        }
        self.hv.domain_destroy(domain);
        self.rings.borrow_mut().retain(|ring, _| ring.owner != domain);
    }

    /// A program ends without a farewell: its home unregisters its rings.
    pub fn kill(&self, home: &Home) {
        home.process().end();
        for ring in home.process().rings() {
            // Its domain may be dead already.
            let _ = self.hv.ring_destroy(ring);
            self.rings.borrow_mut().remove(&ring);
        }
    }

    /// The memory of a ring that its owner has registered.
    #[must_use]
    pub fn mem(&self, ring: RingId) -> Option<TestMem> {
        let gfn = *self.rings.borrow().get(&ring)?;
        self.hv.host().frame(ring.owner, gfn)
    }

    /// Every ring that `domain` can write: its own, and hosted those that it fills.
    #[must_use]
    pub fn reach(&self, domain: DomId) -> Vec<TestMem> {
        let filled = self.signals.filled_by(domain);
        let own: Vec<_> = self
            .rings
            .borrow()
            .keys()
            .copied()
            .filter(|ring| ring.owner == domain)
            .collect();
        own.into_iter()
            .chain(filled)
            .filter_map(|ring| self.mem(ring))
            .collect()
    }

    pub(crate) fn random(&self) -> u64 {
        self.random.borrow_mut().next()
    }

    /// A frame number that starts no other ring; a thousand frames are longer than any ring here.
    pub(crate) fn fresh_frame(&self) -> u64 {
        self.frames.set(self.frames.get() + 1);
        self.frames.get() << 10
    }

    pub(crate) fn enter(&self, ring: RingId, gfn: u64) {
        self.rings.borrow_mut().insert(ring, gfn);
        self.signals.new_bell(ring);
    }

    pub(crate) fn leave(&self, ring: RingId) {
        self.rings.borrow_mut().remove(&ring);
    }

    /// Wakes everybody for nothing, as far as anybody can.
    pub fn knock(&self) {
        let rings: Vec<_> = self.rings.borrow().keys().copied().collect();
        for ring in rings {
            self.signals.raise(ring.owner);
            self.wake_all(ring);
        }
    }

    /// Takes in what the hypervisor's hooks said: events in Xen, in a daemon's place words and doorbells.
    pub fn collect(&self) {
        for happened in self.hv.host().happened() {
            match (self.flavour, happened) {
                (Flavour::Plain | Flavour::Flags, Happened::Signal(domain)) => {
                    self.signals.raise(domain);
                }
                (Flavour::Hosted, Happened::SignalData(ring, wish)) => self.message_came(ring, wish),
                (Flavour::Hosted, Happened::StateChanged(ring, bits)) => self.state_changed(ring, bits),
                _ => {}
            }
        }
    }

    /// The daemon tells that it put a message into a ring; `None` where nobody could say a wish yet.
    fn message_came(&self, ring: RingId, wish: Option<Signal>) {
        match wish {
            Some(signal) => self.signals.tell_receiver(ring, signal),
            None => self.wake_all(ring),
        }
    }

    /// The daemon set State bits; the hypervisor has used the wishes up.
    fn state_changed(&self, ring: RingId, bits: u32) {
        self.wake_all(ring);
        if bits & state::PEER_GONE != 0 {
            self.signals.with_bell(ring, |bell| bell.hung = true);
        }
    }

    /// Wakes all who sleep on a ring's words, or poll for its data.
    fn wake_all(&self, ring: RingId) {
        self.signals.wake(ring, Word::Event);
        self.signals.wake(ring, Word::Space);
        self.signals.with_bell(ring, |bell| bell.lit = true);
    }

    /// Everybody has heard all that was said so far.
    pub fn hush(&self) {
        self.collect();
        self.signals
            .pending()
            .into_iter()
            .for_each(|domain| self.signals.take_event(domain));
        drop(self.signals.take_woken());
    }

    /// Whether what happened since ends the sleep of somebody in `domain`.
    #[must_use]
    pub fn ends(&self, domain: DomId, on: &[On]) -> bool {
        self.collect();
        let event = self.signals.pending().contains(&domain);
        let woken = self.signals.take_woken();
        on.iter().any(|on| match on {
            On::Bell(_) => !on.holds(self),
            _ => event && on.ends_with_event() || woken.iter().any(|w| on.is_woken_by(*w)),
        })
    }

    /// Checks that the hypervisor holds nothing for these living domains, ends them, and checks that nothing at all is left.
    ///
    /// # Panics
    /// Where something is left.
    pub fn assert_empty(&self) {
        let mut living = Vec::new();
        self.hv.for_each_domain(|d| {
            living.push(d.id);
            assert_eq!(
                (d.rings, d.bytes, d.watches, d.waiting),
                (0, 0, 0, 0),
                "{:?} keeps something",
                d.id
            );
        });
        assert_eq!(self.hv.host().mappings(), 0, "mappings with no ring");
        assert_eq!(
            self.hv.host().live(),
            living.len(),
            "counted objects besides the domains"
        );
        living.into_iter().for_each(|id| self.hv.domain_destroy(id));
        assert_eq!(self.hv.host().live(), 0);
    }
}
