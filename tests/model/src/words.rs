//! A ring whose header words loom watches. It has no data: the wake-up protocols need none.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, Ordering, fence};
use v4v_ring::RingMem;
use v4v_ring::layout::Word;

/// Header words of a ring; `FENCED` says whether [`RingMem::fence`] is a fence or, to see that it is needed, nothing.
#[derive(Clone, Debug)]
pub struct Words<const FENCED: bool>(Arc<[AtomicU32; 4]>);

impl<const FENCED: bool> Words<FENCED> {
    /// A ring whose receiver knows the event word and wants nothing yet.
    #[must_use]
    pub fn new() -> Self {
        let words = Self(Arc::new(std::array::from_fn(|_| AtomicU32::new(0))));
        words.store(Word::Event, v4v_ring::layout::event::SUPPRESS);
        words
    }

    fn word(&self, word: Word) -> &AtomicU32 {
        &self.0[word as usize / 4]
    }
}

impl<const FENCED: bool> Default for Words<FENCED> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const FENCED: bool> RingMem for Words<FENCED> {
    fn data_len(&self) -> u32 {
        64
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
        if FENCED {
            fence(Ordering::SeqCst);
        }
    }
    fn write(&self, _: u32, _: &[u8]) {}
    fn read(&self, _: u32, _: &mut [u8]) {}
}
