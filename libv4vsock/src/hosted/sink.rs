//! Where received bytes go: a reader's slices, one after the other.

use crate::hosted::ring::HostedRing;
use std::io::IoSliceMut;
use v4v_ring::RingMem;
use v4v_ring::mem::{ShortBuffer, Sink};

/// A reader's slices.
#[derive(Debug)]
pub(crate) struct Scatter<'a, 'b> {
    slices: &'a mut [IoSliceMut<'b>],
    /// Slices that are full.
    full: usize,
    /// Bytes of the next one that are filled.
    filled: usize,
}

impl<'a, 'b> Scatter<'a, 'b> {
    pub(crate) fn new(slices: &'a mut [IoSliceMut<'b>]) -> Self {
        Self {
            slices,
            full: 0,
            filled: 0,
        }
    }

    /// Bytes that the slices hold in all.
    pub(crate) fn len(&self) -> usize {
        self.slices.iter().map(|s| s.len()).sum()
    }
}

impl Sink<HostedRing> for Scatter<'_, '_> {
    type Error = ShortBuffer;

    #[inline]
    fn copy_from(&mut self, mem: &HostedRing, mut offset: u32, mut len: u32) -> Result<(), ShortBuffer> {
        while len > 0 {
            let slice = self.slices.get_mut(self.full).ok_or(ShortBuffer)?;
            let space = slice.get_mut(self.filled..).unwrap_or_default();
            let n = space.len().min(len as usize);
            let whole = n == space.len();
            mem.read(offset, &mut space[..n]);
            if whole {
                self.full += 1;
                self.filled = 0;
            } else {
                self.filled += n;
            }
            // `n` is at most `len`, a u32.
            offset += n as u32;
            len -= n as u32;
        }
        Ok(())
    }
}
