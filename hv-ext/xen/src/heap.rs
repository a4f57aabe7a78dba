//! Rust's allocator: Xen's heap.
//!
//! The core asks before it takes (`try_reserve`, [`Host::share`](v4v_hv::Host::share)), so a failure comes back to the
//! guest as ENOMEM.

use core::alloc::{GlobalAlloc, Layout};

use crate::glue;

struct XenHeap;

#[global_allocator]
static HEAP: XenHeap = XenHeap;

// SAFETY: Xen's heap returns memory of the size and alignment asked for, or null, that nobody else has, and locks itself.
unsafe impl GlobalAlloc for XenHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        glue::allocate(layout.size(), layout.align())
    }

    unsafe fn dealloc(&self, memory: *mut u8, _: Layout) {
        // SAFETY: the caller promises that `memory` came from `alloc` and is not used any more.
        unsafe { glue::release(memory) }
    }
}
