//! The scheduler.

use std::cell::{Cell, RefCell};
use std::fmt::Write;
use std::rc::Rc;

use v4v_hv::testing::interleave;
use v4v_ring::{Addr, DomId};

use crate::facts::{Facts, Trust};
use crate::home::Home;
use crate::machine::{Flavour, Machine};
use crate::rng::Rng;
use crate::user::{Turn, User};
use crate::wait::On;

/// Steps after which a world that has not ended never will.
const STEPS_MAX: u64 = 200_000;
/// Lock boundaries of one operation among which the second CPU's turn is drawn; most have fewer.
const BOUNDARIES: usize = 24;
/// One operation in so many has another one in it.
const OVERLAP: usize = 3;

/// What a user is doing.
enum Mood {
    Ready,
    /// Hosted: it has said what it waits for, and has not gone to sleep yet.
    Drowsy(Vec<On>),
    Asleep(Vec<On>),
    Done,
}

struct Slot {
    user: RefCell<Option<Box<dyn User>>>,
    home: Home,
    /// Ends when the others have.
    background: bool,
    mood: RefCell<Mood>,
}

/// Users on a machine.
pub struct World {
    machine: Rc<Machine>,
    /// What may go wrong.
    pub facts: Facts,
    slots: RefCell<Vec<Rc<Slot>>>,
    rng: RefCell<Rng>,
    seed: u64,
    steps: Cell<u64>,
}

/// Says which seed a failing world had.
struct Confess(Flavour, u64);

impl Drop for Confess {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("flavour {:?}; again with: V4V_SEED={}", self.0, self.1);
        }
    }
}

impl World {
    /// A machine with these domains and no user.
    #[must_use]
    pub fn new(flavour: Flavour, seed: u64, domains: impl IntoIterator<Item = u16>) -> Rc<Self> {
        let machine = Machine::new(flavour, seed);
        domains.into_iter().for_each(|id| machine.boot(DomId(id)));
        Rc::new(Self {
            machine,
            facts: Facts::default(),
            slots: RefCell::default(),
            rng: RefCell::new(Rng::new(seed)),
            seed,
            steps: Cell::new(0),
        })
    }

    /// The machine.
    #[must_use]
    pub fn machine(&self) -> &Rc<Machine> {
        &self.machine
    }

    /// Random numbers for one user.
    #[must_use]
    pub fn rng(&self) -> Rng {
        Rng::new(self.rng.borrow_mut().next())
    }

    /// A number below `n`.
    #[must_use]
    pub fn draw(&self, n: usize) -> usize {
        self.rng.borrow_mut().below(n)
    }

    /// Steps made.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps.get()
    }

    /// Whether a connection's end may wait for ever: hosted, a hostile partner can take back what the hypervisor wrote into the
    /// rings that the two share, even that it has gone. In Xen nobody can.
    #[must_use]
    pub fn may_be_silent(&self, connector: Addr, listener: DomId) -> bool {
        let hostile = self.facts.trust(connector, listener) == Trust::Nothing;
        hostile && self.machine.flavour() == Flavour::Hosted
    }

    /// Users that there were so far.
    #[must_use]
    pub fn users(&self) -> usize {
        self.slots.borrow().len()
    }

    /// Lets a user begin, which the world waits for.
    pub fn add(&self, home: &Home, user: impl User + 'static) {
        self.facts.begin();
        self.enter(home, Box::new(user), false);
    }

    /// Lets a user begin, which ends of itself when no others are left.
    pub fn add_background(&self, home: &Home, user: impl User + 'static) {
        self.enter(home, Box::new(user), true);
    }

    fn enter(&self, home: &Home, user: Box<dyn User>, background: bool) {
        self.slots.borrow_mut().push(Rc::new(Slot {
            user: RefCell::new(Some(user)),
            home: home.clone(),
            background,
            mood: RefCell::new(Mood::Ready),
        }));
    }

    /// Runs until everybody is done, then checks that the hypervisor holds nothing.
    ///
    /// # Panics
    /// Where the world stands still, does not end, or leaves something behind.
    pub fn run(self: &Rc<Self>) {
        self.run_with(|_| ());
    }

    /// The same; `before` is called before every step.
    ///
    /// # Panics
    /// As [`run`](Self::run).
    pub fn run_with(self: &Rc<Self>, mut before: impl FnMut(&Rc<Self>)) {
        let _confess = Confess(self.machine.flavour(), self.seed);
        loop {
            before(self);
            if !self.step() {
                break;
            }
            self.steps.set(self.steps.get() + 1);
            assert!(
                self.steps.get() < STEPS_MAX,
                "the world does not end:\n{}",
                self.report()
            );
        }
        self.slots.borrow_mut().clear();
        self.machine.assert_empty();
    }

    /// One step; whether there was something to do.
    fn step(self: &Rc<Self>) -> bool {
        let runnable: Vec<_> = self
            .slots
            .borrow()
            .iter()
            .filter(|slot| slot.can_run())
            .cloned()
            .collect();
        let events = self.machine.signals.pending();
        match runnable.len() + events.len() {
            0 => return self.on_standstill(),
            n => {
                let at = self.draw(n);
                match runnable.get(at) {
                    Some(slot) => self.run_slot(slot, &runnable),
                    None => self.deliver(events[at - runnable.len()]),
                }
            }
        }
        self.settle();
        true
    }

    /// Lets a user do one thing; now and then another domain's user does one thing meanwhile.
    fn run_slot(self: &Rc<Self>, slot: &Rc<Slot>, runnable: &[Rc<Slot>]) {
        let other = &runnable[self.draw(runnable.len())];
        if self.draw(OVERLAP) > 0 || other.home.guest().id == slot.home.guest().id {
            return self.turn(slot);
        }
        let (world, other) = (Rc::clone(self), Rc::clone(other));
        let at = self.draw(BOUNDARIES) as u32;
        interleave(at, move || world.turn(&other), || self.turn(slot));
    }

    /// A domain ends, at a lock boundary of what some user does, or at once.
    pub fn destroy(self: &Rc<Self>, domain: DomId) {
        self.facts.hurt(domain);
        let able = |slot: &&Rc<Slot>| slot.can_run() && slot.home.guest().id != domain;
        let others: Vec<_> = self.slots.borrow().iter().filter(able).cloned().collect();
        let world = Rc::clone(self);
        let end = move || world.machine.destroy(domain);
        match others.get(self.draw(others.len() + 1)) {
            Some(slot) => {
                let at = self.draw(BOUNDARIES) as u32;
                interleave(at, end, || self.turn(slot));
                // Where the operation had fewer boundaries, the domain ends after it.
                self.machine.destroy(domain);
            }
            None => end(),
        }
        self.bury();
        self.settle();
    }

    /// A program ends without a farewell: one that the world waits for, or a server.
    pub fn kill_one(self: &Rc<Self>) {
        let living: Vec<_> = self
            .slots
            .borrow()
            .iter()
            .filter(|slot| !slot.is_done())
            .cloned()
            .collect();
        if let Some(slot) = living.get(self.draw(living.len())) {
            self.facts.hurt(slot.home.guest().id);
            self.machine.kill(&slot.home);
        }
        self.bury();
        self.settle();
    }

    /// Forgets the users whose programs have ended.
    fn bury(&self) {
        let slots: Vec<_> = self.slots.borrow().clone();
        for slot in slots {
            if slot.home.process().is_dead() && !slot.is_done() {
                self.finish(&slot);
            }
        }
    }

    fn finish(&self, slot: &Slot) {
        drop(slot.user.borrow_mut().take());
        slot.mood.replace(Mood::Done);
        if !slot.background {
            self.facts.end();
        }
    }

    /// A user's turn.
    fn turn(self: &Rc<Self>, slot: &Slot) {
        if matches!(*slot.mood.borrow(), Mood::Drowsy(_)) {
            return slot.fall_asleep(&self.machine);
        }
        let Some(mut user) = slot.user.borrow_mut().take() else {
            return;
        };
        slot.mood.replace(Mood::Ready);
        let turn = user.step(self);
        *slot.user.borrow_mut() = Some(user);
        match turn {
            Turn::Again => {}
            Turn::Sleep(on) if self.machine.flavour() == Flavour::Hosted => {
                slot.mood.replace(Mood::Drowsy(on));
            }
            Turn::Sleep(on) => {
                slot.mood.replace(Mood::Asleep(on));
            }
            Turn::Done => self.finish(slot),
        }
    }

    /// A domain's event: whoever finds a reason in it wakes.
    fn deliver(&self, domain: DomId) {
        self.machine.signals.take_event(domain);
        for slot in self
            .slots
            .borrow()
            .iter()
            .filter(|slot| slot.home.guest().id == domain)
        {
            slot.wake_if(On::ends_with_event);
        }
    }

    /// Deals with what the last step has caused.
    fn settle(&self) {
        self.machine.collect();
        let woken = self.machine.signals.take_woken();
        for slot in self.slots.borrow().iter() {
            slot.wake_if(|on| woken.iter().any(|w| on.is_woken_by(*w)));
            // A descriptor that is ready stays so: nothing has to happen for its poller to wake.
            slot.wake_if(|on| matches!(on, On::Bell(_)) && !on.holds(&self.machine));
            if slot.user.borrow().as_ref().is_some_and(|user| user.is_over()) {
                slot.wake_if(|_| true);
            }
        }
    }

    /// Nobody can run. In the evening servers close; else time goes by for those who may have to give up. Where nobody may,
    /// a wake-up was lost.
    fn on_standstill(&self) -> bool {
        let slots: Vec<_> = self
            .slots
            .borrow()
            .iter()
            .filter(|slot| !slot.is_done())
            .cloned()
            .collect();
        if slots.is_empty() {
            return false;
        }
        if self.facts.is_evening() {
            let closing = slots.iter().filter(|slot| slot.background);
            assert!(
                closing.clone().count() > 0,
                "a wake-up was lost:\n{}",
                self.report()
            );
            closing.for_each(|slot| drop(slot.mood.replace(Mood::Ready)));
            return true;
        }
        let mut passed = false;
        for slot in slots {
            let gives_up = slot
                .user
                .borrow_mut()
                .as_mut()
                .is_some_and(|user| user.time_passes(self));
            if gives_up {
                slot.mood.replace(Mood::Ready);
                passed = true;
            }
        }
        assert!(passed, "a wake-up was lost:\n{}", self.report());
        true
    }

    /// Who waits for what.
    fn report(&self) -> String {
        let mut out = String::new();
        for slot in self.slots.borrow().iter().filter(|slot| !slot.is_done()) {
            let user = slot.user.borrow();
            let name = user.as_ref().map_or_else(|| "?".into(), |user| user.name());
            let mood = match &*slot.mood.borrow() {
                Mood::Ready => "ready".into(),
                Mood::Drowsy(on) => format!("drowsy {on:?}"),
                Mood::Asleep(on) => format!("asleep {on:?}"),
                Mood::Done => "done".into(),
            };
            let _ = writeln!(out, "  {:?} {name}: {mood}", slot.home.guest().id);
        }
        self.machine.hv().for_each_domain(|d| {
            let _ = writeln!(out, "  {d:?}");
            self.machine.hv().for_each_ring(d.id, |ring| {
                let _ = writeln!(out, "    {ring:?}");
            });
        });
        out
    }
}

impl Slot {
    fn is_done(&self) -> bool {
        matches!(*self.mood.borrow(), Mood::Done)
    }

    /// Whether it can be given a turn. A nap ends some time.
    fn can_run(&self) -> bool {
        match &*self.mood.borrow() {
            Mood::Ready | Mood::Drowsy(_) => true,
            Mood::Asleep(on) => on.iter().any(|on| matches!(on, On::Nap)),
            Mood::Done => false,
        }
    }

    /// As a futex does: only while all is as it was when the sleeper looked.
    fn fall_asleep(&self, machine: &Machine) {
        let mood = self.mood.replace(Mood::Ready);
        if let Mood::Drowsy(on) = mood
            && on.iter().all(|on| on.holds(machine))
        {
            self.mood.replace(Mood::Asleep(on));
        }
    }

    fn wake_if(&self, reason: impl Fn(&On) -> bool) {
        let wakes = matches!(&*self.mood.borrow(), Mood::Asleep(on) if on.iter().any(reason));
        if wakes {
            self.mood.replace(Mood::Ready);
        }
    }
}
