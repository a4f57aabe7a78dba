//! One own ring: its pages, and which socket its events wake.

use crate::glue::Sk;
use crate::hv;
use crate::hypercall;
use crate::pages::Pages;
use crate::stats::{self, Counter};
use crate::table;
use alloc::sync::Arc;
use core::fmt;
use core::mem::ManuallyDrop;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};
use v4v_ring::layout::{RING_HEADER, pages, space, state};
use v4v_ring::{RingMem, Signal, Word};
use v4v_sock::{Errno, Receive, RingId};

/// In the word about the peer: it is gone by this side's own finding, a probe, or because the domain was moved.
const LOST: u64 = 1 << 32;
/// The same word where no port is to be probed.
const NO_WATCH: u64 = 1 << 33;

/// A registered ring, as the interrupt sees it.
pub(crate) struct RingCore {
    pub(crate) id: RingId,
    len: u32,
    pages: ManuallyDrop<Pages>,
    /// Its place in the table, which is its bit in the ready page.
    pub(crate) slot: AtomicU32,
    /// Whom events wake; changes under the table's lock, null for nobody.
    pub(crate) sk: AtomicPtr<crate::glue::RawSock>,
    /// Every event queues the socket's work: it listens.
    pub(crate) serves: AtomicBool,
    /// Space that comes free queues the socket's work: its FIN found no room.
    pub(crate) fin_waits: AtomicBool,
    /// A send of this ring's socket waits for space somewhere.
    pub(crate) blocked: AtomicBool,
    /// The write cursor that the last scan saw (stock Xen).
    pub(crate) seen: AtomicU32,
    /// The partner's port to be probed (stock Xen), and [`LOST`]: one word, so that what was found out about a port is never
    /// taken for the next one's.
    watch: AtomicU64,
    /// Xen would not give the ring up, so its pages are never reused.
    pub(crate) stuck: AtomicBool,
}

/// A counted reference to an own ring.
#[derive(Clone)]
pub(crate) struct KernelRing(pub(crate) Arc<RingCore>);

impl RingCore {
    pub(crate) fn new(id: RingId, len: u32, sk: Sk) -> Result<Self, Errno> {
        Ok(Self {
            id,
            len,
            pages: ManuallyDrop::new(Pages::new(pages(len))?),
            slot: AtomicU32::new(u32::MAX),
            sk: AtomicPtr::new(sk.0),
            serves: AtomicBool::new(false),
            fin_waits: AtomicBool::new(false),
            blocked: AtomicBool::new(false),
            seen: AtomicU32::new(0),
            watch: AtomicU64::new(NO_WATCH),
            stuck: AtomicBool::new(false),
        })
    }

    pub(crate) fn pages(&self) -> &Pages {
        &self.pages
    }

    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// State bits: Xen's, and what this side found out.
    pub(crate) fn state(&self) -> u32 {
        let lost = if self.watch.load(Ordering::Acquire) & LOST != 0 {
            state::PEER_GONE
        } else {
            0
        };
        self.pages.word(Word::State as usize).load(Ordering::Acquire) | lost
    }

    /// From now on the peer counts as gone.
    pub(crate) fn lose(&self) {
        self.watch.fetch_or(LOST, Ordering::AcqRel);
    }

    /// The same where `port` is still the one that is watched; whether it was.
    pub(crate) fn lose_watched(&self, port: u32) -> bool {
        let (port, lost) = (u64::from(port), u64::from(port) | LOST);
        self.watch
            .compare_exchange(port, lost, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// The partner's port that is watched, where this side has to look itself.
    pub(crate) fn watched(&self) -> Option<u32> {
        u32::try_from(self.watch.load(Ordering::Acquire)).ok()
    }

    /// Watches another port; what was lost before was something else.
    pub(crate) fn watch(&self, port: u32) {
        self.watch.store(port.into(), Ordering::Release);
    }

    /// The write cursor.
    pub(crate) fn tx(&self) -> u32 {
        self.pages.word(Word::Tx as usize).load(Ordering::Acquire)
    }
}

impl Drop for RingCore {
    fn drop(&mut self) {
        table::remove(self);
        // SAFETY: taken once, here, and not used afterwards.
        let pages = unsafe { ManuallyDrop::take(&mut self.pages) };
        if self.stuck.load(Ordering::Relaxed) {
            pages.leak();
        }
    }
}

impl fmt::Debug for RingCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

impl fmt::Debug for KernelRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl KernelRing {
    #[inline]
    fn data(&self, offset: u32, len: usize) -> Option<*mut u8> {
        self.0.pages.range(offset as usize + RING_HEADER as usize, len)
    }

    /// Copies ring bytes to a caller's buffers, straight from the ring.
    #[inline]
    pub(crate) fn copy_to_iter(
        &self,
        offset: u32,
        len: u32,
        to: &mut crate::iter::Buffers<'_>,
    ) -> Result<(), Errno> {
        let from = self.data(offset, len as usize).ok_or(Errno::FAULT)?;
        to.copy_in(from, len)
    }

    #[inline]
    fn word(&self, word: Word) -> &AtomicU32 {
        self.0.pages.word(word as usize)
    }
}

impl RingMem for KernelRing {
    #[inline]
    fn data_len(&self) -> u32 {
        self.0.len
    }

    #[inline]
    fn load(&self, word: Word) -> u32 {
        match word {
            // A stock Xen does not say whether somebody waits, so somebody may.
            Word::Space if !hv::has_flags() => space::PENDING,
            Word::State => self.0.state(),
            word => self.word(word).load(Ordering::Acquire),
        }
    }

    #[inline]
    fn store(&self, word: Word, value: u32) {
        self.word(word).store(value, Ordering::Release);
    }

    #[inline]
    fn swap(&self, word: Word, value: u32) -> u32 {
        if word == Word::Space && !hv::has_flags() {
            return space::PENDING;
        }
        self.word(word).swap(value, Ordering::AcqRel)
    }

    #[inline]
    fn fetch_or(&self, word: Word, bits: u32) -> u32 {
        self.word(word).fetch_or(bits, Ordering::AcqRel)
    }

    #[inline]
    fn fence(&self) {
        fence(Ordering::SeqCst);
    }

    fn write(&self, offset: u32, from: &[u8]) {
        if let Some(to) = self.data(offset, from.len()) {
            // SAFETY: `range` found the bytes inside the mapping; `from` is a slice of other memory.
            unsafe { to.copy_from_nonoverlapping(from.as_ptr(), from.len()) }
        }
    }

    #[inline]
    fn read(&self, offset: u32, to: &mut [u8]) {
        if let Some(from) = self.data(offset, to.len()) {
            // SAFETY: `range` found the bytes inside the mapping; `to` is a slice of other memory. Xen may write the ring
            // meanwhile, but only beyond the cursor that the caller has seen; a peer that lies gets its own garbage read.
            unsafe { from.copy_to_nonoverlapping(to.as_mut_ptr(), to.len()) }
        }
    }
}

impl Receive for KernelRing {
    fn space_freed(&self, signal: Signal) {
        // The words of sleepers and pollers are the hosted transport's: in Xen all senders wait in Xen.
        if signal.pending() {
            stats::count(Counter::Notifies);
            hypercall::notify();
        }
    }
}
