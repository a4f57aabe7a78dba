//! An own ring: registered when made, unregistered when dropped.

use crate::errno::Errno;
use crate::limits::{PORT_TRIES, RING_PORT_BIT, WIDE_PORT_FIRST};
use crate::platform::{Platform, Receive, RingId};
use core::sync::atomic::{AtomicBool, Ordering};
use v4v_ring::layout::{Word, state};
use v4v_ring::{Consumer, DomId, RingMem, wake};

/// A registered ring and its memory.
#[derive(Debug)]
pub struct OwnRing<P: Platform> {
    platform: P,
    id: RingId,
    mem: P::Mem,
    registered: AtomicBool,
}

impl<P: Platform> OwnRing<P> {
    /// Registers `id`.
    ///
    /// # Errors
    /// Those of [`Platform::register`].
    pub fn register(platform: P, id: RingId, len: u32, watch: Option<u32>) -> Result<Self, Errno> {
        let mem = platform.register(id, len, watch)?;
        let ring = Self {
            platform,
            id,
            mem,
            registered: AtomicBool::new(true),
        };
        // A home that maps another length than it was asked for would break every bound that is computed from it.
        if ring.mem.data_len() == len {
            Ok(ring)
        } else {
            Err(Errno::INVAL)
        }
    }

    /// Registers a connection's ring under a port that nobody else can guess.
    ///
    /// # Errors
    /// As above; [`Errno::ADDRINUSE`] only where random ports keep colliding.
    pub fn register_private(
        platform: P,
        partner: DomId,
        len: u32,
        watch: Option<u32>,
    ) -> Result<Self, Errno> {
        for _ in 0..PORT_TRIES {
            let id = RingId {
                port: private_port(platform.random()),
                partner,
            };
            match Self::register(platform.clone(), id, len, watch) {
                Err(Errno::ADDRINUSE) => {}
                outcome => return outcome,
            }
        }
        Err(Errno::ADDRINUSE)
    }

    /// Its name at the hypervisor.
    pub const fn id(&self) -> RingId {
        self.id
    }

    /// Its memory.
    #[inline]
    pub const fn mem(&self) -> &P::Mem {
        &self.mem
    }

    /// The platform that it came from.
    pub const fn platform(&self) -> &P {
        &self.platform
    }

    /// Whether what it watches is gone.
    #[inline]
    pub fn peer_gone(&self) -> bool {
        self.mem.load(Word::State) & state::PEER_GONE != 0
    }

    /// Unregisters it now; the memory stays readable.
    pub fn unregister(&self) {
        if self.registered.swap(false, Ordering::AcqRel) {
            self.platform.unregister(self.id);
        }
    }

    /// Gives read ring back to the senders and wakes those that wait for it.
    #[inline]
    pub(crate) fn publish(&self, consumer: &mut Consumer) {
        consumer.publish(&self.mem);
        let signal = wake::signal_space(&self.mem);
        if !signal.is_none() {
            self.mem.space_freed(signal);
        }
    }

    /// Gives back everything, where there is something to give back.
    pub(crate) fn publish_all(&self, consumer: &mut Consumer) {
        if consumer.unpublished(self.mem.data_len()) > 0 {
            self.publish(consumer);
        }
    }
}

impl<P: Platform> Drop for OwnRing<P> {
    fn drop(&mut self) {
        self.unregister();
    }
}

/// A ring port out of random bits. Its low 31 bits lie beyond the 16-bit ports: an unbound connector uses them as its
/// socket's port, which the hypervisor thereby keeps unique.
const fn private_port(random: u64) -> u32 {
    let span = (RING_PORT_BIT - WIDE_PORT_FIRST) as u64;
    RING_PORT_BIT | (WIDE_PORT_FIRST + (random % span) as u32)
}

/// The socket's port of an unbound connector whose ring has port `ring`.
pub(crate) const fn unbound_port(ring: u32) -> u32 {
    ring & !RING_PORT_BIT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_port_has_the_bit_and_leaves_a_wide_socket_port() {
        for random in [0, 1, u64::MAX, u64::from(u32::MAX), 1 << 31] {
            let port = private_port(random);
            assert!(port & RING_PORT_BIT != 0);
            assert!((WIDE_PORT_FIRST..RING_PORT_BIT).contains(&unbound_port(port)));
        }
    }
}
