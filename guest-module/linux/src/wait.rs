//! Sleeping until a socket has news.

use crate::glue::{self, Sk, WAIT_WORDS, raw};
use crate::stats::{self, Counter};
use core::marker::PhantomPinned;
use core::pin::Pin;
use v4v_sock::Errno;

/// No limit (`MAX_SCHEDULE_TIMEOUT`).
pub(crate) const FOREVER: i64 = i64::MAX;
/// Longest spin in microseconds, whatever the parameter says: a tick is lost to nobody.
const SPIN_MAX_US: u32 = 200;

/// One wait on a socket's queue, with what is left of its time.
///
/// The order that loses no wake-up: [`begin`](Self::begin), then look, then [`sleep`](Self::sleep). A wake-up between the
/// last two ends the sleep at once.
pub(crate) struct Waiter {
    sk: Sk,
    entry: [u64; WAIT_WORDS],
    queued: bool,
    timeout: i64,
    _pinned: PhantomPinned,
}

impl Waiter {
    /// `timeout` in jiffies; 0 does not wait.
    pub(crate) fn new(sk: Sk, timeout: i64) -> Self {
        Self {
            sk,
            entry: [0; WAIT_WORDS],
            queued: false,
            timeout,
            _pinned: PhantomPinned,
        }
    }

    /// Whether there is time to wait at all.
    ///
    /// # Errors
    /// [`Errno::AGAIN`].
    pub(crate) fn may_wait(&self) -> Result<(), Errno> {
        if self.timeout == 0 {
            Err(Errno::AGAIN)
        } else {
            Ok(())
        }
    }

    /// Enters the socket's queue, once. Where there is no time to wait: [`Errno::AGAIN`].
    pub(crate) fn begin(self: Pin<&mut Self>) -> Result<(), Errno> {
        self.may_wait()?;
        // SAFETY: nothing is moved out.
        let this = unsafe { self.get_unchecked_mut() };
        if !this.queued {
            this.queued = true;
            // SAFETY: the socket lives for the system call; the entry is pinned and leaves the queue in `drop`.
            unsafe { raw::v4v_c_wait_begin(this.sk.0, this.entry.as_mut_ptr()) };
        }
        Ok(())
    }

    /// Sleeps until a wake-up, for at most `most` jiffies. `Ok` says nothing about why it ended.
    ///
    /// # Errors
    /// [`Errno::AGAIN`] when the time is over, [`Errno::INTR`] or the kernel's restart for a signal.
    pub(crate) fn sleep(self: Pin<&mut Self>, most: i64) -> Result<(), Errno> {
        // SAFETY: nothing is moved out.
        let this = unsafe { self.get_unchecked_mut() };
        if this.timeout <= 0 {
            return Err(Errno::AGAIN);
        }
        if glue::signal_pending() {
            return Err(glue::interrupted(this.timeout));
        }
        let mut parked = false;
        let now = this.timeout.min(most);
        // SAFETY: `begin` has put the entry into the queue, where it stays until `drop`.
        let left = unsafe { raw::v4v_c_wait(this.sk.0, this.entry.as_mut_ptr(), now, &mut parked) };
        stats::count(if parked { Counter::Parks } else { Counter::Sleeps });
        if this.timeout != FOREVER {
            this.timeout -= now - left;
        }
        Ok(())
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if self.queued {
            // SAFETY: the entry is in this socket's queue.
            unsafe { raw::v4v_c_wait_end(self.sk.0, self.entry.as_mut_ptr()) }
        }
    }
}

/// Looks (`ready`) for as long as the parameter `spin_us` says; whether it became ready. Takes the time only where the first look was
/// in vain.
pub(crate) fn spin(mut ready: impl FnMut() -> bool) -> bool {
    let us = glue::spin_us().min(SPIN_MAX_US);
    if us == 0 {
        return false;
    }
    let mut end = None;
    while !glue::need_resched() && !glue::signal_pending() {
        glue::relax();
        if ready() {
            stats::count(Counter::Spins);
            return true;
        }
        let now = glue::clock_ns();
        if now >= *end.get_or_insert(now + u64::from(us) * 1000) {
            return false;
        }
    }
    false
}
