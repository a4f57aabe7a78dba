//! Descriptors of this library's own, out of the program's way.

use crate::next;
use libc::c_int;
use std::mem::MaybeUninit;

/// The number from which they are, where a process may have so many.
const FIRST: u64 = 960;

/// A copy under a high number; -1 where there can be none.
pub(crate) fn copy(fd: c_int, cloexec: bool) -> c_int {
    let command = if cloexec {
        libc::F_DUPFD_CLOEXEC
    } else {
        libc::F_DUPFD
    };
    // SAFETY: the argument is the least number.
    let high = unsafe { next::fcntl(fd, command, first()) };
    if high >= 0 {
        return high;
    }
    // All of those are taken.
    // SAFETY: as above.
    unsafe { next::fcntl(fd, command, 3) }
}

fn first() -> libc::c_ulong {
    let mut limit = MaybeUninit::<libc::rlimit>::zeroed();
    // SAFETY: the kernel writes a limit, and zeroed bytes are one.
    let most = unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, limit.as_mut_ptr());
        limit.assume_init().rlim_cur
    };
    // An eighth of a small table is left for them.
    FIRST.min(most - most / 8)
}
