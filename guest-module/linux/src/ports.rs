//! Which socket ports are taken in this guest.

use crate::glue;
use crate::sync::{Class, Global, Mutex};
use v4v_sock::{Errno, PortTable};

static PORTS: Global<Mutex<PortTable>> = Global::new();

/// # Errors
/// [`Errno::NOMEM`].
///
/// # Safety
/// As [`Global::set`].
pub(crate) unsafe fn init() -> Result<(), Errno> {
    // SAFETY: the caller's.
    unsafe { PORTS.set(Some(Mutex::new(Class::Table, PortTable::new())?)) };
    Ok(())
}

/// # Safety
/// As [`Global::set`].
pub(crate) unsafe fn exit() {
    // SAFETY: the caller's.
    unsafe { PORTS.set(None) };
}

/// A reserved port; given back when dropped.
#[derive(Debug)]
pub(crate) struct Port(u32);

impl Port {
    /// Reserves `port`, or one of the module's choice for 0.
    ///
    /// # Errors
    /// [`Errno::ACCES`] below 1024 without privilege, [`Errno::ADDRINUSE`], [`Errno::ADDRNOTAVAIL`], [`Errno::NOBUFS`].
    pub(crate) fn reserve(port: u32) -> Result<Self, Errno> {
        let mut ports = PORTS.get().ok_or(Errno::NODEV)?.lock();
        if port == 0 {
            return ports.bind_any(glue::random).map(Self);
        }
        ports.bind(port, glue::may_bind_low()).map(|()| Self(port))
    }

    pub(crate) fn number(&self) -> u32 {
        self.0
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        if let Some(ports) = PORTS.get() {
            ports.lock().release(self.0);
        }
    }
}
