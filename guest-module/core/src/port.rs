//! Which socket ports are taken in this home.
//!
//! The hypervisor knows the ports of listeners and datagram sockets, which have rings; this table also knows those that were
//! only bound. Stream, packet and datagram sockets share one space, because one port is one wildcard ring.

use crate::errno::Errno;
use crate::limits::{
    EPHEMERAL_FIRST, EPHEMERAL_LAST, PORT_TRIES, PORTS_MAX, PRIVILEGED_PORTS, RING_PORT_BIT, WIDE_PORT_FIRST,
};
use alloc::vec::Vec;

/// The ports that are taken, in order.
#[derive(Debug, Default)]
pub struct PortTable {
    taken: Vec<u32>,
}

/// Whether a socket may be bound to `port`, whatever is taken.
///
/// # Errors
/// [`Errno::ADDRNOTAVAIL`] for ports that belong to rings, [`Errno::ACCES`] for one below [`PRIVILEGED_PORTS`] without privilege.
pub const fn check(port: u32, privileged: bool) -> Result<(), Errno> {
    if port & RING_PORT_BIT != 0 {
        return Err(Errno::ADDRNOTAVAIL);
    }
    if port < PRIVILEGED_PORTS && !privileged {
        return Err(Errno::ACCES);
    }
    Ok(())
}

impl PortTable {
    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        Self { taken: Vec::new() }
    }

    /// Takes `port`; 0 is no port (see [`bind_any`](Self::bind_any)).
    ///
    /// # Errors
    /// [`Errno::INVAL`] for 0, those of [`check`], [`Errno::ADDRINUSE`], [`Errno::NOBUFS`] for a full table, [`Errno::NOMEM`].
    pub fn bind(&mut self, port: u32, privileged: bool) -> Result<(), Errno> {
        if port == 0 {
            return Err(Errno::INVAL);
        }
        check(port, privileged)?;
        let Err(at) = self.taken.binary_search(&port) else {
            return Err(Errno::ADDRINUSE);
        };
        if self.taken.len() >= PORTS_MAX {
            return Err(Errno::NOBUFS);
        }
        self.taken.try_reserve(1)?;
        self.taken.insert(at, port);
        Ok(())
    }

    /// Takes a port for a user who does not care: a random one of the dynamic ports, else the next that is free, else a
    /// random one beyond 16 bits. A caller whom the hypervisor then tells `EADDRINUSE` releases it and calls again.
    ///
    /// # Errors
    /// As [`bind`](Self::bind); [`Errno::ADDRINUSE`] only with both ranges crowded.
    pub fn bind_any(&mut self, random: impl Fn() -> u64) -> Result<u32, Errno> {
        let port = self
            .free_dynamic(random())
            .or_else(|| self.free_wide(random))
            .ok_or(Errno::ADDRINUSE)?;
        self.bind(port, true)?;
        Ok(port)
    }

    /// Gives a port back.
    pub fn release(&mut self, port: u32) {
        if let Ok(at) = self.taken.binary_search(&port) {
            self.taken.remove(at);
        }
    }

    /// Whether a port is taken.
    #[must_use]
    pub fn is_taken(&self, port: u32) -> bool {
        self.taken.binary_search(&port).is_ok()
    }

    /// Ports that are taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.taken.len()
    }

    /// Whether no port is taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    fn free_dynamic(&self, random: u64) -> Option<u32> {
        let span = EPHEMERAL_LAST - EPHEMERAL_FIRST + 1;
        let start = (random % u64::from(span)) as u32;
        (0..span)
            .map(|i| EPHEMERAL_FIRST + (start + i) % span)
            .find(|port| !self.is_taken(*port))
    }

    fn free_wide(&self, random: impl Fn() -> u64) -> Option<u32> {
        let span = u64::from(RING_PORT_BIT - WIDE_PORT_FIRST);
        (0..PORT_TRIES)
            .map(|_| WIDE_PORT_FIRST + (random() % span) as u32)
            .find(|port| !self.is_taken(*port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_taken_once_and_free_again_after_release() {
        let mut ports = PortTable::new();
        assert_eq!(ports.bind(5000, false), Ok(()));
        assert_eq!(ports.bind(5000, true), Err(Errno::ADDRINUSE));
        ports.release(5000);
        assert_eq!(ports.bind(5000, false), Ok(()));
        assert_eq!(ports.len(), 1);
    }

    #[test]
    fn ports_below_1024_need_a_privilege() {
        let mut ports = PortTable::new();
        assert_eq!(ports.bind(1023, false), Err(Errno::ACCES));
        assert_eq!(ports.bind(1023, true), Ok(()));
        assert_eq!(ports.bind(1024, false), Ok(()));
    }

    #[test]
    fn ring_ports_and_zero_cannot_be_bound() {
        let mut ports = PortTable::new();
        assert_eq!(ports.bind(RING_PORT_BIT, true), Err(Errno::ADDRNOTAVAIL));
        assert_eq!(ports.bind(u32::MAX, true), Err(Errno::ADDRNOTAVAIL));
        assert_eq!(ports.bind(0, true), Err(Errno::INVAL));
        assert!(ports.is_empty());
    }

    #[test]
    fn dynamic_ports_come_first_and_probing_goes_round() {
        let mut ports = PortTable::new();
        let last = || u64::from(EPHEMERAL_LAST - EPHEMERAL_FIRST);
        assert_eq!(ports.bind_any(last), Ok(EPHEMERAL_LAST));
        assert_eq!(ports.bind_any(last), Ok(EPHEMERAL_FIRST));
    }

    #[test]
    fn wide_ports_follow_when_the_dynamic_ones_are_taken() {
        let mut ports = PortTable::new();
        for port in EPHEMERAL_FIRST..=EPHEMERAL_LAST {
            ports.bind(port, false).unwrap();
        }
        assert_eq!(ports.bind_any(|| 7), Ok(WIDE_PORT_FIRST + 7));
        assert_eq!(ports.bind_any(|| 7), Err(Errno::ADDRINUSE));
    }
}
