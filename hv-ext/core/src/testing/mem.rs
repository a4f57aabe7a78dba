//! Memory that guests share with the hypervisor.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use v4v_ring::testing::HeapMem;
use v4v_ring::{RingMem, Word};

use crate::host::BitPage;

/// A ring on the heap whose words can be made to change while they are read.
#[derive(Clone)]
pub struct TestMem(Arc<Inner>);

struct Inner {
    heap: HeapMem,
    scripted: AtomicBool,
    script: Mutex<VecDeque<(Word, u32)>>,
}

impl TestMem {
    /// A zeroed ring.
    #[must_use]
    pub fn new(len: u32) -> Self {
        let (scripted, script) = (AtomicBool::new(false), Mutex::default());
        Self(Arc::new(Inner {
            heap: HeapMem::new(len),
            scripted,
            script,
        }))
    }

    /// Makes the next loads of these words, in this order, find these values, as if the owner wrote them just before.
    pub fn script(&self, values: impl IntoIterator<Item = (Word, u32)>) {
        self.0
            .script
            .lock()
            .expect("nobody panics holding it")
            .extend(values);
        self.0.scripted.store(true, Ordering::Release);
    }

    /// Handles besides the machine's own.
    pub(super) fn mappings(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }

    fn play(&self, word: Word) {
        if !self.0.scripted.load(Ordering::Acquire) {
            return;
        }
        let mut script = self.0.script.lock().expect("nobody panics holding it");
        if script.front().is_some_and(|(next, _)| *next == word)
            && let Some((_, value)) = script.pop_front()
        {
            self.0.heap.store(word, value);
        }
    }
}

impl RingMem for TestMem {
    fn data_len(&self) -> u32 {
        self.0.heap.data_len()
    }
    fn load(&self, word: Word) -> u32 {
        self.play(word);
        self.0.heap.load(word)
    }
    fn store(&self, word: Word, value: u32) {
        self.0.heap.store(word, value);
    }
    fn swap(&self, word: Word, value: u32) -> u32 {
        self.0.heap.swap(word, value)
    }
    fn fetch_or(&self, word: Word, bits: u32) -> u32 {
        self.0.heap.fetch_or(word, bits)
    }
    fn fence(&self) {
        self.0.heap.fence();
    }
    fn write(&self, offset: u32, from: &[u8]) {
        self.0.heap.write(offset, from);
    }
    fn read(&self, offset: u32, to: &mut [u8]) {
        self.0.heap.read(offset, to);
    }
}

/// A ready page.
#[derive(Clone)]
pub struct TestPage(Arc<[AtomicU64; 512]>);

impl Default for TestPage {
    fn default() -> Self {
        Self(Arc::new(std::array::from_fn(|_| AtomicU64::new(0))))
    }
}

impl TestPage {
    /// A word of the page.
    #[must_use]
    pub fn word(&self, index: usize) -> u64 {
        self.0[index].load(Ordering::Acquire)
    }

    pub(super) fn mappings(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

impl BitPage for TestPage {
    fn set(&self, index: usize, bits: u64) {
        self.0[index].fetch_or(bits, Ordering::Release);
    }
}
