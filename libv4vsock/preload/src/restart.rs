//! Whether a wait that a signal ended goes on.
//!
//! The kernel goes on with `accept` and `connect` after a handler of SA_RESTART, but never with `poll`, by which this library waits in
//! their place. Nobody says which signal it was; so what counts is whether any handler that may have run wants the call to end.

use libc::c_int;
use std::mem::MaybeUninit;

/// The last signal's number; the first of the real-time ones are the C library's own.
const LAST: c_int = 64;

/// Signals of faults of the program's own: no call waits while they come.
const FAULTS: [c_int; 6] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGSYS,
];

/// Whether a system call that a signal has just ended would have gone on.
pub(crate) fn goes_on() -> bool {
    let mut any = false;
    for signal in (1..=LAST).filter(|signal| !FAULTS.contains(signal)) {
        match restarts(signal) {
            Some(false) => return false,
            Some(true) => any = true,
            None => {}
        }
    }
    any
}

/// Whether a signal's handler has SA_RESTART; `None` where the signal has no handler, or is blocked here.
fn restarts(signal: c_int) -> Option<bool> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    let mut mask = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: both are asked for, and nothing is changed; zeroed bytes are a value of either.
    unsafe {
        if libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) != 0 {
            return None;
        }
        let action = action.assume_init();
        if matches!(action.sa_sigaction, libc::SIG_DFL | libc::SIG_IGN) {
            return None;
        }
        if libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), mask.as_mut_ptr()) == 0
            && libc::sigismember(mask.as_ptr(), signal) == 1
        {
            return None;
        }
        Some(action.sa_flags & libc::SA_RESTART != 0)
    }
}
