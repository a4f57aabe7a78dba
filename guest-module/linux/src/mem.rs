//! The kernel's heap for `alloc`, and the end of the world for panics.

use crate::glue::raw;
use core::alloc::{GlobalAlloc, Layout};
use core::fmt::Write;

struct Kernel;

#[global_allocator]
static HEAP: Kernel = Kernel;

// SAFETY: kvmalloc returns memory that is at least `size` long, aligned as v4v_c_alloc says, and nobody else's until it is
// freed. It may sleep: nothing here allocates under the table's lock or in the interrupt.
unsafe impl GlobalAlloc for Kernel {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: takes numbers only.
        unsafe { raw::v4v_c_alloc(layout.size(), layout.align(), false) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: takes numbers only.
        unsafe { raw::v4v_c_alloc(layout.size(), layout.align(), true) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, _: Layout) {
        // SAFETY: `memory` came from v4v_c_alloc, by this trait's contract.
        unsafe { raw::v4v_c_free(memory) }
    }
}

/// A line of text on the stack; what does not fit is cut.
pub(crate) struct Line {
    text: [u8; 200],
    len: usize,
}

impl Line {
    pub(crate) const fn new() -> Self {
        Self {
            text: [0; 200],
            len: 0,
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.text.get(..self.len).unwrap_or_default()
    }
}

impl Write for Line {
    fn write_str(&mut self, s: &str) -> core::fmt::Result {
        for (to, from) in self.text.iter_mut().skip(self.len).zip(s.bytes()) {
            *to = from;
            self.len += 1;
        }
        Ok(())
    }
}

/// Writes a line to the kernel's log; levels as in `linux/kern_levels.h`.
pub(crate) fn log(level: u32, args: core::fmt::Arguments<'_>) {
    let mut line = Line::new();
    // A line never fails.
    let _ = line.write_fmt(args);
    let text = line.bytes();
    // SAFETY: the pointer and the length are those of a slice that lives on.
    unsafe { raw::v4v_c_log(level, text.as_ptr(), text.len()) }
}

macro_rules! error {
    ($($arg:tt)*) => { $crate::mem::log(3, format_args!($($arg)*)) };
}
macro_rules! warning {
    ($($arg:tt)*) => { $crate::mem::log(4, format_args!($($arg)*)) };
}
macro_rules! info {
    ($($arg:tt)*) => { $crate::mem::log(6, format_args!($($arg)*)) };
}
pub(crate) use {error, info, warning};

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let mut line = Line::new();
    let _ = write!(line, "{info}");
    let text = line.bytes();
    // SAFETY: the pointer and the length are those of a slice that lives on.
    unsafe { raw::v4v_c_bug(text.as_ptr(), text.len()) }
}
