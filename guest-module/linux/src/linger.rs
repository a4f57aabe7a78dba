//! Connections whose sockets are closed while their FIN waits for room in the peer's ring.

use crate::glue;
use crate::link::Link;
use crate::sync::{Class, Global, Mutex};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};
use v4v_sock::Errno;

/// How long a peer that reads nothing is waited for, in nanoseconds; then the connection is reset. As Linux's
/// `tcp_fin_timeout`.
const PATIENCE_NS: u64 = 60_000_000_000;
/// How often they are looked at without an event, in milliseconds.
const LOOK_MS: u32 = 1000;

struct Lingering {
    link: Box<Link>,
    until: u64,
}

static LIST: Global<Mutex<Vec<Lingering>>> = Global::new();
static COUNT: AtomicU32 = AtomicU32::new(0);

/// # Errors
/// [`Errno::NOMEM`].
///
/// # Safety
/// As [`Global::set`].
pub(crate) unsafe fn init() -> Result<(), Errno> {
    // SAFETY: the caller's.
    unsafe { LIST.set(Some(Mutex::new(Class::List, Vec::new())?)) };
    Ok(())
}

/// Resets what is left.
///
/// # Safety
/// As [`Global::set`].
pub(crate) unsafe fn exit() {
    // SAFETY: the caller's.
    unsafe { LIST.set(None) };
}

/// Keeps a connection until its FIN is sent. Without memory for that it is reset, by being dropped.
pub(crate) fn keep(link: Box<Link>) {
    let Some(list) = LIST.get() else { return };
    let mut list = list.lock();
    if list.try_reserve(1).is_ok() {
        list.push(Lingering {
            link,
            until: glue::clock_ns() + PATIENCE_NS,
        });
        COUNT.store(list.len() as u32, Ordering::Release);
        glue::tick(LOOK_MS);
    }
}

/// Space may have come free. Called from the interrupt.
pub(crate) fn space_came() {
    if COUNT.load(Ordering::Acquire) > 0 {
        glue::tick(0);
    }
}

/// Tries again to send the FINs. Whether some are left.
pub(crate) fn run() -> bool {
    let Some(list) = LIST.get() else { return false };
    let mut list = list.lock();
    let now = glue::clock_ns();
    list.retain(|lingering| lingering.link.close().is_err() && now < lingering.until);
    COUNT.store(list.len() as u32, Ordering::Release);
    !list.is_empty()
}

/// When [`run`] is due again, in milliseconds.
pub(crate) const fn period() -> u32 {
    LOOK_MS
}
