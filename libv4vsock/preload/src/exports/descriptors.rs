//! Descriptors: closing and copying them.

use crate::listener::{self, behind};
use crate::table::{self, Entry};
use crate::{errno, next, process};
use libc::{O_CLOEXEC, c_int, c_uint, c_ulong};

/// As the C library's.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn close(fd: c_int) -> c_int {
    match table::entry(fd) {
        // SAFETY: the caller's promise.
        Entry::Plain => unsafe { next::close(fd) },
        entry => listener::close(fd, entry),
    }
}

/// The same as [`close`], by the C library's other name.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn __close(fd: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { close(fd) }
}

/// As the C library's.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn close_range(first: c_uint, last: c_uint, flags: c_int) -> c_int {
    match listener::close_range(first, last, flags) {
        Some(result) => result,
        // SAFETY: the caller's promise.
        None => unsafe { next::close_range(first, last, flags) },
    }
}

/// As the C library's.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn closefrom(first: c_int) {
    if listener::close_range(first.max(0).cast_unsigned(), c_uint::MAX, 0).is_none() {
        // SAFETY: the caller's promise.
        unsafe { next::closefrom(first) };
    }
}

/// As the C library's.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn dup(fd: c_int) -> c_int {
    // SAFETY: the caller's promise.
    let copy = unsafe { next::dup(fd) };
    copied(fd, copy, false)
}

/// As the C library's.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn dup2(from: c_int, to: c_int) -> c_int {
    if from == to {
        // SAFETY: the caller's promise.
        return unsafe { next::dup2(from, to) };
    }
    // SAFETY: the caller's promise.
    over(from, to, false, || unsafe { next::dup2(from, to) })
}

/// The same as [`dup2`], by the C library's other name.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn __dup2(from: c_int, to: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { dup2(from, to) }
}

/// As the C library's.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn dup3(from: c_int, to: c_int, flags: c_int) -> c_int {
    // SAFETY: the caller's promise.
    over(from, to, flags & O_CLOEXEC != 0, || unsafe {
        next::dup3(from, to, flags)
    })
}

/// Puts a copy of `from` under the number `to`, whatever either is.
fn over(from: c_int, to: c_int, cloexec: bool, plainly: impl FnOnce() -> c_int) -> c_int {
    let before = table::entry(to);
    if let Entry::Hidden(_) = before {
        errno::kept(|| listener::make_way(to));
    }
    let copy = plainly();
    if copy < 0 {
        return copy;
    }
    if let Entry::Outer(_) = before
        && process::owns_memory()
        && table::take(to, before)
    {
        errno::kept(|| listener::released(before));
    }
    copied(from, copy, cloexec)
}

/// `copy` is a new copy of `from`, or -1.
fn copied(from: c_int, copy: c_int, cloexec: bool) -> c_int {
    if copy >= 0
        && let Some(both) = behind(from)
    {
        errno::kept(|| listener::adopt(copy, both, cloexec));
    }
    copy
}

/// As the C library's.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn fcntl(fd: c_int, command: c_int, argument: c_ulong) -> c_int {
    // SAFETY: the caller's promise.
    let result = unsafe { next::fcntl(fd, command, argument) };
    match command {
        libc::F_DUPFD => copied(fd, result, false),
        libc::F_DUPFD_CLOEXEC => copied(fd, result, true),
        libc::F_SETFD if result >= 0 => {
            if let Some(both) = behind(fd) {
                errno::kept(|| listener::sync_cloexec(both));
            }
            result
        }
        _ => result,
    }
}

/// The same as [`fcntl`], by the name that programs with large files call.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn fcntl64(fd: c_int, command: c_int, argument: c_ulong) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { fcntl(fd, command, argument) }
}

/// The same as [`fcntl`], by the C library's other name.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn __fcntl(fd: c_int, command: c_int, argument: c_ulong) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { fcntl(fd, command, argument) }
}
