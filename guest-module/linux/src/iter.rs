//! A caller's buffers: where a message comes from, where bytes of a ring go.

use crate::glue::{Iov, IovIter, raw};
use crate::hypercall::{self, IOVS_MAX};
use crate::ring::KernelRing;
use crate::stats::{self, Counter};
use alloc::vec::Vec;
use core::marker::PhantomData;
use v4v_ring::Addr;
use v4v_ring::mem::Sink;
use v4v_sock::Errno;

/// How often Xen is sent to pages that were just made present, before the bytes are copied instead.
const FAULT_TRIES: usize = 3;

/// The buffers of one system call.
#[derive(Debug)]
pub(crate) struct Buffers<'a> {
    raw: *mut IovIter,
    call: PhantomData<&'a mut IovIter>,
}

impl Buffers<'_> {
    /// # Safety
    /// `raw` is a valid iov_iter for `'a`, the current process's if it is of user memory, and nobody else uses it.
    pub(crate) unsafe fn new(raw: *mut IovIter) -> Self {
        Self {
            raw,
            call: PhantomData,
        }
    }

    /// Bytes left.
    pub(crate) fn len(&self) -> usize {
        // SAFETY: `raw` is valid, see `new`.
        unsafe { raw::v4v_c_iter_count(self.raw) }
    }

    /// Copies `len` bytes at `from` to the caller.
    pub(crate) fn copy_in(&mut self, from: *const u8, len: u32) -> Result<(), Errno> {
        // SAFETY: `raw` is valid, see `new`; the caller found `len` bytes at `from` inside a ring's mapping.
        let whole = unsafe { raw::v4v_c_iter_copy_to(from, len as usize, self.raw) };
        if whole { Ok(()) } else { Err(Errno::FAULT) }
    }

    /// Sends the next `len` bytes as one message, and passes over them where that succeeds. Xen reads them where they are.
    ///
    /// # Errors
    /// Xen's, and [`Errno::FAULT`] where the caller's memory is not there.
    pub(crate) fn send(&mut self, from: u32, to: Addr, kind: u32, len: u32) -> Result<(), Errno> {
        let mut pieces = [Iov::default(); IOVS_MAX];
        // SAFETY: `raw` is valid; the array holds as many pieces as is said.
        let n = unsafe { raw::v4v_c_iter_pieces(self.raw, len, pieces.as_mut_ptr(), IOVS_MAX as u32) };
        let Some(pieces) = usize::try_from(n).ok().and_then(|n| pieces.get(..n)) else {
            return self.send_copied(from, to, kind, len);
        };
        for _ in 0..FAULT_TRIES {
            match hypercall::sendv(from, to, kind, pieces, true) {
                Err(Errno::FAULT) => {}
                outcome => return outcome.map(|()| self.advance(len)),
            }
            // SAFETY: `raw` is valid.
            if !unsafe { raw::v4v_c_iter_fault_in(self.raw, len as usize) } {
                return Err(Errno::FAULT);
            }
        }
        self.send_copied(from, to, kind, len)
    }

    /// The same through a buffer of the kernel's. The bytes are gone from the iov_iter if Xen then has no room, so they are
    /// put back.
    #[cold]
    fn send_copied(&mut self, from: u32, to: Addr, kind: u32, len: u32) -> Result<(), Errno> {
        stats::count(Counter::Bounced);
        let mut copy: Vec<u8> = Vec::new();
        copy.try_reserve_exact(len as usize)?;
        copy.resize(len as usize, 0);
        // SAFETY: `raw` is valid; the vector has `len` bytes.
        if !unsafe { raw::v4v_c_iter_copy_from(copy.as_mut_ptr(), len as usize, self.raw) } {
            return Err(Errno::FAULT);
        }
        let piece = Iov {
            base: copy.as_ptr().addr() as u64,
            len,
            pad: 0,
        };
        let sent = hypercall::sendv(from, to, kind, &[piece], false);
        if sent.is_err() {
            self.rewind(len);
        }
        sent
    }

    fn advance(&mut self, len: u32) {
        // SAFETY: `raw` is valid and has that many bytes, which were just described or sent.
        unsafe { raw::v4v_c_iter_advance(self.raw, len as usize) }
    }

    fn rewind(&mut self, len: u32) {
        // SAFETY: `raw` is valid and those bytes were just taken from it.
        unsafe { raw::v4v_c_iter_rewind(self.raw, len as usize) }
    }
}

impl Sink<KernelRing> for Buffers<'_> {
    type Error = Errno;

    #[inline]
    fn copy_from(&mut self, mem: &KernelRing, offset: u32, len: u32) -> Result<(), Errno> {
        mem.copy_to_iter(offset, len, self)
    }
}
