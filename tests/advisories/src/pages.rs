//! An own ring's memory, with its reader's duties.

use std::fmt;

use v4v_hv::testing::TestMem;
use v4v_ring::{RingMem, Signal, Word};
use v4v_sock::Receive;

use crate::Home;

/// An own ring's memory.
#[derive(Clone)]
pub struct Pages {
    pub(crate) mem: TestMem,
    pub(crate) home: Home,
}

impl Receive for Pages {
    fn space_freed(&self, signal: Signal) {
        if signal.pending() {
            self.home.guest.notify();
        }
    }
}

impl RingMem for Pages {
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
        if self.home.reads_once() {
            self.mem.write(offset, &vec![0xFF; to.len()]);
        }
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("len", &self.mem.data_len())
            .finish_non_exhaustive()
    }
}
