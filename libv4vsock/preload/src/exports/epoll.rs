//! Epoll sets: what is in them is noted, for sockets that become V4V's later.

use crate::listener::behind;
use crate::{next, table};
use libc::{EPOLL_CTL_ADD, EPOLLEXCLUSIVE, c_int, epoll_event};

/// As the C library's.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn epoll_ctl(
    set: c_int,
    operation: c_int,
    fd: c_int,
    event: *mut epoll_event,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        if behind(fd).is_some() && !event.is_null() {
            // A listener's descriptor is a set itself, and the kernel refuses such a one exclusively. Without it a connection wakes
            // more who wait, and one of them gets it.
            let mut shared = event.read_unaligned();
            shared.events &= !(EPOLLEXCLUSIVE as u32);
            return next::epoll_ctl(set, operation, fd, &raw mut shared);
        }
        let result = next::epoll_ctl(set, operation, fd, event);
        if result == 0 && operation == EPOLL_CTL_ADD {
            table::note_set(fd, set);
        }
        result
    }
}
