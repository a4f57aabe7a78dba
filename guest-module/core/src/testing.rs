//! A host's rings in ordinary memory: a platform for tests of this crate and of those above it.
//!
//! A [`Hub`] is the host; [`Hub::domain`] gives a [`TestPlatform`] for one domain. It knows what the socket core relies
//! on (registration, partners, watches, delegation) and no policy; the real hypervisor is `hv-ext/core`.

use crate::errno::Errno;
use crate::platform::{Platform, Receive, RingId, Transmit};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;
use v4v_ring::layout::state;
use v4v_ring::testing::HeapMem;
use v4v_ring::{Addr, DomId, InsertError, NoRoom, Producer, RingMem, Signal, Word, wake};

/// Rings by owner and name.
type Table = BTreeMap<(DomId, RingId), Entry>;

#[derive(Debug)]
struct Entry {
    mem: HeapMem,
    producer: Producer,
    watch: Option<u32>,
    delegated: bool,
}

/// A host.
#[derive(Clone, Debug, Default)]
pub struct Hub {
    rings: Arc<Mutex<Table>>,
    random: Arc<AtomicU64>,
}

/// One domain of a [`Hub`].
#[derive(Clone, Debug)]
pub struct TestPlatform {
    hub: Hub,
    domain: DomId,
    privileged: bool,
    /// Calls that may still succeed, plus one; 0 = all.
    calls_left: Arc<AtomicUsize>,
}

/// Memory of an own ring; counts the signals that its reader gives to senders.
#[derive(Clone, Debug)]
pub struct TestMem {
    mem: HeapMem,
    freed: Arc<AtomicUsize>,
}

/// The way into a remote ring; counts the signals that it gives.
#[derive(Debug)]
pub struct TestTx {
    mem: HeapMem,
    producer: Producer,
    source: Addr,
    /// Times that the receiver wanted to know of a message.
    pub signals: usize,
}

impl Hub {
    /// A host without domains.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A domain; it may bind every port.
    #[must_use]
    pub fn domain(&self, id: u16) -> TestPlatform {
        let calls_left = Arc::new(AtomicUsize::new(0));
        TestPlatform {
            hub: self.clone(),
            domain: DomId(id),
            privileged: true,
            calls_left,
        }
    }

    /// Rings that are registered.
    #[must_use]
    pub fn rings(&self) -> usize {
        self.table().len()
    }

    /// The memory of a ring: a hostile partner's view, or the hypervisor's.
    #[must_use]
    pub fn mem(&self, owner: DomId, ring: RingId) -> Option<HeapMem> {
        self.table().get(&(owner, ring)).map(|entry| entry.mem.clone())
    }

    /// The rings of a domain.
    #[must_use]
    pub fn rings_of(&self, owner: DomId) -> Vec<RingId> {
        self.table()
            .keys()
            .filter(|(domain, _)| *domain == owner)
            .map(|(_, id)| *id)
            .collect()
    }

    /// A domain dies: its rings go, and every ring that was for it alone has lost its peer.
    pub fn kill(&self, domain: DomId) {
        for id in self.rings_of(domain) {
            self.remove(domain, id);
        }
        for ((_, id), entry) in self.table().iter() {
            if id.partner == domain {
                entry.mem.fetch_or(Word::State, state::PEER_GONE);
            }
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove(&self, owner: DomId, id: RingId) {
        let mut table = self.table();
        let Some(entry) = table.remove(&(owner, id)) else {
            return;
        };
        entry.mem.fetch_or(Word::State, state::UNREGISTERED);
        for ((domain, other), watcher) in table.iter() {
            let for_it = id.partner == *domain || id.partner.is_any();
            if for_it && other.partner == owner && watcher.watch == Some(id.port) {
                watcher.mem.fetch_or(Word::State, state::PEER_GONE);
            }
        }
    }
}

/// The ring that `from` reaches at `to`: its own there, else the wildcard.
fn find(table: &mut Table, from: DomId, to: Addr) -> Option<&mut Entry> {
    let own = (
        to.domain,
        RingId {
            port: to.port,
            partner: from,
        },
    );
    let any = (
        to.domain,
        RingId {
            port: to.port,
            partner: DomId::ANY,
        },
    );
    let key = if table.contains_key(&own) { own } else { any };
    table.get_mut(&key)
}

impl TestPlatform {
    /// The same domain for a user without privilege.
    #[must_use]
    pub fn unprivileged(mut self) -> Self {
        self.privileged = false;
        self
    }

    /// Lets the next `calls` calls that can fail go through, and all later ones fail with [`Errno::NOMEM`].
    pub fn fail_after(&self, calls: usize) {
        self.calls_left.store(calls + 1, Ordering::Relaxed);
    }

    /// Takes [`fail_after`](Self::fail_after) back.
    pub fn heal(&self) {
        self.calls_left.store(0, Ordering::Relaxed);
    }

    fn fault(&self) -> Result<(), Errno> {
        match self.calls_left.load(Ordering::Relaxed) {
            0 => Ok(()),
            1 => Err(Errno::NOMEM),
            n => {
                self.calls_left.store(n - 1, Ordering::Relaxed);
                Ok(())
            }
        }
    }
}

impl Platform for TestPlatform {
    type Mem = TestMem;
    type Tx = TestTx;

    fn domain(&self) -> DomId {
        self.domain
    }

    fn privileged(&self) -> bool {
        self.privileged
    }

    fn register(&self, ring: RingId, len: u32, watch: Option<u32>) -> Result<TestMem, Errno> {
        self.fault()?;
        let mut table = self.hub.table();
        if table.contains_key(&(self.domain, ring)) {
            return Err(Errno::ADDRINUSE);
        }
        if let Some(port) = watch {
            find(&mut table, self.domain, Addr::new(ring.partner, port)).ok_or(Errno::CONNREFUSED)?;
        }
        let mem = HeapMem::new(len);
        let entry = Entry {
            producer: Producer::attach(&mem),
            mem: mem.clone(),
            watch,
            delegated: false,
        };
        table.insert((self.domain, ring), entry);
        Ok(TestMem {
            mem,
            freed: Arc::default(),
        })
    }

    fn unregister(&self, ring: RingId) {
        self.hub.remove(self.domain, ring);
    }

    fn watch(&self, ring: RingId, port: u32) -> Result<(), Errno> {
        self.fault()?;
        let mut table = self.hub.table();
        find(&mut table, self.domain, Addr::new(ring.partner, port)).ok_or(Errno::CONNREFUSED)?;
        let entry = table.get_mut(&(self.domain, ring)).ok_or(Errno::NOENT)?;
        entry.watch = Some(port);
        entry
            .mem
            .store(Word::State, entry.mem.load(Word::State) & !state::PEER_GONE);
        Ok(())
    }

    fn open(&self, own: RingId, remote: Addr, len: u32) -> Result<TestTx, Errno> {
        self.fault()?;
        let mut table = self.hub.table();
        let key = (
            remote.domain,
            RingId {
                port: remote.port,
                partner: self.domain,
            },
        );
        let entry = table.get_mut(&key).ok_or(Errno::CONNREFUSED)?;
        if entry.mem.data_len() != len {
            return Err(Errno::INVAL);
        }
        entry.delegated = true;
        entry.watch = Some(own.port);
        let (mem, source) = (entry.mem.clone(), Addr::new(self.domain, own.port));
        Ok(TestTx {
            producer: Producer::attach(&mem),
            mem,
            source,
            signals: 0,
        })
    }

    fn send_message(&self, from: u32, to: Addr, kind: u32, payload: &[&[u8]]) -> Result<(), Errno> {
        self.fault()?;
        let mut table = self.hub.table();
        // A domain without any ring is as good as none.
        let exists = table.keys().any(|(owner, _)| *owner == to.domain);
        let missing = if exists { Errno::CONNREFUSED } else { Errno::SRCH };
        let entry = find(&mut table, self.domain, to).ok_or(missing)?;
        if entry.delegated {
            return Err(Errno::BUSY);
        }
        let bytes = payload.concat();
        let source = Addr::new(self.domain, from);
        insert(
            &entry.mem,
            &mut entry.producer,
            source,
            kind,
            &mut bytes.as_slice(),
            bytes.len(),
            0,
        )
    }

    fn random(&self) -> u64 {
        // SplitMix64's step (Steele, Lea, Flood 2014): spread, and the same in every run.
        let n = self
            .hub
            .random
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (n ^ (n >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9)
    }
}

/// Inserts the next `len` bytes of `payload` as one message and answers as a hypervisor does.
fn insert(
    mem: &HeapMem,
    producer: &mut Producer,
    source: Addr,
    kind: u32,
    payload: &mut &[u8],
    len: usize,
    reserve: u32,
) -> Result<(), Errno> {
    let len = u32::try_from(len).map_err(|_| Errno::MSGSIZE)?;
    if mem.load(Word::State) & state::UNREGISTERED != 0 {
        return Err(Errno::CONNRESET);
    }
    let outcome = producer
        .reserve(mem, len, reserve)
        .map_err(InsertError::NoRoom)
        .and_then(|mut slot| {
            slot.copy(mem, payload, len).map_err(InsertError::Source)?;
            producer.publish(mem, &slot, source, kind);
            Ok(())
        });
    outcome.map_err(|e| match e {
        InsertError::NoRoom(NoRoom::TooLong) => Errno::MSGSIZE,
        InsertError::NoRoom(NoRoom::Full { .. }) => Errno::AGAIN,
        InsertError::Source(short) => short.into(),
    })
}

impl Transmit for TestTx {
    type Payload<'a> = &'a [u8];

    fn send(&mut self, kind: u32, payload: &mut &[u8], len: u32, reserve: u32) -> Result<(), Errno> {
        insert(
            &self.mem,
            &mut self.producer,
            self.source,
            kind,
            payload,
            len as usize,
            reserve,
        )?;
        self.signals += usize::from(!wake::signal_data(&self.mem).is_none());
        Ok(())
    }

    fn send_control(&mut self, kind: u32, mut payload: &[u8]) -> Result<(), Errno> {
        let len = payload.len();
        insert(
            &self.mem,
            &mut self.producer,
            self.source,
            kind,
            &mut payload,
            len,
            0,
        )?;
        self.signals += usize::from(!wake::signal_data(&self.mem).is_none());
        Ok(())
    }

    fn room(&mut self, reserve: u32) -> Option<u32> {
        self.producer.room(&self.mem, reserve)
    }

    fn gone(&self) -> bool {
        self.mem.load(Word::State) & state::UNREGISTERED != 0
    }

    fn want_space(&mut self, wish: u32) -> u32 {
        wake::want_space(&self.mem, wish)
    }
}

impl TestMem {
    /// Times that a waiting sender was signalled.
    #[must_use]
    pub fn freed(&self) -> usize {
        self.freed.load(Ordering::Relaxed)
    }
}

impl Receive for TestMem {
    fn space_freed(&self, _: Signal) {
        self.freed.fetch_add(1, Ordering::Relaxed);
    }
}

impl RingMem for TestMem {
    fn data_len(&self) -> u32 {
        self.mem.data_len()
    }
    fn load(&self, word: Word) -> u32 {
        self.mem.load(word)
    }
    fn store(&self, word: Word, value: u32) {
        self.mem.store(word, value);
    }
    fn swap(&self, word: Word, value: u32) -> u32 {
        self.mem.swap(word, value)
    }
    fn fetch_or(&self, word: Word, bits: u32) -> u32 {
        self.mem.fetch_or(word, bits)
    }
    fn fence(&self) {
        self.mem.fence();
    }
    fn write(&self, offset: u32, from: &[u8]) {
        self.mem.write(offset, from);
    }
    fn read(&self, offset: u32, to: &mut [u8]) {
        self.mem.read(offset, to);
    }
}
