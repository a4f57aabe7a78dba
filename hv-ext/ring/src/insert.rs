//! The producer's side: reserve, copy, publish.
//!
//! The producer's cursor is private; the word in the header is written and never read back. A message becomes visible
//! only when its last byte is in place, and a failed copy leaves no trace but bytes that nobody looks at.

use crate::addr::Addr;
use crate::cursor::{advance, footprint, free, restored_tx, sanitize_rx, split};
use crate::layout::{MESSAGE_HEADER, MESSAGE_MAX, MessageHeader, Word, round_up};
use crate::mem::{RingMem, Source};

/// Why a message cannot be inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// It would not fit the ring even if that were empty.
    TooLong,
    /// It fits, but not now: bytes of ring that it needs, more than which must come free.
    Full {
        /// Bytes of ring, header and padding included.
        needed: u32,
    },
}

/// A ring's private write cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Producer {
    tx: u32,
    /// The receiver's cursor when it was last read: space found with it is there, more may be.
    rx_seen: u32,
}

/// Reserved ring for one message; bytes are copied in order, possibly in several steps, before [`Producer::publish`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Where the message's header is.
    start: u32,
    /// Payload bytes in all.
    len: u32,
    /// Payload bytes already copied.
    done: u32,
}

impl Slot {
    /// Payload bytes that are still to be copied.
    #[must_use]
    pub const fn left(&self) -> u32 {
        self.len - self.done
    }

    /// Copies at most `most` further payload bytes from `source`.
    ///
    /// # Errors
    /// The source's; the slot may be dropped or tried again from the same place.
    #[inline]
    pub fn copy<M: RingMem + ?Sized, S: Source<M> + ?Sized>(
        &mut self,
        mem: &M,
        source: &mut S,
        most: u32,
    ) -> Result<(), S::Error> {
        let ring_len = mem.data_len();
        let n = self.left().min(most);
        let at = advance(self.start, MESSAGE_HEADER + self.done, ring_len);
        let (first, second) = split(at, n, ring_len);
        if first > 0 {
            source.copy_to(mem, at, first)?;
        }
        if second > 0 {
            source.copy_to(mem, 0, second)?;
        }
        self.done += n;
        Ok(())
    }
}

impl Producer {
    /// The cursor of a ring that was just mapped.
    pub fn attach<M: RingMem + ?Sized>(mem: &M) -> Self {
        let len = mem.data_len();
        let rx = mem.load(Word::Rx);
        Self {
            tx: restored_tx(mem.load(Word::Tx), rx, len),
            rx_seen: sanitize_rx(rx, len),
        }
    }

    /// The private cursor: a byte offset into the data.
    #[must_use]
    pub const fn position(&self) -> u32 {
        self.tx
    }

    /// Free bytes as last seen, without touching the ring: a lower bound.
    #[must_use]
    pub const fn free_seen(&self, ring_len: u32) -> u32 {
        free(self.rx_seen, self.tx, ring_len)
    }

    /// Free bytes now.
    pub fn free<M: RingMem + ?Sized>(&mut self, mem: &M) -> u32 {
        let len = mem.data_len();
        self.rx_seen = sanitize_rx(mem.load(Word::Rx), len);
        free(self.rx_seen, self.tx, len)
    }

    /// Greatest payload that fits now and leaves `reserve` bytes of ring; `None` where not even an empty message does.
    pub fn room<M: RingMem + ?Sized>(&mut self, mem: &M, reserve: u32) -> Option<u32> {
        // Strictly less than what is free: a slot stays unwritten (`argo.c`: `ringbuf_insert` refuses len >= space).
        let slots = self
            .free(mem)
            .checked_sub(reserve)?
            .checked_sub(crate::layout::SLOT)?;
        slots.checked_sub(MESSAGE_HEADER)
    }

    /// Reserves ring for `len` payload bytes, leaving `reserve` bytes free for others' use of this cursor. Reads the receiver's
    /// cursor only where what was seen of it leaves too little room.
    ///
    /// # Errors
    /// [`NoRoom`]; nothing has changed.
    #[inline]
    pub fn reserve<M: RingMem + ?Sized>(&mut self, mem: &M, len: u32, reserve: u32) -> Result<Slot, NoRoom> {
        let needed = needed(len, reserve, mem.data_len())?;
        if needed < self.free_seen(mem.data_len()) || needed < self.free(mem) {
            Ok(self.slot(len))
        } else {
            Err(NoRoom::Full { needed })
        }
    }

    /// The same for a receiver that is not trusted to keep its word: its cursor as it is now counts, read once.
    ///
    /// # Errors
    /// [`NoRoom`]; nothing has changed.
    #[inline]
    pub fn reserve_anew<M: RingMem + ?Sized>(&mut self, mem: &M, len: u32) -> Result<Slot, NoRoom> {
        let needed = needed(len, 0, mem.data_len())?;
        if needed < self.free(mem) {
            Ok(self.slot(len))
        } else {
            Err(NoRoom::Full { needed })
        }
    }

    const fn slot(&self, len: u32) -> Slot {
        Slot {
            start: self.tx,
            len,
            done: 0,
        }
    }

    /// Writes the header of a filled slot and makes the message visible.
    ///
    /// The caller signals afterwards, with [`wake::signal_data`](crate::wake::signal_data) where the receiver may suppress it.
    #[inline]
    pub fn publish<M: RingMem + ?Sized>(&mut self, mem: &M, slot: &Slot, source: Addr, kind: u32) {
        let header = MessageHeader {
            len: MESSAGE_HEADER + slot.len,
            source,
            kind,
        };
        // A header never wraps: it starts at a slot and is one slot long.
        mem.write(slot.start, &header.encode());
        self.tx = advance(slot.start, MESSAGE_HEADER + round_up(slot.len), mem.data_len());
        mem.store(Word::Tx, self.tx);
    }

    /// Inserts a whole message.
    ///
    /// # Errors
    /// [`InsertError`]; nothing has become visible.
    #[inline]
    pub fn insert<M: RingMem + ?Sized, S: Source<M> + ?Sized>(
        &mut self,
        mem: &M,
        source: Addr,
        kind: u32,
        len: u32,
        payload: &mut S,
    ) -> Result<(), InsertError<S::Error>> {
        let mut slot = self.reserve(mem, len, 0).map_err(InsertError::NoRoom)?;
        slot.copy(mem, payload, len).map_err(InsertError::Source)?;
        self.publish(mem, &slot, source, kind);
        Ok(())
    }
}

/// Bytes of ring for a message and the reserve, more than which must be free.
const fn needed(len: u32, reserve: u32, ring_len: u32) -> Result<u32, NoRoom> {
    if len > MESSAGE_MAX {
        return Err(NoRoom::TooLong);
    }
    let needed = footprint(len) + reserve;
    if needed >= ring_len {
        return Err(NoRoom::TooLong);
    }
    Ok(needed)
}

/// Why [`Producer::insert`] inserted nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertError<E> {
    /// The ring's fault.
    NoRoom(NoRoom),
    /// The payload could not be read: the sender's fault.
    Source(E),
}
