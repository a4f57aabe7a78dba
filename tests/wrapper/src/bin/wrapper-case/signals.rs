//! Signals and cancellation while a call waits.

use crate::Case;
use crate::place::{Place, talk};
use crate::sys::{check, errno};
use libc::{c_int, c_void};
use std::os::fd::AsRawFd;
use std::thread::{scope, sleep};
use std::time::Duration;

pub(crate) const CASES: &[Case] = &[
    ("accept_goes_on_after_a_signal", goes_on),
    ("accept_ends_with_a_signal", ends),
    ("a_thread_is_cancelled_in_accept", cancelled),
    ("a_write_without_a_reader_is_sigpipe", sigpipe),
];

extern "C" fn nothing(_: c_int) {}

/// Has SIGALRM come soon, and be handled with these flags.
fn alarm(flags: c_int) {
    // SAFETY: the action and the timer are this function's, and the handler does nothing.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as extern "C" fn(c_int) as usize;
        action.sa_flags = flags;
        check(libc::sigaction(
            libc::SIGALRM,
            &raw const action,
            std::ptr::null_mut(),
        ))
        .expect("sigaction");
        let soon = libc::itimerval {
            it_interval: libc::timeval {
                tv_sec: 0,
                tv_usec: 0,
            },
            it_value: libc::timeval {
                tv_sec: 0,
                tv_usec: 100_000,
            },
        };
        check(libc::setitimer(
            libc::ITIMER_REAL,
            &raw const soon,
            std::ptr::null_mut(),
        ))
        .expect("setitimer");
    }
}

/// `accept` once, without the loop of Rust's library.
fn accept(fd: c_int) -> std::io::Result<c_int> {
    // SAFETY: null pointers ask for no address.
    check(unsafe { libc::accept(fd, std::ptr::null_mut(), std::ptr::null_mut()) })
}

fn goes_on(place: &Place) {
    let listener = place.listen();
    scope(|threads| {
        // The signal is for the thread that waits: the other blocks it, by being made while it is blocked.
        let caller = with_alarm_blocked(|| {
            threads.spawn(|| {
                sleep(Duration::from_millis(400));
                place.connect(&listener)
            })
        });
        alarm(libc::SA_RESTART);
        let called = accept(listener.as_raw_fd()).expect("accept goes on");
        place.check(called);
        drop(caller.join().expect("a thread"));
    });
}

fn with_alarm_blocked<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: the set is this function's.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigaddset(&raw mut set, libc::SIGALRM);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        let result = work();
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut());
        result
    }
}

fn ends(place: &Place) {
    let listener = place.listen();
    alarm(0);
    let error = accept(listener.as_raw_fd()).expect_err("a signal");
    assert_eq!(errno(&error), libc::EINTR);
    let (caller, called) = place.pair(&listener);
    talk(&caller, &called);
}

unsafe extern "C-unwind" {
    #[link_name = "accept"]
    fn accept_cancellable(fd: c_int, address: *mut c_void, len: *mut c_void) -> c_int;
    fn pthread_cancel(thread: libc::pthread_t) -> c_int;
    fn pthread_create(
        thread: *mut libc::pthread_t,
        attributes: *const c_void,
        start: extern "C-unwind" fn(*mut c_void) -> *mut c_void,
        argument: *mut c_void,
    ) -> c_int;
}

extern "C-unwind" fn wait_for_ever(fd: *mut c_void) -> *mut c_void {
    // SAFETY: null pointers ask for no address.
    unsafe { accept_cancellable(fd.addr() as c_int, std::ptr::null_mut(), std::ptr::null_mut()) };
    std::ptr::null_mut()
}

fn cancelled(place: &Place) {
    let listener = place.listen();
    let mut thread: libc::pthread_t = 0;
    let mut outcome = std::ptr::null_mut();
    // SAFETY: the thread takes a number, and is joined here.
    unsafe {
        let fd = std::ptr::without_provenance_mut(listener.as_raw_fd() as usize);
        assert_eq!(
            pthread_create(&raw mut thread, std::ptr::null(), wait_for_ever, fd),
            0
        );
        sleep(Duration::from_millis(100));
        assert_eq!(pthread_cancel(thread), 0);
        assert_eq!(libc::pthread_join(thread, &raw mut outcome), 0);
    }
    // PTHREAD_CANCELED.
    assert_eq!(outcome.addr(), usize::MAX);
    let (caller, called) = place.pair(&listener);
    talk(&caller, &called);
}

fn sigpipe(place: &Place) {
    use std::io::{Read, Write};
    use std::sync::atomic::{AtomicBool, Ordering};
    static CAME: AtomicBool = AtomicBool::new(false);
    extern "C" fn note(_: c_int) {
        CAME.store(true, Ordering::Relaxed);
    }
    // SAFETY: the handler stores to an atomic.
    unsafe { libc::signal(libc::SIGPIPE, note as extern "C" fn(c_int) as usize) };
    let listener = place.listen();
    let (mut caller, called) = place.pair(&listener);
    drop(called);
    assert_eq!(caller.read(&mut [0]).expect("the end"), 0);
    // TCP hears of it with the answer to the first write.
    let error = (0..100).find_map(|_| {
        sleep(Duration::from_millis(5));
        // SAFETY: one byte, which is there.
        let sent = unsafe { libc::write(caller.as_raw_fd(), b"x".as_ptr().cast(), 1) };
        (sent < 0).then(std::io::Error::last_os_error)
    });
    assert!(error.is_some_and(|e| matches!(errno(&e), libc::EPIPE | libc::ECONNRESET)));
    let _ = caller.write(b"x");
    assert!(CAME.load(Ordering::Relaxed));
}
