//! A ring of this process: its memory and its doorbell.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use v4v_hosted::doorbell::{Button, Face};
use v4v_hosted::futex;
use v4v_hosted::shm::ShmRing;
use v4v_ring::layout::{Word, event};
use v4v_ring::{RingMem, Signal, wake};
use v4v_sock::Receive;

/// How long a light that is due may be late. Its sender is between two of its instructions, unless it is not honest: such a
/// one keeps the reader of its ring this long each time, as it can by spinning.
const LATE: Duration = Duration::from_micros(100);

/// An own ring and its doorbell. Clones share both.
#[derive(Clone, Debug)]
pub(crate) struct HostedRing {
    pub(crate) mem: ShmRing,
    pub(crate) bell: Arc<Bell>,
}

/// An own ring's doorbell, and the partner's once there is one.
#[derive(Debug)]
pub(crate) struct Bell {
    face: Face,
    button: Button,
    partner: OnceLock<Arc<Button>>,
}

impl Bell {
    /// From now on the sender into this ring is told through `button` that space came free.
    pub(crate) fn set_partner(&self, button: Arc<Button>) {
        // A ring has one partner for life, so a second button would lead to the same face.
        let _ = self.partner.set(button);
    }

    /// The peer is gone, for good where there was one: what the hypervisor does to a face in its place.
    pub(crate) fn tell_end(&self, joined: bool) {
        if joined {
            self.button.hang_up();
        } else {
            self.button.light();
            self.button.unblock();
        }
    }
}

impl HostedRing {
    /// From what the daemon sent: memory, face, button.
    pub(crate) fn from_fds([memory, face, button]: [OwnedFd; 3], len: u32) -> io::Result<Self> {
        let bell = Bell {
            face: face.into(),
            button: button.into(),
            partner: OnceLock::new(),
        };
        Ok(Self {
            mem: ShmRing::map(&memory, len)?,
            bell: Arc::new(bell),
        })
    }

    /// The descriptor that users poll.
    pub(crate) fn face(&self) -> &Face {
        &self.bell.face
    }

    /// Makes the face dark and asks for a light (`ask`, which says whether there is something to read after all).
    pub(crate) fn show_readable(&self, ask: impl FnOnce() -> bool) {
        self.darken();
        if ask() {
            self.bell.button.light();
        }
    }

    /// Where a wish to poll was used up, its light is there or on its way; one that came after the darkness would stay
    /// and tell of nothing.
    fn darken(&self) {
        let due = self.mem.load(Word::Event) & event::POLLS == 0;
        if self.bell.face.darken() || !due {
            return;
        }
        let end = Instant::now() + LATE;
        while !self.bell.face.darken() && Instant::now() < end {
            std::thread::yield_now();
        }
    }

    /// The own side sends nothing more: the face shows that, and never again that it is blocked.
    pub(crate) fn end_sending(&self) {
        self.bell.button.unblock();
        self.bell.face.end();
    }

    /// The own side wants to read nothing more: the face shows the end, whatever the peer does.
    pub(crate) fn end_receiving(&self) {
        self.bell.button.end();
        self.wake_readers();
    }

    /// Makes the face not writable and asks for space (`ask`, which says whether there is some after all).
    pub(crate) fn show_blocked(&self, ask: impl FnOnce() -> bool) {
        self.bell.face.block();
        if ask() {
            self.bell.button.unblock();
        }
    }

    /// Makes the face not writable, whatever the ring says.
    pub(crate) fn block(&self) {
        self.bell.face.block();
    }

    /// Makes the face writable.
    pub(crate) fn unblock(&self) {
        self.bell.button.unblock();
    }

    /// Nothing comes of the attempt to connect that this ring was for: the face shows the end, for good.
    pub(crate) fn hang_up(&self) {
        self.bell.button.hang_up();
    }

    /// Wakes this process's own sleepers, for a change that did not come through the ring.
    pub(crate) fn wake_readers(&self) {
        if wake::signal_data(&self.mem).sleeper() {
            futex::wake_all(self.mem.word(Word::Event));
        }
    }
}

impl Receive for HostedRing {
    #[inline]
    fn space_freed(&self, signal: Signal) {
        if signal.sleeper() {
            futex::wake_all(self.mem.word(Word::Space));
        }
        if let Some(partner) = self.bell.partner.get().filter(|_| signal.poller()) {
            partner.unblock();
        }
    }
}

/// The daemon's answer lacked a descriptor.
pub(crate) fn missing() -> io::Error {
    crate::error::with_reason(
        libc::EPROTO,
        "v4vd sent a ring without its descriptors: are client and daemon of one build?",
    )
}

impl RingMem for HostedRing {
    fn data_len(&self) -> u32 {
        self.mem.data_len()
    }
    #[inline]
    fn load(&self, word: Word) -> u32 {
        self.mem.load(word)
    }
    #[inline]
    fn store(&self, word: Word, value: u32) {
        self.mem.store(word, value);
    }
    #[inline]
    fn swap(&self, word: Word, value: u32) -> u32 {
        self.mem.swap(word, value)
    }
    #[inline]
    fn fetch_or(&self, word: Word, bits: u32) -> u32 {
        self.mem.fetch_or(word, bits)
    }
    #[inline]
    fn fence(&self) {
        self.mem.fence();
    }
    #[inline]
    fn write(&self, offset: u32, from: &[u8]) {
        self.mem.write(offset, from);
    }
    #[inline]
    fn read(&self, offset: u32, to: &mut [u8]) {
        self.mem.read(offset, to);
    }
}
