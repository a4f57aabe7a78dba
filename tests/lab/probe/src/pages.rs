//! Pages that the hypervisor shares: mapped, resident, with known frame numbers.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::ptr;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

/// Bytes of a page.
pub(crate) const PAGE: usize = 4096;

/// Bit 63 of an entry of /proc/self/pagemap: the page is present. Bits 0 to 54: its frame
/// (Linux, Documentation/admin-guide/mm/pagemap.rst).
const PRESENT: u64 = 1 << 63;
const FRAME: u64 = (1 << 55) - 1;

/// A run of pages; unmapped when dropped.
pub(crate) struct Pages {
    start: *mut u8,
    count: usize,
}

impl Pages {
    pub(crate) fn new(count: usize) -> io::Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE | libc::MAP_LOCKED;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new anonymous mapping at an address of the kernel's choice touches no memory of ours.
        let start = unsafe { libc::mmap(ptr::null_mut(), count * PAGE, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            start: start.cast(),
            count,
        })
    }

    /// Where they are.
    pub(crate) fn address(&self) -> u64 {
        self.start as u64
    }

    /// The guest's frame number of each.
    pub(crate) fn frames(&self) -> io::Result<Vec<u64>> {
        let map = File::open("/proc/self/pagemap")?;
        let mut frames = Vec::with_capacity(self.count);
        for page in 0..self.count as u64 {
            let mut entry = [0; 8];
            map.read_exact_at(&mut entry, (self.address() / PAGE as u64 + page) * 8)?;
            let entry = u64::from_le_bytes(entry);
            if entry & PRESENT == 0 || entry & FRAME == 0 {
                return Err(io::Error::other("a page has no frame number; root may read them"));
            }
            frames.push(entry & FRAME);
        }
        Ok(frames)
    }

    /// Reads a word that the hypervisor may write at any time.
    pub(crate) fn load(&self, offset: usize) -> u32 {
        self.word(offset).load(Ordering::Acquire)
    }

    /// Writes a word that the hypervisor may read at any time.
    pub(crate) fn store(&self, offset: usize, value: u32) {
        self.word(offset).store(value, Ordering::Release);
    }

    /// Copies bytes out.
    pub(crate) fn bytes(&self, offset: usize, len: usize) -> Vec<u8> {
        assert!(offset + len <= self.count * PAGE);
        // SAFETY: the assertion keeps every byte inside the mapping, which lives as long as `self`; AtomicU8 has a byte's
        // size and alignment and allows that the hypervisor writes meanwhile.
        let read = |at: usize| unsafe { AtomicU8::from_ptr(self.start.add(at)) }.load(Ordering::Relaxed);
        (offset..offset + len).map(read).collect()
    }

    fn word(&self, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4) && offset + 4 <= self.count * PAGE);
        // SAFETY: inside the mapping and aligned, by the assertion; the mapping lives as long as `self`.
        unsafe { AtomicU32::from_ptr(self.start.add(offset).cast()) }
    }
}

// SAFETY: `start` is a mapping that no thread owns; every access to it goes through atomics, and unmapping needs the only owner.
unsafe impl Sync for Pages {}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the mapping of `new`, to which no reference is left. A ring on it is the hypervisor's to hold on to: the
        // frames are this guest's own.
        unsafe { libc::munmap(self.start.cast(), self.count * PAGE) };
    }
}
