//! Whether the memory that is looked at is this process's own.
//!
//! A child after `vfork` has its parent's memory and descriptors of its own: what it closes stays open in the parent, so the table,
//! which is the parent's, must not hear of it. A child after `fork` has copies of both and may do as it likes. The kernel tells them
//! apart: a page marked `MADV_WIPEONFORK` is empty after `fork`, by whatever call, and the same page after `vfork`. Its first word is the
//! number of the process whose memory it is; a child writes its own at once where it was made by `fork(3)`, else when it first asks.

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

/// The page, which holds the number of the process whose memory this is; 0 after a fork.
static PAGE: AtomicPtr<AtomicU32> = AtomicPtr::new(ptr::null_mut());

/// Bytes of the page.
const PAGE_SIZE: usize = 4096;

/// Makes the page. Where the kernel cannot (before 4.14), every process counts as the memory's own.
pub(crate) fn prepare() {
    // SAFETY: an anonymous mapping at an address of the kernel's choice touches nothing that is there.
    let page = unsafe {
        libc::mmap(
            ptr::null_mut(),
            PAGE_SIZE,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if page == libc::MAP_FAILED {
        return;
    }
    // SAFETY: the page was mapped just above.
    if unsafe { libc::madvise(page, PAGE_SIZE, libc::MADV_WIPEONFORK) } != 0 {
        return;
    }
    PAGE.store(page.cast(), Ordering::Release);
    claim();
    // SAFETY: the handler stores to the page, which is safe in a child of a process with threads. Without it the page is claimed later.
    unsafe { libc::pthread_atfork(None, None, Some(claim)) };
}

/// Says that the memory is this process's.
extern "C" fn claim() {
    // SAFETY: as in `owns_memory`.
    if let Some(owner) = unsafe { PAGE.load(Ordering::Acquire).as_ref() } {
        owner.store(std::process::id(), Ordering::Relaxed);
    }
}

/// Whether the calling process may change the table. One system call; asked only where the table has something to say.
pub(crate) fn owns_memory() -> bool {
    let page = PAGE.load(Ordering::Acquire);
    // SAFETY: the page stays mapped for ever, is aligned, and its bytes are only ever used as this atomic.
    let Some(owner) = (unsafe { page.as_ref() }) else {
        return true;
    };
    let me = std::process::id();
    match owner.compare_exchange(0, me, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => true,
        Err(owner) => owner == me,
    }
}
