//! The kernel's mutex around a value, and the spin lock of the ring table.

use crate::glue::raw;
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ops::{Deref, DerefMut};
use v4v_sock::Errno;

/// Classes of locks (`V4V_LOCK_…`): one may be taken while an earlier one is held, never the other way round.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Class {
    /// The list of sockets, the list of those that linger, the table of ports.
    List = 0,
    /// A socket's state.
    State = 1,
    /// A connection's sending half.
    Tx = 2,
    /// A connection's or a datagram socket's receiving half.
    Rx = 3,
    /// Changes of the ring table.
    Table = 4,
}

/// A value behind a kernel mutex. Taking it may sleep.
pub(crate) struct Mutex<T> {
    raw: *mut c_void,
    value: UnsafeCell<T>,
}

// SAFETY: the value is only reached with the mutex held.
unsafe impl<T> Sync for Mutex<T> {}
// SAFETY: a kernel mutex may be used from any thread, and what is inside here may move between them: it is pointers to
// kernel objects that no thread owns.
unsafe impl<T> Send for Mutex<T> {}

pub(crate) struct Guard<'a, T>(&'a Mutex<T>);

impl<T> Mutex<T> {
    /// # Errors
    /// [`Errno::NOMEM`].
    pub(crate) fn new(class: Class, value: T) -> Result<Self, Errno> {
        // SAFETY: takes a number only.
        let raw = unsafe { raw::v4v_c_mutex_new(class as u32) };
        if raw.is_null() {
            Err(Errno::NOMEM)
        } else {
            Ok(Self {
                raw,
                value: UnsafeCell::new(value),
            })
        }
    }

    pub(crate) fn lock(&self) -> Guard<'_, T> {
        // SAFETY: `raw` is the mutex made in `new`.
        unsafe { raw::v4v_c_mutex_lock(self.raw) };
        Guard(self)
    }
}

impl<T> Drop for Mutex<T> {
    fn drop(&mut self) {
        // SAFETY: `raw` is the mutex made in `new`, and nobody holds it: that takes a reference.
        unsafe { raw::v4v_c_mutex_free(self.raw) }
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the mutex.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the mutex, and `self` is borrowed exclusively.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: the guard holds the mutex.
        unsafe { raw::v4v_c_mutex_unlock(self.0.raw) }
    }
}

/// Holds the ring table's spin lock, with interrupts off: nothing may sleep or allocate.
pub(crate) struct TableLock(usize);

impl TableLock {
    pub(crate) fn take() -> Self {
        // SAFETY: the lock is static and is released by the guard's drop; nothing in this module nests it.
        Self(unsafe { raw::v4v_c_table_lock() })
    }
}

impl Drop for TableLock {
    fn drop(&mut self) {
        // SAFETY: the guard holds the lock.
        unsafe { raw::v4v_c_table_unlock(self.0) }
    }
}

/// A value that is made once, when the module is loaded, and dropped once, when it goes.
pub(crate) struct Global<T>(UnsafeCell<Option<T>>);

// SAFETY: `set` and `clear` run while nothing else of the module does; in between there are only shared references.
unsafe impl<T: Sync> Sync for Global<T> {}

impl<T> Global<T> {
    pub(crate) const fn new() -> Self {
        Self(UnsafeCell::new(None))
    }

    /// # Safety
    /// Nobody else uses the value: the module is being loaded or unloaded.
    pub(crate) unsafe fn set(&self, value: Option<T>) {
        // SAFETY: the caller's.
        unsafe { *self.0.get() = value };
    }

    /// The value; `None` before the module is loaded.
    pub(crate) fn get(&self) -> Option<&T> {
        // SAFETY: only shared references exist while the module runs.
        unsafe { (*self.0.get()).as_ref() }
    }
}
