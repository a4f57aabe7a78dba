//! The one way to a ring's memory, which others can write at any time.

use crate::layout::Word;

/// A mapped ring: header words, and data that is copied in and out.
///
/// An implementation never hands out a reference into the ring. Offsets and lengths are the caller's own, checked
/// numbers; one outside the ring is a bug of the caller, and an implementation must not touch other memory for it.
pub trait RingMem {
    /// Data bytes; fixed for the life of the mapping, a multiple of [`SLOT`](crate::layout::SLOT).
    fn data_len(&self) -> u32;

    /// Reads a word of the header (acquire).
    fn load(&self, word: Word) -> u32;

    /// Writes a word of the header (release).
    fn store(&self, word: Word, value: u32);

    /// Exchanges a word of the header (acquire and release).
    fn swap(&self, word: Word, value: u32) -> u32;

    /// Sets bits of a word of the header (acquire and release) and returns what it held before.
    fn fetch_or(&self, word: Word, bits: u32) -> u32;

    /// A sequentially consistent fence: what the two wake-up protocols in [`wake`](crate::wake) stand on.
    fn fence(&self);

    /// Copies `from` to the data at `offset`; the range lies inside the ring.
    fn write(&self, offset: u32, from: &[u8]);

    /// Copies data at `offset` to `to`; the range lies inside the ring. Another party may write it meanwhile, so
    /// the bytes are whatever was there.
    fn read(&self, offset: u32, to: &mut [u8]);
}

impl<M: RingMem + ?Sized> RingMem for &M {
    fn data_len(&self) -> u32 {
        (**self).data_len()
    }
    fn load(&self, word: Word) -> u32 {
        (**self).load(word)
    }
    fn store(&self, word: Word, value: u32) {
        (**self).store(word, value);
    }
    fn swap(&self, word: Word, value: u32) -> u32 {
        (**self).swap(word, value)
    }
    fn fetch_or(&self, word: Word, bits: u32) -> u32 {
        (**self).fetch_or(word, bits)
    }
    fn fence(&self) {
        (**self).fence();
    }
    fn write(&self, offset: u32, from: &[u8]) {
        (**self).write(offset, from);
    }
    fn read(&self, offset: u32, to: &mut [u8]) {
        (**self).read(offset, to);
    }
}

/// Where a message's payload comes from: a slice, or a caller's buffers that only its home can read.
pub trait Source<M: RingMem + ?Sized> {
    /// Why bytes could not be read (in a kernel: a bad user address).
    type Error;

    /// Copies the next `len` bytes to the data at `offset`; the range lies inside the ring.
    ///
    /// # Errors
    /// The home's, with the bytes of this call lost; what was already copied stays unpublished.
    fn copy_to(&mut self, mem: &M, offset: u32, len: u32) -> Result<(), Self::Error>;
}

/// Where a message's payload goes.
pub trait Sink<M: RingMem + ?Sized> {
    /// Why bytes could not be written (in a kernel: a bad user address).
    type Error;

    /// Copies `len` bytes of data at `offset` to the place after what came before; the range lies inside the ring.
    ///
    /// # Errors
    /// The home's. The message stays in the ring.
    fn copy_from(&mut self, mem: &M, offset: u32, len: u32) -> Result<(), Self::Error>;
}

/// Asked for more bytes than the buffer holds: a bug of the caller, answered instead of a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortBuffer;

impl<M: RingMem + ?Sized> Source<M> for &[u8] {
    type Error = ShortBuffer;

    #[inline]
    fn copy_to(&mut self, mem: &M, offset: u32, len: u32) -> Result<(), ShortBuffer> {
        let (now, rest) = self.split_at_checked(len as usize).ok_or(ShortBuffer)?;
        mem.write(offset, now);
        *self = rest;
        Ok(())
    }
}

impl<M: RingMem + ?Sized> Sink<M> for &mut [u8] {
    type Error = ShortBuffer;

    #[inline]
    fn copy_from(&mut self, mem: &M, offset: u32, len: u32) -> Result<(), ShortBuffer> {
        let (now, rest) = core::mem::take(self)
            .split_at_mut_checked(len as usize)
            .ok_or(ShortBuffer)?;
        mem.read(offset, now);
        *self = rest;
        Ok(())
    }
}
