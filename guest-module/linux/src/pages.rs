//! Whole pages that Xen writes into: rings, and the ready page.

use crate::glue::raw;
use alloc::vec::Vec;
use core::ffi::c_void;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64};
use v4v_sock::Errno;

/// Zeroed pages, mapped in one piece. The hypervisor writes them at any time, so nothing refers into them but atomics.
#[derive(Debug)]
pub(crate) struct Pages {
    raw: NonNull<c_void>,
    address: *mut u8,
    bytes: usize,
}

// SAFETY: the pages belong to no thread, and all access is atomic or by the kernel's own copies.
unsafe impl Send for Pages {}
// SAFETY: as above.
unsafe impl Sync for Pages {}

impl Pages {
    /// # Errors
    /// [`Errno::NOMEM`].
    pub(crate) fn new(count: u32) -> Result<Self, Errno> {
        // SAFETY: takes a number only.
        let raw = NonNull::new(unsafe { raw::v4v_c_pages_new(count) }).ok_or(Errno::NOMEM)?;
        // SAFETY: `raw` is what was just made.
        let address = unsafe { raw::v4v_c_pages_address(raw.as_ptr()) };
        Ok(Self {
            raw,
            address,
            bytes: count as usize * 4096,
        })
    }

    /// Their frame numbers as Xen counts them.
    ///
    /// # Errors
    /// [`Errno::NOMEM`].
    pub(crate) fn gfns(&self) -> Result<Vec<u64>, Errno> {
        let count = self.bytes / 4096;
        let mut gfns = Vec::new();
        gfns.try_reserve_exact(count)?;
        gfns.resize(count, 0);
        // SAFETY: `raw` is alive, and C writes one number for each of its pages, which is the vector's length.
        unsafe { raw::v4v_c_pages_gfns(self.raw.as_ptr(), gfns.as_mut_ptr()) };
        Ok(gfns)
    }

    /// The 32-bit word at byte `offset`, a multiple of 4 inside the pages.
    #[inline]
    pub(crate) fn word(&self, offset: usize) -> &AtomicU32 {
        debug_assert!(offset.is_multiple_of(4) && offset + 4 <= self.bytes);
        // SAFETY: page memory is aligned, the offset (a constant of the ring's header, below one page) lies inside, and the
        // mapping lives as long as `self`. Others' accesses are atomic as far as this CPU can tell.
        unsafe { AtomicU32::from_ptr(self.address.add(offset).cast()) }
    }

    /// The 64-bit word with this number, below 512, of the first page.
    #[inline]
    pub(crate) fn long(&self, index: usize) -> &AtomicU64 {
        let index = index % 512;
        // SAFETY: as above; the index was cut to the first page.
        unsafe { AtomicU64::from_ptr(self.address.add(index * 8).cast()) }
    }

    /// A pointer to `len` bytes from `offset` on, `None` where they do not lie inside.
    #[inline]
    pub(crate) fn range(&self, offset: usize, len: usize) -> Option<*mut u8> {
        let end = offset.checked_add(len)?;
        // SAFETY: the offset was just found to lie inside the mapping.
        (end <= self.bytes).then(|| unsafe { self.address.add(offset) })
    }

    /// Never gives the pages back: Xen may still write them.
    pub(crate) fn leak(self) {
        core::mem::forget(self);
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: `raw` is alive and nobody uses it any more: that takes a reference.
        unsafe { raw::v4v_c_pages_free(self.raw.as_ptr()) }
    }
}
