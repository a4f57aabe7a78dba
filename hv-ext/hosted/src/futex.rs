//! Sleeping on a shared 32-bit word, and waking who sleeps there (`futex(2)`).

use std::io;
use std::ptr;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Sleeps while `word` holds `expected`, until a wake-up, a signal or the time-out.
///
/// Returns early for no reason now and then: the caller looks at its condition again.
///
/// # Errors
/// `TimedOut` after `timeout`; `Interrupted` where a signal came.
pub fn wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) -> io::Result<()> {
    let timeout = timeout.map(|t| libc::timespec {
        tv_sec: libc::time_t::try_from(t.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: t.subsec_nanos().into(),
    });
    let timeout_ptr = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: `word` is a live, aligned 32-bit word and `timeout_ptr` is null or points to a timespec that outlives the
    // call. The kernel writes neither.
    let r = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT,
            expected,
            timeout_ptr,
        )
    };
    if r == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        // The word has changed already: as good as a wake-up.
        Some(libc::EAGAIN) => Ok(()),
        _ => Err(error),
    }
}

/// Wakes all who sleep on `word`; returns how many.
pub fn wake_all(word: &AtomicU32) -> usize {
    // SAFETY: `word` is a live, aligned 32-bit word; FUTEX_WAKE only uses its address.
    let woken = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, i32::MAX) };
    usize::try_from(woken).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    #[test]
    fn a_changed_word_does_not_sleep() {
        wait(&AtomicU32::new(1), 2, None).expect("returns at once");
    }

    #[test]
    fn a_sleep_ends_at_its_time_out() {
        let error = wait(&AtomicU32::new(1), 1, Some(Duration::from_millis(5))).expect_err("nobody wakes");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_sleeper_is_woken() {
        let word = Arc::new(AtomicU32::new(0));
        let theirs = Arc::clone(&word);
        let sleeper = std::thread::spawn(move || {
            while theirs.load(Ordering::Acquire) == 0 {
                wait(&theirs, 0, None).expect("no signals here");
            }
        });
        word.store(1, Ordering::Release);
        wake_all(&word);
        sleeper.join().expect("woken");
    }
}
