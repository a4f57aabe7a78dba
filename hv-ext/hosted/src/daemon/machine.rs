//! The machine around the hypervisor's core: processes for domains, blobs for their memory, memfds for their pages.

use std::cell::{Ref, RefCell, RefMut};
use std::io;
use std::ops::Deref;
use std::rc::Rc;

use v4v_hv::{BitPage, Errno, Host, Lock, RingId};
use v4v_ring::{Addr, DomId, RingMem, Signal};

use super::domains::Domains;
use super::limits::{Capacity, LISTENERS_MAX, LISTENERS_PER_UID};
use super::listeners::Listeners;
use super::memory::Memory;
use super::policy::{Policy, RING_PORT_BIT};
use super::refusal::Refusal;
use super::ring::Ring;
use super::rings::{Caller, ClientId, Rings, memory_of};

/// A value that only this thread touches.
#[derive(Debug)]
pub struct Local<T>(RefCell<T>);

impl<T> Lock<T> for Local<T> {
    fn new(value: T) -> Self {
        Self(RefCell::new(value))
    }
    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.0.borrow_mut())
    }
    fn read<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        f(&self.0.borrow())
    }
}

/// A ready page: no process has one, because a futex and a doorbell per ring tell it more.
#[derive(Debug)]
pub enum NoPage {}

impl BitPage for NoPage {
    fn set(&self, _index: usize, _bits: u64) {
        match *self {}
    }
}

/// The call that is being made.
#[derive(Debug)]
struct Call {
    caller: Caller,
    memory: Memory,
    /// Why a hook refused it, for people.
    reason: Option<String>,
    /// The ring that it made and that nobody knows of yet, by the name that the hypervisor read.
    fresh: Option<(RingId, Ring)>,
}

/// Nobody's call.
const NOBODY: Caller = Caller {
    client: ClientId(0),
    uid: u32::MAX,
};

/// The machine. Hooks borrow one cell at a time, and none across a call into the hypervisor.
#[derive(Debug)]
pub struct Machine {
    call: RefCell<Call>,
    domains: RefCell<Domains>,
    rings: RefCell<Rings>,
    listeners: RefCell<Listeners>,
    policy: RefCell<Rc<Policy>>,
    capacity: Capacity,
}

impl Machine {
    /// An empty machine.
    #[must_use]
    pub fn new(policy: Rc<Policy>, capacity: Capacity) -> Self {
        Self {
            call: RefCell::new(Call {
                caller: NOBODY,
                memory: Memory::default(),
                reason: None,
                fresh: None,
            }),
            domains: RefCell::default(),
            rings: RefCell::default(),
            listeners: RefCell::default(),
            policy: RefCell::new(policy),
            capacity,
        }
    }

    /// Begins a call: `blob` is the caller's memory until the next one begins.
    pub fn begin(&self, caller: Caller, blob: &[u8]) {
        *self.call.borrow_mut() = Call {
            caller,
            memory: Memory::new(blob),
            reason: None,
            fresh: None,
        };
    }

    /// The blob as the call left it, where it did.
    pub fn changes(&self) -> Vec<u8> {
        std::mem::take(&mut self.call.borrow_mut().memory).into_changes()
    }

    /// Why a hook refused the call.
    pub fn take_reason(&self) -> Option<String> {
        self.call.borrow_mut().reason.take()
    }

    /// Ends a registration that succeeded: the ring that it made is in the table.
    pub fn enter_fresh(&self) -> Option<(RingId, Ring)> {
        let mut call = self.call.borrow_mut();
        let ((id, ring), caller) = (call.fresh.take()?, call.caller);
        self.rings
            .borrow_mut()
            .insert(id, ring.data_len(), ring.clone(), caller);
        Some((id, ring))
    }

    /// Ends a call: whatever it made and nobody knows goes.
    pub fn end(&self) {
        self.begin(NOBODY, &[]);
    }

    /// The table of domains.
    pub fn domains(&self) -> Ref<'_, Domains> {
        self.domains.borrow()
    }

    /// The table of domains, to change it.
    pub fn domains_mut(&self) -> RefMut<'_, Domains> {
        self.domains.borrow_mut()
    }

    /// The table of rings.
    pub fn rings(&self) -> Ref<'_, Rings> {
        self.rings.borrow()
    }

    /// The table of listeners with descriptors.
    pub fn listeners(&self) -> Ref<'_, Listeners> {
        self.listeners.borrow()
    }

    /// The table of listeners with descriptors, to change it.
    pub fn listeners_mut(&self) -> RefMut<'_, Listeners> {
        self.listeners.borrow_mut()
    }

    /// Whether there is a ring at this address that any domain may send to.
    #[must_use]
    pub fn has_wildcard_ring(&self, addr: Addr) -> bool {
        self.rings().get(wildcard(addr)).is_some()
    }

    /// Whether a ring or a listener has this port.
    #[must_use]
    pub fn is_port_taken(&self, addr: Addr) -> bool {
        self.has_wildcard_ring(addr) || self.listeners_mut().is_taken(addr)
    }

    /// The policy in force.
    pub fn policy(&self) -> Rc<Policy> {
        Rc::clone(&self.policy.borrow())
    }

    /// Puts another policy in force, for what is asked from now on.
    pub fn set_policy(&self, policy: Rc<Policy>) {
        *self.policy.borrow_mut() = policy;
    }

    fn refuse(&self, refusal: Refusal) -> Errno {
        let errno = refusal.core_errno();
        self.call.borrow_mut().reason = Some(refusal.sentence);
        errno
    }

    fn decide(&self, verdict: Result<(), Refusal>) -> Result<(), Errno> {
        verdict.map_err(|refusal| self.refuse(refusal))
    }

    /// What policy and quotas say about a ring of any kind.
    fn check_ring(&self, id: RingId, len: u32) -> Result<(), Refusal> {
        let uid = self.call.borrow().caller.uid;
        self.check_port(id.owner, uid, id.port)?;
        self.check_count(id.owner, id)?;
        let (policy, domains, rings) = (self.policy(), self.domains(), self.rings());
        let name = domains.name(id.owner);
        let (mut used, mut of_uid, mut all) = (rings.of_domain(id.owner), rings.of_uid(uid), rings.count());
        if let Some(old) = rings.get(id) {
            // Registered again: its memory takes the place of what it had.
            used.bytes -= memory_of(old.data_len());
            (of_uid, all) = (of_uid.saturating_sub(1), all.saturating_sub(1));
        }
        let quota = policy.quota(name);
        if used.bytes.saturating_add(memory_of(len)) > quota.bytes {
            let why = format!(
                "domain {name:?} has {} bytes of rings and its quota is {}: close sockets, use smaller buffers, or raise \
                 `bytes` in v4vd's policy",
                used.bytes, quota.bytes
            );
            return Err(Refusal::new(libc::ENOMEM, why));
        }
        let most = if policy.is_shared() {
            self.capacity.rings_per_uid
        } else {
            self.capacity.rings
        };
        if of_uid >= most || all >= self.capacity.rings {
            let why = format!(
                "v4vd has no room for more rings ({all} in all, {of_uid} of uid {uid}): close sockets, or start v4vd with \
                 a higher limit of descriptors (ulimit -Hn)"
            );
            return Err(Refusal::new(libc::ENOSPC, why));
        }
        Ok(())
    }

    fn check_port(&self, domain: DomId, uid: u32, port: u32) -> Result<(), Refusal> {
        let domains = self.domains();
        let name = domains.name(domain);
        if self.policy().may_have_port(name, uid, port) {
            return Ok(());
        }
        let why = format!(
            "port {port} is privileged: take one from 1024 on, or ask for `privileged_ports = true` for domain {name:?} in \
             v4vd's policy"
        );
        Err(Refusal::new(libc::EACCES, why))
    }

    /// What the quota says about one ring or listener more. `again` is not counted: it is the ring that is registered anew.
    fn check_count(&self, domain: DomId, again: RingId) -> Result<(), Refusal> {
        let quota = self.policy().quota(self.domains().name(domain)).rings;
        let count = || {
            let (rings, listeners) = (self.rings(), self.listeners());
            let old = usize::from(rings.get(again).is_some());
            rings.of_domain(domain).rings as usize - old + listeners.of_domain(domain).count()
        };
        if count() < quota as usize {
            return Ok(());
        }
        self.listeners_mut().sweep(domain);
        if count() < quota as usize {
            return Ok(());
        }
        let why = format!(
            "domain {:?} has {} rings and listeners, its quota: close sockets, or raise `rings` in v4vd's policy",
            self.domains().name(domain),
            count()
        );
        Err(Refusal::new(libc::ENOSPC, why))
    }

    /// What policy and quotas say about a listener with a descriptor, for a process of `uid`.
    ///
    /// # Errors
    /// `EACCES`, `EPERM`: the policy. `EADDRINUSE`: the port is taken. `ENOSPC`: the quota, or v4vd has no room.
    pub fn may_listen(&self, addr: Addr, uid: u32) -> Result<(), Refusal> {
        self.check_wildcard(wildcard(addr))?;
        self.check_port(addr.domain, uid, addr.port)?;
        if self.has_wildcard_ring(addr) {
            return Err(in_use(addr));
        }
        self.check_count(addr.domain, wildcard(addr))?;
        let (all, of_uid) = (self.listeners().count(), self.listeners().of_uid(uid));
        if all >= LISTENERS_MAX || (self.policy().is_shared() && of_uid >= LISTENERS_PER_UID) {
            let why = format!(
                "v4vd has no room for more listeners ({all} in all, {of_uid} of uid {uid}): close some"
            );
            return Err(Refusal::new(libc::ENOSPC, why));
        }
        Ok(())
    }

    fn check_wildcard(&self, id: RingId) -> Result<(), Refusal> {
        if !self.policy().may_have_wildcard() {
            let why = "v4vd's policy says `wildcard = \"deny\"`: no domain may listen or receive datagrams";
            return Err(Refusal::new(libc::EPERM, why));
        }
        if id.port & RING_PORT_BIT != 0 {
            let why = format!(
                "port {} is for a ring with one partner: listen on one below {RING_PORT_BIT}",
                id.port
            );
            return Err(Refusal::new(libc::EACCES, why));
        }
        let addr = Addr::new(id.owner, id.port);
        if self.listeners_mut().is_taken(addr) {
            return Err(in_use(addr));
        }
        Ok(())
    }

    fn check_single(&self, id: RingId) -> Result<(), Refusal> {
        let domains = self.domains();
        let (name, partner) = (domains.name(id.owner), domains.name(id.partner));
        if id.port & RING_PORT_BIT == 0 || self.policy().may_talk(name, partner) {
            return Ok(());
        }
        let why = format!(
            "v4vd's policy lets neither of {name:?} and {partner:?} talk to the other: ask for an [[allow]] rule"
        );
        Err(Refusal::new(libc::EACCES, why))
    }

    /// What the policy says about a message or a connection from a domain to an address.
    ///
    /// # Errors
    /// `EACCES`.
    pub fn check_send(&self, from: DomId, to: Addr) -> Result<(), Refusal> {
        let domains = self.domains();
        let (from, there) = (domains.name(from), domains.name(to.domain));
        if self.policy().may_send(from, there, to.port) {
            return Ok(());
        }
        let why = format!(
            "v4vd's policy does not let {from:?} talk to {there:?} on port {}: ask for an [[allow]] rule",
            to.port
        );
        Err(Refusal::new(libc::EACCES, why))
    }

    fn no_ring(&self, error: &io::Error) -> Errno {
        let errno = error.raw_os_error().unwrap_or(libc::ENOMEM);
        log::warn!("cannot make a ring: {error}");
        self.refuse(Refusal::new(errno, format!("v4vd cannot make the ring: {error}")))
    }
}

/// The name of the ring at an address that any domain may send to.
fn wildcard(addr: Addr) -> RingId {
    RingId {
        owner: addr.domain,
        port: addr.port,
        partner: DomId::ANY,
    }
}

fn in_use(addr: Addr) -> Refusal {
    let why = format!(
        "port {} is in use in this domain: see `v4v stat`, or bind port 0 for a free one",
        addr.port
    );
    Refusal::new(libc::EADDRINUSE, why)
}

impl Host for Machine {
    type Shared<T> = Rc<T>;
    type Lock<T> = Local<T>;
    type Mem = Ring;
    type Page = NoPage;

    fn share<T>(&self, value: T) -> Result<Rc<T>, Errno> {
        Ok(Rc::new(value))
    }

    fn copy_from_caller(&self, _caller: DomId, handle: u64, to: &mut [u8]) -> Result<(), Errno> {
        to.copy_from_slice(self.call.borrow().memory.read(handle, to.len())?);
        Ok(())
    }

    fn copy_to_caller(&self, _caller: DomId, handle: u64, from: &[u8]) -> Result<(), Errno> {
        self.call.borrow_mut().memory.write(handle, from)
    }

    fn copy_to_ring(&self, _: DomId, handle: u64, mem: &Ring, offset: u32, len: u32) -> Result<(), Errno> {
        mem.write(offset, self.call.borrow().memory.read(handle, len as usize)?);
        Ok(())
    }

    fn map_ring(&self, id: RingId, _gfns: u64, _pages: u32, len: u32) -> Result<Ring, Errno> {
        let ring = Ring::create(len).map_err(|e| self.no_ring(&e))?;
        self.call.borrow_mut().fresh = Some((id, ring.clone()));
        Ok(ring)
    }

    fn map_page(&self, _caller: DomId, _gfn: u64) -> Result<NoPage, Errno> {
        Err(Errno::OPNOTSUPP)
    }

    fn domain_exists(&self, domain: DomId) -> bool {
        self.domains().get(domain).is_some()
    }

    fn may_register_single(&self, ring: RingId, len: u32) -> Result<(), Errno> {
        self.decide(self.check_single(ring).and_then(|()| self.check_ring(ring, len)))
    }

    fn may_register_any(&self, ring: RingId, len: u32) -> Result<(), Errno> {
        self.decide(
            self.check_wildcard(ring)
                .and_then(|()| self.check_ring(ring, len)),
        )
    }

    fn may_send(&self, from: DomId, to: Addr) -> Result<(), Errno> {
        self.decide(self.check_send(from, to))
    }

    fn signal(&self, _domain: DomId) {
        // A process has no interrupt line: whoever waits, waits on a ring.
    }

    fn signal_data(&self, ring: RingId, wish: Option<Signal>) {
        if let Some(ring) = self.rings().get(ring) {
            ring.signal_data(wish);
        }
    }

    fn state_changed(&self, ring: RingId, bits: u32) {
        if let Some(ring) = self.rings().get(ring) {
            ring.state_changed(bits);
        }
    }

    fn ring_gone(&self, ring: RingId, _len: u32) {
        self.rings.borrow_mut().remove(ring);
    }
}

/// The hypervisor of this daemon.
#[derive(Clone)]
pub struct Hv(Rc<v4v_hv::Hypervisor<Machine>>);

impl Hv {
    /// A hypervisor with this machine around it.
    #[must_use]
    pub fn new(machine: Machine) -> Self {
        // Wildcard rings and quotas are the policy's business.
        let params = v4v_hv::Params {
            enabled: true,
            mac_permissive: true,
            max_rings: v4v_hv::limits::MAX_RINGS_LIMIT,
        };
        Self(Rc::new(v4v_hv::Hypervisor::new(machine, params)))
    }
}

impl Deref for Hv {
    type Target = v4v_hv::Hypervisor<Machine>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
