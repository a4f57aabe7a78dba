//! The receiver's side: look, copy, consume, publish.
//!
//! The receiver's cursor is private too: it writes the word in the header and never believes it. What the producer
//! wrote is an allegation: a message's header is copied once, checked once, and never read again.

use crate::addr::Addr;
use crate::cursor::{advance, check_tx, split, used};
use crate::layout::{MESSAGE_HEADER, MessageHeader, Word, round_up};
use crate::mem::{RingMem, Sink};

/// The producer wrote something that cannot be: the ring is lost, and the producer (or whoever shares it) is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corrupt {
    /// The write cursor lies outside the ring or between slots.
    Cursor {
        /// What the header said.
        tx: u32,
    },
    /// The write cursor moved backwards over messages that were already there.
    Shrunk,
    /// A message's length is below that of its header or beyond what was written.
    Length {
        /// What the message's header said.
        len: u32,
    },
}

/// A message at the front of the ring: its header, copied and checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where its payload starts.
    at: u32,
    /// Payload bytes.
    pub len: u32,
    /// The sender: the hypervisor's word for it in Xen, an allegation in a delegated ring.
    pub source: Addr,
    /// What it is.
    pub kind: u32,
}

impl Message {
    /// Copies `n` payload bytes from `skip` on into `sink`; both are cut to what the message has. Returns the bytes copied.
    ///
    /// # Errors
    /// The sink's; the message stays.
    #[inline]
    pub fn copy<M: RingMem + ?Sized, S: Sink<M> + ?Sized>(
        &self,
        mem: &M,
        skip: u32,
        n: u32,
        sink: &mut S,
    ) -> Result<u32, S::Error> {
        let ring_len = mem.data_len();
        let n = n.min(self.len.saturating_sub(skip));
        if n == 0 {
            return Ok(0);
        }
        let at = advance(self.at, skip, ring_len);
        let (first, second) = split(at, n, ring_len);
        sink.copy_from(mem, at, first)?;
        if second > 0 {
            sink.copy_from(mem, 0, second)?;
        }
        Ok(n)
    }

    /// Bytes of ring that the message occupies.
    const fn footprint(&self) -> u32 {
        MESSAGE_HEADER + round_up(self.len)
    }
}

/// A ring's private read cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consumer {
    rx: u32,
    /// The producer's cursor when it was last read and found sound.
    tx_seen: u32,
    /// The cursor that the producer can see.
    published: u32,
}

impl Consumer {
    /// The cursor of a fresh ring, whose header is all zero.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            rx: 0,
            tx_seen: 0,
            published: 0,
        }
    }

    /// The message at the front, `None` where the ring is empty.
    ///
    /// # Errors
    /// [`Corrupt`]: the producer lied.
    #[inline]
    pub fn peek<M: RingMem + ?Sized>(&mut self, mem: &M) -> Result<Option<Message>, Corrupt> {
        if self.rx == self.tx_seen && !self.refresh(mem)? {
            return Ok(None);
        }
        let mut raw = [0; MESSAGE_HEADER as usize];
        mem.read(self.rx, &mut raw);
        let header = MessageHeader::decode(raw);
        let ring_len = mem.data_len();
        let there = used(self.rx, self.tx_seen, ring_len);
        let Some(len) = header
            .len
            .checked_sub(MESSAGE_HEADER)
            .filter(|_| header.len <= there)
        else {
            return Err(Corrupt::Length { len: header.len });
        };
        // `there` and the header are whole slots, so a length inside them stays inside when rounded up.
        let at = advance(self.rx, MESSAGE_HEADER, ring_len);
        Ok(Some(Message {
            at,
            len,
            source: header.source,
            kind: header.kind,
        }))
    }

    /// Whether the ring holds a message; may read the header once.
    ///
    /// # Errors
    /// [`Corrupt::Cursor`] or [`Corrupt::Shrunk`].
    #[inline]
    pub fn has_message<M: RingMem + ?Sized>(&mut self, mem: &M) -> Result<bool, Corrupt> {
        if self.rx != self.tx_seen {
            Ok(true)
        } else {
            self.refresh(mem)
        }
    }

    /// Passes over the front message, which [`peek`](Self::peek) returned.
    #[inline]
    pub fn consume<M: RingMem + ?Sized>(&mut self, mem: &M, message: &Message) {
        self.rx = advance(self.rx, message.footprint(), mem.data_len());
    }

    /// Bytes of ring consumed that the producer cannot see yet.
    #[must_use]
    pub const fn unpublished(&self, ring_len: u32) -> u32 {
        used(self.published, self.rx, ring_len)
    }

    /// Bytes of ring between the cursors as they are now, headers included.
    ///
    /// # Errors
    /// [`Corrupt`].
    pub fn backlog<M: RingMem + ?Sized>(&mut self, mem: &M) -> Result<u32, Corrupt> {
        self.refresh(mem)?;
        Ok(used(self.rx, self.tx_seen, mem.data_len()))
    }

    /// Shows the producer how far the receiver has read. The caller then looks whether a sender waits
    /// ([`wake::signal_space`](crate::wake::signal_space)).
    #[inline]
    pub fn publish<M: RingMem + ?Sized>(&mut self, mem: &M) {
        self.published = self.rx;
        mem.store(Word::Rx, self.rx);
    }

    /// Reads the producer's cursor; whether there is a message.
    #[inline]
    fn refresh<M: RingMem + ?Sized>(&mut self, mem: &M) -> Result<bool, Corrupt> {
        let ring_len = mem.data_len();
        let raw = mem.load(Word::Tx);
        let tx = check_tx(raw, ring_len).ok_or(Corrupt::Cursor { tx: raw })?;
        if used(self.rx, tx, ring_len) < used(self.rx, self.tx_seen, ring_len) {
            return Err(Corrupt::Shrunk);
        }
        self.tx_seen = tx;
        Ok(self.rx != tx)
    }
}

impl Default for Consumer {
    fn default() -> Self {
        Self::new()
    }
}
