//! Another socket under a number that the program has.

use crate::fdinfo::{self, Target};
use crate::log::say;
use crate::table::{self, Sets};
use crate::{errno, next, socket};
use libc::{EPOLL_CTL_ADD, EPOLL_CTL_DEL, c_int, epoll_event};
use std::os::fd::{AsRawFd, OwnedFd};

/// Epoll sets of one socket that is not connected yet; more are left, with a line in the log.
const SETS_MAX: usize = 16;

/// Puts `new` in the place of `fd`: in this process's table, in the epoll sets that have it, and closed by `exec` or not as it was.
///
/// # Errors
/// An errno; then all is as before.
pub(crate) fn replace(fd: c_int, new: &OwnedFd) -> Result<(), c_int> {
    let registrations = Registrations::of(fd);
    let flags = if socket::is_cloexec(fd) {
        libc::O_CLOEXEC
    } else {
        0
    };
    registrations.each(|set, target| remove(set, target.fd));
    // SAFETY: numbers alone.
    let result = unsafe { next::dup3(new.as_raw_fd(), fd, flags) };
    let error = errno::get();
    registrations.each(add);
    if result >= 0 { Ok(()) } else { Err(error) }
}

/// In which epoll sets a socket is, and how.
struct Registrations {
    of: [Option<(c_int, Target)>; SETS_MAX],
}

impl Registrations {
    fn of(fd: c_int) -> Self {
        let mut registrations = Self { of: [None; SETS_MAX] };
        match table::sets(fd) {
            Sets::None => {}
            Sets::One(set) => registrations.look(set, fd),
            Sets::Many => every_descriptor(|set| registrations.look(set, fd)),
        }
        registrations
    }

    /// Looks whether the descriptor is in this set: the table's note may be old, or the set's entry that of a copy.
    fn look(&mut self, set: c_int, fd: c_int) {
        fdinfo::targets(set, |target| {
            if target.fd != fd {
                return true;
            }
            match self.of.iter_mut().find(|place| place.is_none()) {
                Some(place) => *place = Some((set, target)),
                None => say!(
                    Warn,
                    "descriptor {fd} is in more than {SETS_MAX} epoll sets: the last will not see its connection"
                ),
            }
            false
        });
    }

    fn each(&self, act: impl Fn(c_int, Target)) {
        for (set, target) in self.of.iter().flatten() {
            act(*set, *target);
        }
    }
}

fn remove(set: c_int, fd: c_int) {
    // SAFETY: a removal takes no event.
    unsafe { next::epoll_ctl(set, EPOLL_CTL_DEL, fd, std::ptr::null_mut()) };
}

fn add(set: c_int, target: Target) {
    let mut event = epoll_event {
        events: target.events,
        u64: target.data,
    };
    // SAFETY: the event is this function's.
    let added = unsafe { next::epoll_ctl(set, EPOLL_CTL_ADD, target.fd, &raw mut event) };
    if added != 0 && errno::get() == libc::EINVAL {
        // A listener's descriptor, which cannot be in a set exclusively.
        event.events &= !(libc::EPOLLEXCLUSIVE as u32);
        // SAFETY: as above.
        unsafe { next::epoll_ctl(set, EPOLL_CTL_ADD, target.fd, &raw mut event) };
    }
}

/// Calls `see` for each descriptor of this process.
pub(crate) fn every_descriptor(mut see: impl FnMut(c_int)) {
    let Ok(folder) = std::fs::read_dir("/proc/self/fd") else {
        return;
    };
    for entry in folder.flatten() {
        if let Some(fd) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
            see(fd);
        }
    }
}
