//! Xen's reader-writer spin lock around a value.

use core::cell::UnsafeCell;

use v4v_hv::Lock;

use crate::glue;

/// Room for a `rwlock_t`, whatever Xen's configuration adds to it; `glue.c` checks that it fits.
#[repr(C, align(8))]
pub(crate) struct RawLock(UnsafeCell<[u64; 3]>);

/// A value that many may read, or one CPU change. Xen's debug build checks its use.
pub(crate) struct XenLock<T> {
    raw: RawLock,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only with the lock held: by one CPU at a time to change it (so it must be Send), by
// several to read it (so it must be Sync). The lock's own bytes are Xen's, made for several CPUs.
unsafe impl<T: Send + Sync> Sync for XenLock<T> {}

impl<T> Lock<T> for XenLock<T> {
    fn new(value: T) -> Self {
        let raw = RawLock(UnsafeCell::new([0; 3]));
        // An unlocked rwlock_t holds no address, so that it may be moved.
        glue::lock_init(&raw);
        Self {
            raw,
            value: UnsafeCell::new(value),
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        glue::write_lock(&self.raw);
        // SAFETY: the lock is held for writing, so no other reference to the value exists; this one ends with `f`. A
        // panic stops the machine, so the lock is never left behind.
        let result = f(unsafe { &mut *self.value.get() });
        glue::write_unlock(&self.raw);
        result
    }

    fn read<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        glue::read_lock(&self.raw);
        // SAFETY: the lock is held for reading, so nobody has a reference that could change the value.
        let result = f(unsafe { &*self.value.get() });
        glue::read_unlock(&self.raw);
        result
    }
}
