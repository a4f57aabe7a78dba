//! All sockets, for /proc/net/v4v and for resuming.

use crate::socket::Socket;
use crate::sync::{Class, Global, Guard, Mutex};
use alloc::vec::Vec;
use v4v_sock::Errno;

static SOCKETS: Global<Mutex<Vec<Entry>>> = Global::new();

/// A socket in the list; it leaves the list before it goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry(*const Socket);

/// # Errors
/// [`Errno::NOMEM`].
///
/// # Safety
/// As [`Global::set`].
pub(crate) unsafe fn init() -> Result<(), Errno> {
    // SAFETY: the caller's.
    unsafe { SOCKETS.set(Some(Mutex::new(Class::List, Vec::new())?)) };
    Ok(())
}

/// # Safety
/// As [`Global::set`].
pub(crate) unsafe fn exit() {
    // SAFETY: the caller's.
    unsafe { SOCKETS.set(None) };
}

fn sockets() -> Result<Guard<'static, Vec<Entry>>, Errno> {
    SOCKETS.get().map(Mutex::lock).ok_or(Errno::NODEV)
}

/// Adds a socket.
///
/// # Errors
/// [`Errno::NOMEM`].
///
/// # Safety
/// The socket stays where it is until [`remove`].
pub(crate) unsafe fn add(socket: *const Socket) -> Result<(), Errno> {
    let mut sockets = sockets()?;
    sockets.try_reserve(1)?;
    sockets.push(Entry(socket));
    Ok(())
}

/// Takes a socket out.
pub(crate) fn remove(socket: *const Socket) {
    if let Ok(mut sockets) = sockets()
        && let Some(at) = sockets.iter().position(|entry| *entry == Entry(socket))
    {
        sockets.swap_remove(at);
    }
}

/// Calls `visit` with each socket, none of which goes meanwhile.
pub(crate) fn each(mut visit: impl FnMut(&Socket)) {
    let Ok(sockets) = sockets() else { return };
    for entry in sockets.iter() {
        // SAFETY: what is in the list is alive while the list is locked.
        visit(unsafe { &*entry.0 });
    }
}
