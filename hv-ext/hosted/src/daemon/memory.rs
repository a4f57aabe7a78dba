//! The caller's memory: the blob of its request, at [`BLOB_BASE`].

use std::ops::Range;

use v4v_hv::Errno;

use crate::wire::BLOB_BASE;

/// A blob during a call.
#[derive(Debug, Default)]
pub struct Memory {
    bytes: Vec<u8>,
    written: bool,
}

impl Memory {
    /// The blob becomes the caller's memory.
    #[must_use]
    pub fn new(blob: &[u8]) -> Self {
        Self {
            bytes: blob.into(),
            written: false,
        }
    }

    fn range(&self, handle: u64, len: usize) -> Result<Range<usize>, Errno> {
        let start = handle
            .checked_sub(BLOB_BASE)
            .and_then(|at| usize::try_from(at).ok())
            .ok_or(Errno::FAULT)?;
        let end = start
            .checked_add(len)
            .filter(|end| *end <= self.bytes.len())
            .ok_or(Errno::FAULT)?;
        Ok(start..end)
    }

    /// `len` bytes at a handle.
    ///
    /// # Errors
    /// [`Errno::FAULT`] where they do not lie in the blob.
    pub fn read(&self, handle: u64, len: usize) -> Result<&[u8], Errno> {
        self.range(handle, len).map(|range| &self.bytes[range])
    }

    /// Changes the blob.
    ///
    /// # Errors
    /// [`Errno::FAULT`] where the bytes do not lie in the blob.
    pub fn write(&mut self, handle: u64, from: &[u8]) -> Result<(), Errno> {
        let range = self.range(handle, from.len())?;
        self.bytes[range].copy_from_slice(from);
        self.written = true;
        Ok(())
    }

    /// The blob, where it was written to; else nothing.
    #[must_use]
    pub fn into_changes(self) -> Vec<u8> {
        if self.written { self.bytes } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_blob_can_be_reached() {
        let memory = Memory::new(b"12345678");
        assert_eq!(memory.read(BLOB_BASE + 6, 2), Ok(&b"78"[..]));
        for (handle, len) in [
            (0, 1),
            (BLOB_BASE - 1, 1),
            (BLOB_BASE + 7, 2),
            (u64::MAX, 1),
            (BLOB_BASE, usize::MAX),
        ] {
            assert_eq!(memory.read(handle, len), Err(Errno::FAULT), "{handle:#x}+{len}");
        }
    }

    #[test]
    fn a_blob_comes_back_only_if_it_was_written_to() {
        let mut memory = Memory::new(b"12345678");
        assert_eq!(memory.write(BLOB_BASE + 7, b"xy"), Err(Errno::FAULT));
        memory.write(BLOB_BASE + 1, b"x").expect("inside");
        assert_eq!(memory.into_changes(), b"1x345678");
        assert_eq!(Memory::new(b"1").into_changes(), b"");
    }
}
