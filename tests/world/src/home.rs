//! A program's way to the hypervisor: the socket core's [`Platform`], every call a hypercall with the ABI's bytes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;

use v4v_hv::abi::{FLAG_FAIL_EXIST, NO_SLOT, OP_RING_SETUP, OP_SENDV, RingSetup, ring_flags, setup_flags};
use v4v_hv::testing::{Guest, TestMem};
use v4v_ring::layout::{Word, event};
use v4v_ring::{Addr, DomId, RingMem};
use v4v_sock::{Errno, Platform, RingId};

use crate::machine::{Flavour, Machine};
use crate::pages::Pages;
use crate::tx::Tx;

/// Where the daemon puts a structure on a client's behalf: a page that [`Guest`] does not use.
const DAEMON: u64 = 0x2000;

/// A program: what its death takes with it.
#[derive(Debug, Default)]
pub struct Process {
    dead: Cell<bool>,
    rings: RefCell<BTreeSet<v4v_hv::RingId>>,
}

impl Process {
    pub(crate) fn end(&self) {
        self.dead.set(true);
    }

    pub(crate) fn rings(&self) -> Vec<v4v_hv::RingId> {
        self.rings.borrow().iter().copied().collect()
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.dead.get()
    }
}

/// A program's way to the hypervisor.
#[derive(Clone)]
pub struct Home {
    machine: Rc<Machine>,
    guest: Guest,
    process: Rc<Process>,
}

impl Home {
    pub(crate) fn new(machine: Rc<Machine>, guest: Guest, process: Rc<Process>) -> Self {
        Self {
            machine,
            guest,
            process,
        }
    }

    /// The machine.
    #[must_use]
    pub fn machine(&self) -> &Rc<Machine> {
        &self.machine
    }

    /// The domain, for hypercalls.
    #[must_use]
    pub fn guest(&self) -> &Guest {
        &self.guest
    }

    /// The program.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The hypervisor's name of an own ring.
    #[must_use]
    pub fn own(&self, ring: RingId) -> v4v_hv::RingId {
        self.guest.ring(ring.port, ring.partner)
    }

    /// Dead programs make no calls.
    fn alive(&self) -> Result<(), Errno> {
        if self.process.is_dead() {
            Err(Errno::NODEV)
        } else {
            Ok(())
        }
    }

    fn register_fresh(&self, ring: RingId, len: u32) -> Result<TestMem, Errno> {
        let gfn = self.machine.fresh_frame();
        match done(
            self.guest
                .register_on(ring.port, ring.partner, len, gfn, FLAG_FAIL_EXIST),
        ) {
            Err(Errno::EXIST) => Err(Errno::ADDRINUSE),
            Err(e) => Err(e),
            Ok(_) => {
                self.machine.enter(self.own(ring), gfn);
                self.process.rings.borrow_mut().insert(self.own(ring));
                self.machine.mem(self.own(ring)).ok_or(Errno::NOMEM)
            }
        }
    }

    fn set_up(&self, ring: RingId, flags: u32, watch_port: u32) -> Result<(), Errno> {
        let RingId { port, partner } = ring;
        let setup = RingSetup {
            port,
            partner,
            pad: 0,
            flags,
            ready_slot: NO_SLOT,
            watch_port,
        };
        done(self.guest.setup(&setup)).map(drop)
    }

    /// What a daemon does for a program that opens the partner's ring: hands it over, and makes it watch `own` on its owner's
    /// behalf.
    pub(crate) fn attach(&self, own: RingId, ring: v4v_hv::RingId) -> Result<TestMem, Errno> {
        let mem = self
            .machine
            .hv()
            .delegate(ring)
            .map_err(|e| Errno(e.code().into()))?;
        let RingId { port: watch_port, .. } = own;
        let (port, partner) = (ring.port, ring.partner);
        let flags = setup_flags::SET_WATCH;
        let setup = RingSetup {
            port,
            partner,
            pad: 0,
            flags,
            ready_slot: NO_SLOT,
            watch_port,
        };
        self.machine.hv().host().poke(ring.owner, DAEMON, &setup.encode());
        done(
            self.machine
                .hv()
                .hypercall(ring.owner, OP_RING_SETUP, DAEMON, 0, 0, 0),
        )?;
        self.machine.signals.set_filler(ring, self.own(own));
        Ok(mem)
    }

    pub(crate) fn sendv(&self, from: u32, to: Addr, kind: u32, parts: &[&[u8]]) -> Result<(), Errno> {
        self.alive()?;
        let mut at = Guest::DATA;
        let mut iovs = Vec::new();
        for part in parts {
            let len = u32::try_from(part.len()).map_err(|_| Errno::MSGSIZE)?;
            self.guest.poke(at, part);
            iovs.push((at, len, 0));
            at += u64::from(len);
        }
        self.guest.put_addr(Addr::new(self.guest.id, from), to);
        self.guest.put_iovs(&iovs);
        let returned = self.guest.call(
            OP_SENDV,
            Guest::STRUCT,
            Guest::IOVS,
            iovs.len() as u64,
            kind.into(),
        );
        let sent = done(returned).map(drop);
        if sent == Err(Errno::AGAIN) {
            self.machine.signals.promise(self.guest.id, to);
        }
        sent
    }

    /// Asks about a ring, and waits for `space` bytes in it where they are not there: flags, greatest message.
    pub(crate) fn ask(&self, ring: Addr, space: u32) -> Result<(u16, u32), Errno> {
        self.alive()?;
        let (returned, flags, max) = self.guest.ask(ring, space);
        done(returned)?;
        if flags & ring_flags::SUFFICIENT != 0 {
            self.machine.signals.take_promise_back(self.guest.id, ring);
        } else {
            self.machine.signals.promise(self.guest.id, ring);
        }
        Ok((flags, max))
    }

    /// Says that it has read on.
    pub(crate) fn notify(&self) {
        if self.alive().is_ok() {
            self.guest.notify();
        }
    }
}

/// A hypercall's return as the socket core's error.
fn done(returned: i64) -> Result<i64, Errno> {
    match i32::try_from(-returned) {
        Ok(errno) if errno > 0 => Err(Errno(errno)),
        _ => Ok(returned),
    }
}

impl Platform for Home {
    type Mem = Pages;
    type Tx = Tx;

    fn domain(&self) -> DomId {
        self.guest.id
    }

    fn privileged(&self) -> bool {
        true
    }

    fn register(&self, ring: RingId, len: u32, watch: Option<u32>) -> Result<Pages, Errno> {
        self.alive()?;
        let mem = self.register_fresh(ring, len)?;
        let mut flags = watch.map_or(0, |_| setup_flags::SET_WATCH);
        if self.machine.flavour() == Flavour::Hosted {
            mem.store(Word::Event, event::SUPPRESS | event::POLLS);
        }
        if self.machine.flavour() != Flavour::Plain {
            flags |= setup_flags::USE_FLAGS;
        }
        if flags != 0
            && let Err(e) = self.set_up(ring, flags, watch.unwrap_or(0))
        {
            self.unregister(ring);
            return Err(e);
        }
        Ok(Pages::new(mem, self.clone(), ring))
    }

    fn unregister(&self, ring: RingId) {
        if self.alive().is_ok() {
            self.guest.unregister(ring.port, ring.partner);
            self.machine.leave(self.own(ring));
            self.process.rings.borrow_mut().remove(&self.own(ring));
        }
    }

    fn watch(&self, ring: RingId, port: u32) -> Result<(), Errno> {
        self.alive()?;
        self.set_up(ring, setup_flags::SET_WATCH, port)
    }

    fn open(&self, own: RingId, remote: Addr, len: u32) -> Result<Tx, Errno> {
        self.alive()?;
        Tx::open(self, own, remote, len)
    }

    fn send_message(&self, from: u32, to: Addr, kind: u32, payload: &[&[u8]]) -> Result<(), Errno> {
        self.sendv(from, to, kind, payload)
    }

    fn random(&self) -> u64 {
        self.machine.random()
    }
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Home").field(&self.guest.id).finish()
    }
}
