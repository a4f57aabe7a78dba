//! A ring in ordinary memory, shared by threads: for tests, models and benchmarks.

use crate::layout::{RING_HEADER, Word};
use crate::mem::RingMem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering, fence};
use std::vec::Vec;

/// Memory of one ring. Clones share it, as two domains' mappings do.
#[derive(Clone, Debug)]
pub struct HeapMem(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    words: [AtomicU32; RING_HEADER as usize / 4],
    data: Vec<AtomicU8>,
}

impl HeapMem {
    /// A zeroed ring of `len` data bytes.
    #[must_use]
    pub fn new(len: u32) -> Self {
        let words = std::array::from_fn(|_| AtomicU32::new(0));
        let data = (0..len).map(|_| AtomicU8::new(0)).collect();
        Self(Arc::new(Inner { words, data }))
    }

    fn word(&self, word: Word) -> &AtomicU32 {
        &self.0.words[word as usize / 4]
    }
}

impl RingMem for HeapMem {
    fn data_len(&self) -> u32 {
        u32::try_from(self.0.data.len()).unwrap_or(0)
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
    fn write(&self, offset: u32, from: &[u8]) {
        for (cell, byte) in self.0.data[offset as usize..][..from.len()].iter().zip(from) {
            cell.store(*byte, Ordering::Relaxed);
        }
    }
    fn read(&self, offset: u32, to: &mut [u8]) {
        for (cell, byte) in self.0.data[offset as usize..][..to.len()].iter().zip(to) {
            *byte = cell.load(Ordering::Relaxed);
        }
    }
}
