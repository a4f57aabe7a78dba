//! Pages that a guest gave: its rings, its ready page.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use v4v_hv::{BitPage, Errno};
use v4v_ring::layout::{PAGE, RING_HEADER};
use v4v_ring::{RingMem, Word};

use crate::glue;

/// Taken and mapped pages of one domain, in order; given back when dropped.
struct Pages(Vec<NonNull<u8>>);

// SAFETY: a mapping is the same on every CPU and may be given back on any of them.
unsafe impl Send for Pages {}
// SAFETY: no method hands out a reference to what the pages hold but to atomics; all else is copied.
unsafe impl Sync for Pages {}

impl Pages {
    /// Room for `count` pages, none taken.
    fn with_room(count: usize) -> Result<Self, Errno> {
        let mut pages = Vec::new();
        pages.try_reserve_exact(count).map_err(|_| Errno::NOMEM)?;
        Ok(Self(pages))
    }

    /// Takes one more page of the calling domain. There must be room for it.
    fn take(&mut self, gfn: u64, max_pages: u32) -> Result<(), Errno> {
        self.0.push(glue::get_page(gfn, max_pages)?);
        Ok(())
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the pages were taken by `take`, for the domain that called; their owner goes, and nobody else has
        // their addresses.
        unsafe { glue::put_pages(&self.0) }
    }
}

/// A mapped ring. Clones are further handles of the same mapping.
#[derive(Clone)]
pub(crate) struct GuestRing(Arc<Mapping>);

struct Mapping {
    pages: Pages,
    /// The first page, which holds the header.
    first: NonNull<u8>,
    /// Data bytes.
    len: u32,
}

// SAFETY: `first` is one of `pages`, which are.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl GuestRing {
    /// Takes the pages of a ring of the calling domain: `count` frame numbers, each from `next_gfn`.
    pub(crate) fn take(
        count: u32,
        len: u32,
        max_pages: u32,
        mut next_gfn: impl FnMut(u32) -> Result<u64, Errno>,
    ) -> Result<Self, Errno> {
        let mut pages = Pages::with_room(count as usize)?;
        for at in 0..count {
            pages.take(next_gfn(at)?, max_pages)?;
        }
        let first = *pages.0.first().ok_or(Errno::INVAL)?;
        let mapping = Arc::try_new(Mapping { pages, first, len });
        mapping.map(Self).map_err(|_| Errno::NOMEM)
    }

    /// A word of the header.
    fn word(&self, word: Word) -> &AtomicU32 {
        // SAFETY: the words lie in the first page, aligned to 4 bytes. The page stays mapped as long as `self`, and
        // both sides use these words through atomics only.
        unsafe { AtomicU32::from_ptr(self.0.first.as_ptr().add(word as usize).cast()) }
    }

    /// Calls `f` for each piece of the data at `offset`: an address, and the bytes that are valid from there. A range
    /// outside the ring ends early.
    pub(crate) fn pieces<E>(
        &self,
        offset: u32,
        len: u32,
        mut f: impl FnMut(NonNull<u8>, u32) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut at = RING_HEADER.saturating_add(offset);
        let mut left = len.min(self.0.len.saturating_sub(offset));
        while left > 0 {
            let Some(page) = self.0.pages.0.get((at / PAGE) as usize) else {
                return Ok(());
            };
            let within = at % PAGE;
            let n = left.min(PAGE - within);
            // SAFETY: `within` is less than a page, and the page is mapped.
            f(unsafe { page.add(within as usize) }, n)?;
            at = at.saturating_add(n);
            left -= n;
        }
        Ok(())
    }
}

impl RingMem for GuestRing {
    fn data_len(&self) -> u32 {
        self.0.len
    }

    fn load(&self, word: Word) -> u32 {
        self.word(word).load(Ordering::Acquire)
    }

    fn store(&self, word: Word, value: u32) {
        self.word(word).store(value, Ordering::Release);
    }

    fn swap(&self, word: Word, value: u32) -> u32 {
        self.word(word).swap(value, Ordering::AcqRel)
    }

    fn fetch_or(&self, word: Word, bits: u32) -> u32 {
        self.word(word).fetch_or(bits, Ordering::AcqRel)
    }

    fn fence(&self) {
        fence(Ordering::SeqCst);
    }

    fn write(&self, offset: u32, mut from: &[u8]) {
        let Ok(len) = u32::try_from(from.len()) else {
            return;
        };
        let Ok(()) = self.pieces(offset, len, |to, n| {
            let (now, rest) = from.split_at_checked(n as usize).unwrap_or((from, &[]));
            // SAFETY: `to` is valid for `n` bytes, `now` has no more than those, and the hypervisor's own memory
            // overlaps no page of a guest's.
            unsafe { to.copy_from_nonoverlapping(NonNull::from(now).cast(), now.len()) };
            from = rest;
            Ok::<_, core::convert::Infallible>(())
        });
    }

    fn read(&self, offset: u32, mut to: &mut [u8]) {
        let Ok(len) = u32::try_from(to.len()) else { return };
        let Ok(()) = self.pieces(offset, len, |from, n| {
            if let Some(now) = to.split_off_mut(..n as usize) {
                // SAFETY: as in `write`, the other way round.
                unsafe { from.copy_to_nonoverlapping(NonNull::from(&mut *now).cast(), now.len()) };
            }
            Ok::<_, core::convert::Infallible>(())
        });
    }
}

/// A mapped ready page.
pub(crate) struct GuestPage(Pages);

impl GuestPage {
    /// Takes a page of the calling domain.
    pub(crate) fn take(gfn: u64, max_pages: u32) -> Result<Self, Errno> {
        let mut pages = Pages::with_room(1)?;
        pages.take(gfn, max_pages)?;
        Ok(Self(pages))
    }
}

impl BitPage for GuestPage {
    fn set(&self, index: usize, bits: u64) {
        const WORDS: usize = PAGE as usize / size_of::<u64>();
        if let Some(page) = self.0.0.first().filter(|_| index < WORDS) {
            // SAFETY: the word lies in the page, aligned to 8 bytes; both sides use it through atomics only.
            let word = unsafe { AtomicU64::from_ptr(page.cast::<u64>().as_ptr().add(index)) };
            word.fetch_or(bits, Ordering::Release);
        }
    }
}
