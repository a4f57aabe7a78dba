//! Waiting with poll and epoll, and what "in bounded time" means.

use crate::sys;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// What must happen promptly happens within this, on a busy machine too.
pub(crate) const PROMPT: Duration = Duration::from_secs(5);
/// How long a side looks on to be fairly sure that something does not happen.
pub(crate) const QUIET: Duration = Duration::from_millis(100);
/// How long a side sleeps so that the other is surely waiting by then.
pub(crate) const HEAD_START: Duration = Duration::from_millis(100);

/// What a descriptor is ready for: bits of `poll(2)`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ready(i16);

impl Ready {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const IN: Self = Self(libc::POLLIN);
    pub(crate) const OUT: Self = Self(libc::POLLOUT);
    pub(crate) const RDHUP: Self = Self(libc::POLLRDHUP);
    pub(crate) const HUP: Self = Self(libc::POLLHUP);
    pub(crate) const ERR: Self = Self(libc::POLLERR);

    /// These and those.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are there.
    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether one of `other` is there.
    pub(crate) const fn has_any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (Self::IN, "IN"),
            (Self::OUT, "OUT"),
            (Self::RDHUP, "RDHUP"),
            (Self::HUP, "HUP"),
            (Self::ERR, "ERR"),
        ];
        let names: Vec<_> = all
            .iter()
            .filter(|(bit, _)| self.has(*bit))
            .map(|(_, name)| *name)
            .collect();
        write!(f, "[{}]", names.join(" "))
    }
}

/// What `fd` is ready for at this moment.
#[track_caller]
pub(crate) fn ready_now(fd: impl AsFd) -> Ready {
    ready_within(fd, Ready::IN.and(Ready::OUT).and(Ready::RDHUP), Duration::ZERO)
}

/// What of `wanted` (and of HUP and ERR) `fd` is ready for once it is, or after `wait`.
#[track_caller]
pub(crate) fn ready_within(fd: impl AsFd, wanted: Ready, wait: Duration) -> Ready {
    Ready(sys::poll(fd, wanted.0, wait).expect("poll"))
}

/// Waits until `fd` is ready for all of `wanted`.
#[track_caller]
pub(crate) fn await_ready(fd: impl AsFd, wanted: Ready) -> Ready {
    let end = Instant::now() + PROMPT;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let ready = ready_within(&fd, wanted, left);
        if ready.has(wanted) {
            return ready;
        }
        assert!(!left.is_zero(), "not {wanted:?} within {PROMPT:?} but {ready:?}");
        // Part of it is there, so poll does not wait for the rest.
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Checks that `fd` does not become ready for any of `unwanted` for a while.
#[track_caller]
pub(crate) fn stays_unready(fd: impl AsFd, unwanted: Ready) {
    let ready = ready_within(fd, unwanted, QUIET);
    assert!(!ready.has_any(unwanted), "{ready:?} although nothing happened");
}

/// Checks that `action` is done promptly, and returns what it returns.
#[track_caller]
pub(crate) fn promptly<T>(action: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = action();
    let took = start.elapsed();
    assert!(took < PROMPT, "took {took:?}");
    result
}

/// Repeats `action` until it says something, promptly.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut action: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PROMPT;
    loop {
        if let Some(result) = action() {
            return result;
        }
        assert!(Instant::now() < end, "no {what} within {PROMPT:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whether an error says "not now": `EAGAIN`, which a timeout says too.
pub(crate) fn would_block(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// Checks that a call said "not now".
#[track_caller]
pub(crate) fn expect_would_block<T: fmt::Debug>(result: io::Result<T>) {
    let error = result.expect_err("would block");
    assert!(would_block(&error), "{error:?} instead of EAGAIN");
}

/// An epoll instance.
pub(crate) struct Poller(Epoll);

impl Poller {
    pub(crate) fn new() -> Self {
        Self(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("epoll_create"))
    }

    /// An instance that watches `fd` for `flags`.
    pub(crate) fn of(fd: impl AsFd, flags: EpollFlags) -> Self {
        let poller = Self::new();
        poller.add(fd, flags, 0);
        poller
    }

    /// Watches `fd` too; events say `token`.
    pub(crate) fn add(&self, fd: impl AsFd, flags: EpollFlags, token: u64) {
        self.0
            .add(fd, EpollEvent::new(flags, token))
            .expect("EPOLL_CTL_ADD");
    }

    /// Watches `fd` anew.
    pub(crate) fn rearm(&self, fd: impl AsFd, flags: EpollFlags) {
        self.0
            .modify(fd, &mut EpollEvent::new(flags, 0))
            .expect("EPOLL_CTL_MOD");
    }

    /// Events within `wait`.
    pub(crate) fn wait(&self, wait: Duration) -> Vec<EpollEvent> {
        let mut events = [EpollEvent::empty(); 64];
        let wait = u16::try_from(wait.as_millis()).unwrap_or(u16::MAX);
        let n = self.0.wait(&mut events, wait).expect("epoll_wait");
        events[..n].to_vec()
    }

    /// The one event that comes promptly.
    #[track_caller]
    pub(crate) fn event(&self) -> EpollFlags {
        match self.wait(PROMPT)[..] {
            [event] => event.events(),
            ref other => panic!("{} events instead of one", other.len()),
        }
    }

    /// Checks that no event comes for a while.
    #[track_caller]
    pub(crate) fn quiet(&self) {
        let events = self.wait(QUIET);
        assert!(events.is_empty(), "{events:?} although nothing happened");
    }
}
