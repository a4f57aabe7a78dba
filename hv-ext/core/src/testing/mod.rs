//! A machine in ordinary memory, for tests of this crate and of those above it (feature `testing`).
//!
//! [`TestHost`] is the [`Host`]: guests are byte buffers, handles are offsets into them, frames become rings on the
//! heap, events and hook calls are recorded, policy and faults are set by the test. [`Guest`] makes hypercalls as a
//! guest would. Locks check that nobody holds two at once or calls a hook under one, and [`interleave`] runs another
//! CPU's work at any chosen lock boundary.
//!
//! ```
//! use v4v_hv::testing::{TestHost, domains};
//! use v4v_hv::{DomId, Errno};
//!
//! let hv = TestHost::boot();
//! let [alice, bob] = domains(&hv, [1, 2]);
//! assert_eq!(alice.send(bob.id, 80, b"hello"), Errno::CONNREFUSED.to_return());
//! assert_eq!(bob.register(80, alice.id, 4096), 0);
//! assert_eq!(alice.send(bob.id, 80, b"hello"), 5);
//! assert_eq!(bob.reader(80, alice.id).take().expect("a message").payload, b"hello");
//! # assert_eq!(DomId(1), alice.id);
//! ```

mod guest;
mod lock;
mod mem;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, Range};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::vec::Vec;

use v4v_ring::{Addr, DomId, RingMem, Signal};

pub use guest::{Guest, Reader, Received, domains};
pub use lock::{TestLock, interleave, plan};
pub use mem::{TestMem, TestPage};

use crate::errno::Errno;
use crate::host::{Host, RingId};
use crate::{Hypervisor, Params};
use lock::assert_unlocked;

/// Handles below this are bad, as a null page is.
pub const MEMORY_START: u64 = 0x1000;
/// Bytes of a guest's memory, counted from handle 0.
pub const MEMORY_SIZE: usize = 1 << 20;

/// A question put to policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// [`Host::may_enable`].
    Enable(DomId),
    /// [`Host::may_register_single`].
    RegisterSingle(RingId),
    /// [`Host::may_register_any`].
    RegisterAny(RingId),
    /// [`Host::may_send`].
    Send(DomId, Addr),
}

/// A hook that was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the hook of its name")]
pub enum Happened {
    Signal(DomId),
    SignalData(RingId, Option<Signal>),
    SignalSpace(RingId, DomId),
    StateChanged(RingId, u32),
    RingAdded(RingId, u32),
    RingGone(RingId, u32),
}

/// The machine.
#[derive(Default)]
pub struct TestHost {
    inner: Mutex<Inner>,
    live: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Inner {
    memory: BTreeMap<DomId, Vec<u8>>,
    pv: BTreeSet<DomId>,
    frames: BTreeMap<(DomId, u64), TestMem>,
    bad_frames: BTreeMap<(DomId, u64), Errno>,
    pages: BTreeMap<(DomId, u64), TestPage>,
    happened: Vec<Happened>,
    denied: BTreeMap<Question, Errno>,
    reads: Vec<Range<u64>>,
    read_once: bool,
    allocations: usize,
    fail_at: Option<usize>,
    wants_cpu: bool,
    vcpu: u32,
}

/// A counted reference that its host counts too.
pub struct TestShared<T>(Arc<Counted<T>>);

struct Counted<T> {
    value: T,
    live: Arc<AtomicUsize>,
}

impl<T> Drop for Counted<T> {
    fn drop(&mut self) {
        self.live.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<T> Clone for TestShared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for TestShared<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl TestHost {
    /// A hypervisor over a fresh machine, with Argo and wildcard rings on.
    #[must_use]
    pub fn boot() -> Arc<Hypervisor<Self>> {
        Self::boot_with(Params {
            enabled: true,
            mac_permissive: true,
            ..Params::default()
        })
    }

    /// A hypervisor over a fresh machine.
    #[must_use]
    pub fn boot_with(params: Params) -> Arc<Hypervisor<Self>> {
        Arc::new(Hypervisor::new(Self::default(), params))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no test panics while it holds this")
    }

    /// Makes a domain that the machine knows, without Argo state.
    pub fn add_domain(&self, id: DomId) {
        self.inner().memory.insert(id, std::vec![0; MEMORY_SIZE]);
    }

    /// Makes the machine forget a domain.
    pub fn remove_domain(&self, id: DomId) {
        self.inner().memory.remove(&id);
    }

    /// Makes a domain PV: its ranges are checked beforehand.
    pub fn make_pv(&self, id: DomId) {
        self.inner().pv.insert(id);
    }

    /// Makes policy refuse something from now on; `None` allows it again.
    pub fn deny(&self, what: Question, with: impl Into<Option<Errno>>) {
        match with.into() {
            Some(errno) => self.inner().denied.insert(what, errno),
            None => self.inner().denied.remove(&what),
        };
    }

    /// Makes a frame fail to be taken.
    pub fn spoil_frame(&self, owner: DomId, gfn: u64, errno: Errno) {
        self.inner().bad_frames.insert((owner, gfn), errno);
    }

    /// Hooks called since the last look, in order.
    pub fn happened(&self) -> Vec<Happened> {
        core::mem::take(&mut self.inner().happened)
    }

    /// Domains signalled since the last look; forgets what else happened.
    pub fn signalled(&self) -> Vec<DomId> {
        let signal = |h| {
            if let Happened::Signal(id) = h {
                Some(id)
            } else {
                None
            }
        };
        self.happened().into_iter().filter_map(signal).collect()
    }

    /// Ranges of callers' memory that were copied from since the last look.
    pub fn reads(&self) -> Vec<Range<u64>> {
        core::mem::take(&mut self.inner().reads)
    }

    /// From now on a caller's bytes change as soon as they were read: reading them twice finds two things.
    pub fn read_once(&self) {
        self.inner().read_once = true;
    }

    /// Whether the CPU is wanted for something else from now on.
    pub fn want_cpu(&self, wanted: bool) {
        self.inner().wants_cpu = wanted;
    }

    /// The virtual CPU that calls from now on.
    pub fn run_vcpu(&self, vcpu: u32) {
        self.inner().vcpu = vcpu;
    }

    /// Makes the `n`-th allocation from now (0 is the next) fail; `None` for none.
    pub fn fail_allocation(&self, n: Option<usize>) {
        let mut inner = self.inner();
        inner.fail_at = n.map(|n| inner.allocations + n);
    }

    /// Whether a failure that was asked for is still to come.
    pub fn failure_is_due(&self) -> bool {
        let inner = self.inner();
        inner.fail_at.is_some_and(|at| at >= inner.allocations)
    }

    /// Counted objects that are alive.
    pub fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// Mappings of rings and pages that the hypervisor holds.
    pub fn mappings(&self) -> usize {
        let inner = self.inner();
        inner.frames.values().map(TestMem::mappings).sum::<usize>()
            + inner.pages.values().map(TestPage::mappings).sum::<usize>()
    }

    /// The ring whose first frame is `gfn`.
    pub fn frame(&self, owner: DomId, gfn: u64) -> Option<TestMem> {
        self.inner().frames.get(&(owner, gfn)).cloned()
    }

    /// The ready page at `gfn`.
    pub fn page(&self, owner: DomId, gfn: u64) -> Option<TestPage> {
        self.inner().pages.get(&(owner, gfn)).cloned()
    }

    /// Writes a guest's memory.
    pub fn poke(&self, domain: DomId, handle: u64, bytes: &[u8]) {
        let range = usize::try_from(handle).expect("a small machine")..;
        let mut inner = self.inner();
        let memory = inner.memory.get_mut(&domain).expect("a domain of this machine");
        memory[range][..bytes.len()].copy_from_slice(bytes);
    }

    /// Reads a guest's memory.
    pub fn peek(&self, domain: DomId, handle: u64, len: usize) -> Vec<u8> {
        let range = usize::try_from(handle).expect("a small machine")..;
        self.inner().memory[&domain][range][..len].to_vec()
    }

    fn record(&self, what: Happened) {
        assert_unlocked();
        self.inner().happened.push(what);
    }

    fn ask(&self, what: Question) -> Result<(), Errno> {
        assert_unlocked();
        self.inner().denied.get(&what).map_or(Ok(()), |errno| Err(*errno))
    }

    fn allocate(&self) -> Result<(), Errno> {
        let mut inner = self.inner();
        let now = inner.allocations;
        inner.allocations += 1;
        if inner.fail_at == Some(now) {
            Err(Errno::NOMEM)
        } else {
            Ok(())
        }
    }
}

impl Inner {
    /// Where a caller's range lies in its memory.
    fn range(&self, caller: DomId, handle: u64, len: usize) -> Result<Range<usize>, Errno> {
        let end = handle
            .checked_add(len as u64)
            .filter(|end| *end <= MEMORY_SIZE as u64);
        let known = handle >= MEMORY_START && self.memory.contains_key(&caller);
        match end {
            Some(end) if known => Ok(handle as usize..end as usize),
            _ => Err(Errno::FAULT),
        }
    }

    /// Notes that a caller's range was read.
    fn was_read(&mut self, caller: DomId, range: Range<usize>) {
        self.reads.push(range.start as u64..range.end as u64);
        if self.read_once
            && let Some(memory) = self.memory.get_mut(&caller)
        {
            memory[range].iter_mut().for_each(|byte| *byte = !*byte);
        }
    }
}

impl Host for TestHost {
    type Shared<T> = TestShared<T>;
    type Lock<T> = TestLock<T>;
    type Mem = TestMem;
    type Page = TestPage;

    fn share<T>(&self, value: T) -> Result<TestShared<T>, Errno> {
        assert_unlocked();
        self.allocate()?;
        self.live.fetch_add(1, Ordering::Relaxed);
        Ok(TestShared(Arc::new(Counted {
            value,
            live: Arc::clone(&self.live),
        })))
    }

    fn reserve<T>(&self, list: &mut Vec<T>, more: usize) -> Result<(), Errno> {
        if list.capacity() - list.len() < more {
            self.allocate()?;
            // One at a time, so that every growth is a chance to fail.
            list.reserve_exact(more);
        }
        Ok(())
    }

    fn wants_cpu(&self) -> bool {
        assert_unlocked();
        self.inner().wants_cpu
    }

    fn vcpu(&self) -> u32 {
        self.inner().vcpu
    }

    fn range_ok(&self, caller: DomId, handle: u64, bytes: u64) -> bool {
        let inner = self.inner();
        !inner.pv.contains(&caller) || inner.range(caller, handle, bytes as usize).is_ok()
    }

    fn copy_from_caller(&self, caller: DomId, handle: u64, to: &mut [u8]) -> Result<(), Errno> {
        let mut inner = self.inner();
        let range = inner.range(caller, handle, to.len())?;
        to.copy_from_slice(&inner.memory[&caller][range.clone()]);
        inner.was_read(caller, range);
        Ok(())
    }

    fn copy_to_caller(&self, caller: DomId, handle: u64, from: &[u8]) -> Result<(), Errno> {
        assert_unlocked();
        let mut inner = self.inner();
        let range = inner.range(caller, handle, from.len())?;
        if let Some(memory) = inner.memory.get_mut(&caller) {
            memory[range].copy_from_slice(from);
        }
        Ok(())
    }

    fn copy_to_ring(
        &self,
        caller: DomId,
        handle: u64,
        mem: &TestMem,
        offset: u32,
        len: u32,
    ) -> Result<(), Errno> {
        assert!(len <= crate::limits::COPY_CHUNK);
        let mut inner = self.inner();
        let range = inner.range(caller, handle, len as usize)?;
        mem.write(offset, &inner.memory[&caller][range.clone()]);
        inner.was_read(caller, range);
        Ok(())
    }

    fn map_ring(&self, ring: RingId, gfns: u64, pages: u32, len: u32) -> Result<TestMem, Errno> {
        assert_unlocked();
        self.allocate()?;
        let mut raw = std::vec![0; pages as usize * 8];
        self.copy_from_caller(ring.owner, gfns, &mut raw)?;
        let numbers: Vec<u64> = raw
            .chunks_exact(8)
            .map(|b| u64::from_le_bytes(b.try_into().expect("eight bytes")))
            .collect();
        for gfn in &numbers {
            self.inner()
                .bad_frames
                .get(&(ring.owner, *gfn))
                .map_or(Ok(()), |errno| Err(*errno))?;
        }
        self.allocate()?;
        let key = (ring.owner, numbers[0]);
        let mut inner = self.inner();
        let known = inner
            .frames
            .get(&key)
            .filter(|mem| mem.data_len() == len)
            .cloned();
        let mem = known.unwrap_or_else(|| TestMem::new(len));
        inner.frames.insert(key, mem.clone());
        Ok(mem)
    }

    fn map_page(&self, caller: DomId, gfn: u64) -> Result<TestPage, Errno> {
        assert_unlocked();
        self.allocate()?;
        let mut inner = self.inner();
        inner
            .bad_frames
            .get(&(caller, gfn))
            .map_or(Ok(()), |errno| Err(*errno))?;
        Ok(inner.pages.entry((caller, gfn)).or_default().clone())
    }

    fn domain_exists(&self, domain: DomId) -> bool {
        self.inner().memory.contains_key(&domain)
    }

    fn may_enable(&self, domain: DomId) -> Result<(), Errno> {
        self.ask(Question::Enable(domain))
    }

    fn may_register_single(&self, ring: RingId, _len: u32) -> Result<(), Errno> {
        self.ask(Question::RegisterSingle(ring))
    }

    fn may_register_any(&self, ring: RingId, _len: u32) -> Result<(), Errno> {
        self.ask(Question::RegisterAny(ring))
    }

    fn may_send(&self, from: DomId, to: Addr) -> Result<(), Errno> {
        self.ask(Question::Send(from, to))
    }

    fn signal(&self, domain: DomId) {
        self.record(Happened::Signal(domain));
    }

    fn signal_data(&self, ring: RingId, wish: Option<Signal>) {
        self.record(Happened::SignalData(ring, wish));
    }

    fn signal_space(&self, ring: RingId, sender: DomId) {
        self.record(Happened::SignalSpace(ring, sender));
    }

    fn state_changed(&self, ring: RingId, bits: u32) {
        self.record(Happened::StateChanged(ring, bits));
    }

    fn ring_added(&self, ring: RingId, len: u32) {
        self.record(Happened::RingAdded(ring, len));
    }

    fn ring_gone(&self, ring: RingId, len: u32) {
        self.record(Happened::RingGone(ring, len));
    }
}
