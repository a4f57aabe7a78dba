//! A ring as the daemon holds it: memory, mapping, the button of its doorbell.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use v4v_ring::layout::{Word, event, state};
use v4v_ring::{RingMem, Signal, cursor};

use crate::doorbell::{self, Button, Face};
use crate::shm::{self, ShmRing};
use crate::{futex, wire};

/// A ring. Clones are the same ring; its descriptors and its mapping go with the last of them.
#[derive(Clone, Debug)]
pub struct Ring(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    memory: OwnedFd,
    mem: ShmRing,
    button: Button,
    /// Until the owner has it.
    face: RefCell<Option<Face>>,
    /// The partner has it too.
    attached: Cell<bool>,
}

impl Ring {
    /// A fresh ring of `len` data bytes. Its first message lights the face, whoever looks.
    ///
    /// # Errors
    /// The system's: no descriptors, no memory.
    pub fn create(len: u32) -> io::Result<Self> {
        let memory = shm::create(len)?;
        let mem = ShmRing::map(&memory, len)?;
        mem.store(Word::Event, event::SUPPRESS | event::POLLS);
        let (face, button) = doorbell::pair()?;
        Ok(Self(Rc::new(Inner {
            memory,
            mem,
            button,
            face: RefCell::new(Some(face)),
            attached: Cell::new(false),
        })))
    }

    /// The descriptor of its memory.
    #[must_use]
    pub fn memory(&self) -> BorrowedFd<'_> {
        self.0.memory.as_fd()
    }

    /// Its button.
    #[must_use]
    pub fn button(&self) -> BorrowedFd<'_> {
        self.0.button.as_fd()
    }

    /// Its face, for the owner; the daemon does not keep it.
    #[must_use]
    pub fn take_face(&self) -> Option<Face> {
        self.0.face.borrow_mut().take()
    }

    /// Tells whoever asked for it that there is a message; `None`: nobody could ask, so everybody.
    pub fn signal_data(&self, wish: Option<Signal>) {
        if wish.is_none_or(Signal::sleeper) {
            futex::wake_all(self.0.mem.word(Word::Event));
        }
        if wish.is_none_or(Signal::poller) {
            self.0.button.light();
        }
    }

    /// The partner gets it now, so that the ring is one direction of a connection.
    pub fn attach(&self) {
        self.0.attached.set(true);
    }

    /// Tells all who wait that State changed; the hypervisor has used their wishes up.
    ///
    /// A partner that is gone is the end of a connection, which the face shows for good. A ring that nobody attached yet may
    /// have watched a listener and go on to watch a connection, so its owner is only told to look.
    pub fn state_changed(&self, bits: u32) {
        futex::wake_all(self.0.mem.word(Word::Event));
        futex::wake_all(self.0.mem.word(Word::Space));
        if bits & state::PEER_GONE == 0 {
            return;
        }
        if self.0.attached.get() {
            self.0.button.hang_up();
        } else {
            self.0.button.light();
            self.0.button.unblock();
        }
    }

    /// Fills in what only the ring itself says: how full it is and, where its partner fills it, what that has counted.
    #[must_use]
    pub fn describe(&self, record: wire::RingRecord) -> wire::RingRecord {
        let len = self.data_len();
        let rx = cursor::sanitize_rx(self.load(Word::Rx), len);
        let used = cursor::check_tx(self.load(Word::Tx), len).map_or(0, |tx| cursor::used(rx, tx, len));
        let (messages, bytes) = if record.delegated {
            self.0.mem.totals()
        } else {
            (0, 0)
        };
        wire::RingRecord {
            used,
            messages: record.messages.saturating_add(messages),
            bytes: record.bytes.saturating_add(bytes),
            ..record
        }
    }
}

impl RingMem for Ring {
    fn data_len(&self) -> u32 {
        self.0.mem.data_len()
    }
    fn load(&self, word: Word) -> u32 {
        self.0.mem.load(word)
    }
    fn store(&self, word: Word, value: u32) {
        self.0.mem.store(word, value);
    }
    fn swap(&self, word: Word, value: u32) -> u32 {
        self.0.mem.swap(word, value)
    }
    fn fetch_or(&self, word: Word, bits: u32) -> u32 {
        self.0.mem.fetch_or(word, bits)
    }
    fn fence(&self) {
        self.0.mem.fence();
    }
    fn write(&self, offset: u32, from: &[u8]) {
        self.0.mem.write(offset, from);
    }
    fn read(&self, offset: u32, to: &mut [u8]) {
        self.0.mem.read(offset, to);
    }
}
