//! Whether this process was forked: a socket of the parent's is not the child's.
//!
//! A hosted socket is memory of one process: where it reads and writes next is known there alone. A child that went on with a
//! copy would spoil both, so its calls fail, and dropping its copy does nothing that the parent or the peer could notice.

use crate::hosted::line::cookie;
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// Forks between the first process of this program and this one.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// The number of the connection to the daemon. -1: none yet.
static CONNECTION: AtomicI32 = AtomicI32::new(-1);
/// What tells the connection from another socket under its number, see [`cookie`].
static COOKIE: AtomicU64 = AtomicU64::new(0);

/// A process among its ancestors. The default is the one that has not forked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation(u32);

impl Generation {
    /// This process's. From the first call on, forks are counted.
    pub(crate) fn current() -> Self {
        static WATCH: Once = Once::new();
        WATCH.call_once(|| {
            // SAFETY: the handler only counts in an atomic, which is safe in a child of a process with threads.
            let error = unsafe { libc::pthread_atfork(None, None, Some(count)) };
            if error != 0 {
                let error = io::Error::from_raw_os_error(error);
                log::warn!("forks of this process go unnoticed ({error}): do not use its sockets in a child");
            }
        });
        Self(GENERATION.load(Ordering::Relaxed))
    }

    /// Whether this is still the same process.
    #[inline]
    pub(crate) fn is_current(self) -> bool {
        self.0 == GENERATION.load(Ordering::Relaxed)
    }

    /// An error where it is not.
    #[inline]
    pub(crate) fn check(self) -> io::Result<()> {
        if self.is_current() {
            Ok(())
        } else {
            Err(inherited())
        }
    }
}

/// Has a child lose `connection`. Else the daemon would not see this process's end as long as a child lives, which need not know that
/// it has the connection.
pub(crate) fn keep_from_children(connection: BorrowedFd<'_>) {
    COOKIE.store(cookie(connection).unwrap_or(0), Ordering::Relaxed);
    CONNECTION.store(connection.as_raw_fd(), Ordering::Relaxed);
}

/// Runs in each child, right after the fork.
extern "C" fn count() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    let connection = CONNECTION.swap(-1, Ordering::Relaxed);
    if connection < 0 {
        return;
    }
    // SAFETY: borrowed for one system call, which may be made here; a number under which nothing is open makes it fail.
    let borrowed = unsafe { BorrowedFd::borrow_raw(connection) };
    // The program may have closed it, and opened something else in its place.
    if cookie(borrowed) == Some(COOKIE.load(Ordering::Relaxed)) {
        // SAFETY: the child's copy of the library's own descriptor. Its [`Line`](crate::hosted::line::Line) sees that it is gone.
        unsafe { libc::close(connection) };
    }
}

/// A value of each process's own: a child begins with a new one, and so never waits for a lock that a thread held which is not there.
pub(crate) struct PerProcess<T: 'static>(AtomicPtr<(Generation, T)>);

impl<T: Default + Sync + 'static> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// This process's.
    pub(crate) fn get(&self) -> &'static T {
        let now = Generation::current();
        let mut seen = self.0.load(Ordering::Acquire);
        loop {
            // SAFETY: it is null or was leaked below, and nobody ever changes or frees what is published here.
            if let Some((generation, value)) = unsafe { seen.as_ref() }
                && *generation == now
            {
                return value;
            }
            let fresh = Box::into_raw(Box::new((now, T::default())));
            match self
                .0
                .compare_exchange(seen, fresh, Ordering::AcqRel, Ordering::Acquire)
            {
                // SAFETY: just made, and published for ever.
                Ok(_) => return unsafe { &(*fresh).1 },
                Err(other) => {
                    // SAFETY: just made, and nobody else has seen it.
                    drop(unsafe { Box::from_raw(fresh) });
                    seen = other;
                }
            }
        }
    }
}

impl<T> fmt::Debug for PerProcess<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PerProcess")
    }
}

#[cold]
fn inherited() -> io::Error {
    crate::error::with_reason(
        libc::EOPNOTSUPP,
        "this hosted V4V socket belongs to the parent of this process: open one here, or hand the work to a thread",
    )
}
