//! VIRQ_ARGO: which rings have news.
//!
//! With our extension Xen sets a bit for each in a page of this domain (`hv-ext/core/src/ready.rs`): eight words of summary,
//! then the slots. A summary bit is cleared before the word that it stands for is read, so nothing is missed. On a stock Xen
//! all rings are looked at.

use crate::hv;
use crate::hypercall;
use crate::mem::warning;
use crate::pages::Pages;
use crate::stats::{self, Counter};
use crate::sync::Global;
use crate::table;
use core::sync::atomic::Ordering;
use v4v_sock::Errno;

/// 64-bit words of summary, before those of the slots.
const SUMMARY_WORDS: usize = 8;

static READY: Global<Pages> = Global::new();

/// Gives Xen the ready page, where it wants one.
///
/// # Errors
/// [`Errno::NOMEM`], Xen's.
///
/// # Safety
/// As [`Global::set`].
pub(crate) unsafe fn init() -> Result<(), Errno> {
    if hv::has_ready() {
        // SAFETY: the caller's.
        unsafe { READY.set(Some(Pages::new(1)?)) };
        offer()?;
    }
    Ok(())
}

/// Tells Xen (again) where the page is.
pub(crate) fn offer() -> Result<(), Errno> {
    let Some(page) = READY.get() else { return Ok(()) };
    hypercall::ready_setup(page.gfns()?.first().copied())
}

/// # Safety
/// As [`Global::set`], and no interrupt comes any more.
pub(crate) unsafe fn exit() {
    if READY.get().is_none() {
        return;
    }
    if let Err(e) = hypercall::ready_setup(None) {
        warning!("Xen keeps the ready page (error {}): 4 KiB are lost", e.0);
        return;
    }
    // SAFETY: the caller's.
    unsafe { READY.set(None) };
}

/// The slots in the ready page, whose bits go as they are read.
struct ReadySlots<'a> {
    page: &'a Pages,
    /// Summary word being read, and what is left of it.
    group: usize,
    summary: u64,
    /// Number of the word of slots being read, and what is left of it.
    word: usize,
    bits: u64,
}

/// Takes the lowest bit that is set.
fn take_bit(bits: &mut u64) -> Option<usize> {
    let bit = (*bits != 0).then_some(bits.trailing_zeros() as usize);
    *bits &= bits.wrapping_sub(1);
    bit
}

/// Reads a word and leaves zero, without a locked access where it is zero.
fn take_word(page: &Pages, index: usize) -> u64 {
    let word = page.long(index);
    if word.load(Ordering::Relaxed) == 0 {
        0
    } else {
        word.swap(0, Ordering::AcqRel)
    }
}

impl Iterator for ReadySlots<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        loop {
            if let Some(bit) = take_bit(&mut self.bits) {
                return u32::try_from(self.word * 64 + bit).ok();
            }
            if let Some(bit) = take_bit(&mut self.summary) {
                self.word = (self.group - 1) * 64 + bit;
                self.bits = take_word(self.page, SUMMARY_WORDS + self.word);
                continue;
            }
            if self.group == SUMMARY_WORDS {
                return None;
            }
            self.summary = take_word(self.page, self.group);
            self.group += 1;
        }
    }
}

/// The interrupt. Runs with interrupts off; only wakes.
pub(crate) fn interrupt() {
    stats::count(Counter::Interrupts);
    match READY.get() {
        Some(page) => {
            table::events(Some(&mut ReadySlots {
                page,
                group: 0,
                summary: 0,
                word: 0,
                bits: 0,
            }));
        }
        None => table::events(None),
    }
    crate::linger::space_came();
}
