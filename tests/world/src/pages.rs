//! An own ring's memory.

use std::fmt;

use v4v_hv::testing::TestMem;
use v4v_ring::layout::space;
use v4v_ring::{RingMem, Signal, Word};
use v4v_sock::{Receive, RingId};

use crate::home::Home;
use crate::machine::Flavour;

/// An own ring's memory.
pub struct Pages {
    mem: TestMem,
    home: Home,
    id: RingId,
}

impl Pages {
    pub(crate) fn new(mem: TestMem, home: Home, id: RingId) -> Self {
        Self { mem, home, id }
    }

    /// The memory itself, as whoever shares it has it.
    #[must_use]
    pub fn shared(&self) -> &TestMem {
        &self.mem
    }

    /// A hypervisor that does not use the words never asks for notify: then it is always called.
    fn always(&self, word: Word) -> u32 {
        if word == Word::Space && self.home.machine().flavour() == Flavour::Plain {
            space::PENDING
        } else {
            0
        }
    }
}

impl Receive for Pages {
    fn space_freed(&self, signal: Signal) {
        match self.home.machine().flavour() {
            Flavour::Plain | Flavour::Flags if signal.pending() => self.home.notify(),
            Flavour::Plain | Flavour::Flags => {}
            Flavour::Hosted => self
                .home
                .machine()
                .signals
                .tell_sender(self.home.own(self.id), signal),
        }
    }
}

impl RingMem for Pages {
    fn data_len(&self) -> u32 {
        self.mem.data_len()
    }
    fn load(&self, word: Word) -> u32 {
        self.mem.load(word) | self.always(word)
    }
    fn store(&self, word: Word, value: u32) {
        self.mem.store(word, value);
    }
    fn swap(&self, word: Word, value: u32) -> u32 {
        self.mem.swap(word, value) | self.always(word)
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

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
