//! The C library's way to say what went wrong.

use libc::c_int;

/// The errno of the calling thread.
pub(crate) fn get() -> c_int {
    // SAFETY: the function has no preconditions; its pointer is to the calling thread's own errno.
    unsafe { *libc::__errno_location() }
}

/// Sets the errno of the calling thread.
pub(crate) fn set(errno: c_int) {
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno }
}

/// -1, with this errno.
pub(crate) fn fail(errno: c_int) -> c_int {
    set(errno);
    -1
}

/// Runs `work` and leaves the errno as it was: for what the program has not asked for.
pub(crate) fn kept<T>(work: impl FnOnce() -> T) -> T {
    let before = get();
    let result = work();
    set(before);
    result
}
