//! The page that two processes share.

use super::mailbox::Mailbox;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use std::ffi::c_void;
use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::mem;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

/// Length of the mapping and of the file beneath it.
pub(super) const PAGE_BYTES: usize = 4096;

/// Both directions.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Boxes {
    pub(super) to_server: Mailbox,
    pub(super) to_client: Mailbox,
}

const _: () = assert!(mem::size_of::<Boxes>() <= PAGE_BYTES && mem::align_of::<Boxes>() <= PAGE_BYTES);

/// A shared mapping of a file of [`PAGE_BYTES`], zeroed when it is new.
#[derive(Debug)]
pub(super) struct Page(NonNull<c_void>);

// SAFETY: the mapping belongs to the process, not to a thread, and holds nothing but atomics.
unsafe impl Send for Page {}

impl Page {
    pub(super) fn map(file: &File) -> Result<Self> {
        if file.metadata()?.len() < PAGE_BYTES as u64 {
            return Err(Error::new(
                ErrorKind::InvalidData,
                "the shared file is shorter than a page",
            ));
        }
        let length = NonZeroUsize::new(PAGE_BYTES).expect("a constant above zero");
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: no address is asked for, so nothing that exists is replaced.
        let start = unsafe { mmap(None, length, access, MapFlags::MAP_SHARED, file, 0) }?;
        Ok(Self(start))
    }

    /// The boxes in the page.
    pub(super) fn boxes(&self) -> &Boxes {
        // SAFETY: the mapping is PAGE_BYTES long, page aligned and lives as long as `self`; `Boxes` fits (asserted
        // above), consists of atomics only, and every bit pattern of them is valid.
        unsafe { self.0.cast::<Boxes>().as_ref() }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: `map` mapped exactly this range, and every borrow of it has ended with `self`.
        let unmapped = unsafe { munmap(self.0, PAGE_BYTES) };
        debug_assert!(unmapped.is_ok());
    }
}
