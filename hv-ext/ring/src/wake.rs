//! The two wake-up protocols: data for a receiver that sleeps, space for a sender that waits.
//!
//! Both have the same shape. One side writes its cursor, then looks whether the other waits; the other says that it
//! waits, then looks at the cursor once more. A full fence stands between the two steps on either side, so at least
//! one of them sees the other's write and no wake-up is lost. `tests/model` checks this with loom, and checks that
//! loom finds the lost wake-up once a fence is taken away.
//!
//! ```text
//!   producer: store tx_ptr ─ fence ─ load Event         consumer: store rx_ptr ─ fence ─ load Space
//!   consumer: or Event     ─ fence ─ load tx_ptr        producer: or Space     ─ fence ─ load rx_ptr
//! ```
//!
//! A wish is used up by the signal that answers it, so one sleep costs at most one signal.

use crate::layout::{Word, event, space};
use crate::mem::RingMem;

/// Which kinds of waiter are to be woken; the bits of [`event`] and [`space`], which agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Signal(u32);

impl Signal {
    /// Nobody.
    pub const NONE: Self = Self(0);

    /// Whether nobody waits.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Somebody sleeps on the word itself.
    #[must_use]
    pub const fn sleeper(self) -> bool {
        self.0 & event::SLEEPS != 0
    }

    /// Somebody polls a descriptor.
    #[must_use]
    pub const fn poller(self) -> bool {
        self.0 & event::POLLS != 0
    }

    /// The hypervisor holds pending senders.
    #[must_use]
    pub const fn pending(self) -> bool {
        self.0 & space::PENDING != 0
    }
}

const _: () = assert!(event::SLEEPS == space::SLEEPS && event::POLLS == space::POLLS);

/// Producer, after publishing: who wants to know? Uses the wishes up.
#[inline]
pub fn signal_data<M: RingMem + ?Sized>(mem: &M) -> Signal {
    mem.fence();
    let wish = mem.load(Word::Event);
    if wish == event::ALWAYS {
        return Signal(event::WISHES);
    }
    if wish & event::WISHES == 0 {
        return Signal::NONE;
    }
    Signal(mem.swap(Word::Event, event::SUPPRESS) & event::WISHES)
}

/// Receiver, before it sleeps: says what it wants and returns the word's new value, to sleep on. The caller looks at
/// the ring once more before it does.
#[inline]
pub fn want_data<M: RingMem + ?Sized>(mem: &M, wish: u32) -> u32 {
    let bits = event::SUPPRESS | (wish & event::WISHES);
    let old = mem.fetch_or(Word::Event, bits);
    mem.fence();
    old | bits
}

/// Receiver, after publishing its cursor: which senders wait for space? Uses the wishes up.
#[inline]
pub fn signal_space<M: RingMem + ?Sized>(mem: &M) -> Signal {
    mem.fence();
    if mem.load(Word::Space) == 0 {
        return Signal::NONE;
    }
    Signal(mem.swap(Word::Space, 0))
}

/// Sender, before it waits for space: says so and returns the word's new value, to sleep on. The caller looks at the
/// space once more before it does.
#[inline]
pub fn want_space<M: RingMem + ?Sized>(mem: &M, wish: u32) -> u32 {
    let old = mem.fetch_or(Word::Space, wish);
    mem.fence();
    old | wish
}
