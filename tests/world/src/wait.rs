//! What a sleeper waits for, and what it takes to wake it.

use std::fmt;

use v4v_hv::RingId;
use v4v_hv::testing::TestMem;
use v4v_ring::{RingMem, Word};
use v4v_sock::{OwnRing, TxHalf};

use crate::home::Home;
use crate::machine::{Flavour, Machine};

/// One thing that ends a sleep.
pub enum On {
    /// A change of an own ring: in Xen its owner looks at it at every event, hosted it sleeps on the event word's value.
    Data {
        /// The ring.
        ring: RingId,
        /// Its memory.
        mem: TestMem,
        /// The event word's value.
        word: u32,
        /// The producer's cursor and the state when the sleeper last looked.
        seen: [u32; 2],
    },
    /// Space in a peer's ring, hosted: it sleeps on the space word's value.
    Space {
        /// The ring.
        ring: RingId,
        /// Its memory.
        mem: TestMem,
        /// The space word's value.
        word: u32,
    },
    /// Xen: the domain's next event. The hypervisor does not say which sender it is for.
    Event,
    /// Hosted: the doorbell of an own ring.
    Bell(RingId),
    /// Hosted: some time. The daemon tells nobody that a wildcard ring has room again.
    Nap,
}

impl On {
    /// Data in an own ring; `word` is what `before_sleep` returned.
    #[must_use]
    pub fn data(ring: &OwnRing<Home>, word: u32) -> Self {
        let mem = ring.mem().shared().clone();
        let seen = [mem.load(Word::Tx), mem.load(Word::State)];
        Self::Data {
            ring: ring.platform().own(ring.id()),
            mem,
            word,
            seen,
        }
    }

    /// Space in the peer's ring; `word` is what `before_sleep` returned.
    #[must_use]
    pub fn space(tx: &TxHalf<Home>, word: u32) -> Self {
        match tx.transmit().and_then(crate::Tx::delegated) {
            Some((ring, mem)) => Self::Space {
                ring,
                mem: mem.clone(),
                word,
            },
            None => Self::Event,
        }
    }

    /// Room for a message that goes through the hypervisor and was told `EAGAIN`.
    #[must_use]
    pub fn room(home: &Home) -> Self {
        if home.machine().flavour() == Flavour::Hosted {
            Self::Nap
        } else {
            Self::Event
        }
    }

    /// Whether a sleeper that is about to fall asleep still may: what it looked at is as it was.
    pub(crate) fn holds(&self, machine: &Machine) -> bool {
        match self {
            Self::Data { mem, word, .. } => mem.load(Word::Event) == *word,
            Self::Space { mem, word, .. } => mem.load(Word::Space) == *word,
            Self::Bell(ring) => machine
                .signals
                .with_bell(*ring, |b| !b.lit && !b.roomy && !b.hung),
            Self::Event | Self::Nap => true,
        }
    }

    /// Whether a woken word, hosted, ends it.
    pub(crate) fn is_woken_by(&self, (woken, which): (RingId, Word)) -> bool {
        match self {
            Self::Data { ring, .. } => *ring == woken && which == Word::Event,
            Self::Space { ring, .. } => *ring == woken && which == Word::Space,
            _ => false,
        }
    }

    /// Whether an event of the domain, in Xen, ends it.
    pub(crate) fn ends_with_event(&self) -> bool {
        match self {
            Self::Data { mem, seen, .. } => [mem.load(Word::Tx), mem.load(Word::State)] != *seen,
            Self::Event => true,
            _ => false,
        }
    }
}

impl fmt::Debug for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data {
                ring,
                mem,
                word,
                seen,
            } => {
                let words = [Word::Rx, Word::Tx, Word::Event, Word::State].map(|w| mem.load(w));
                write!(
                    f,
                    "Data({ring:?} word {word} seen {seen:?}, now rx, tx, event, state {words:?})"
                )
            }
            Self::Space { ring, mem, word } => {
                let words = [Word::Rx, Word::Tx, Word::Space, Word::State].map(|w| mem.load(w));
                write!(
                    f,
                    "Space({ring:?} word {word}, now rx, tx, space, state {words:?})"
                )
            }
            Self::Event => f.write_str("Event"),
            Self::Bell(ring) => write!(f, "Bell({ring:?})"),
            Self::Nap => f.write_str("Nap"),
        }
    }
}
