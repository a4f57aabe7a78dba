//! The hypervisor's part of V4VSockets: Xen's Argo operations, byte for byte, and our own beside them.
//!
//! Pure code without I/O: it runs inside Xen and inside the daemon `v4vd`. The machine around it is a [`Host`]; guests
//! come in through [`Hypervisor::hypercall`], domains through [`Hypervisor::domain_create`] and
//! [`Hypervisor::domain_destroy`].
//!
//! ```text
//!   hypercall ─ entry ─┬─ register, unregister ── rings of a domain ─┐
//!                      ├─ sendv ── route ─ ring ─ copy ─ publish ────┼─ events, after all locks are dropped
//!                      ├─ notify ─ pending senders                   │
//!                      └─ ours: caps, ring setup, ready page ────────┘
//! ```
//!
//! # Locks
//! The table of domains, each domain's tables and each ring have a lock of their own, and nobody holds two at once. What
//! is found under one lock is a counted reference ([`Host::Shared`]); whoever locks it later checks that it is still
//! alive. Where two tables must agree (a ring and its partner's life, a waiting sender and the list that notify
//! walks), the writer changes its side first and then looks at the other, so that one of two racing CPUs sees the
//! other. A domain id is never kept alone: a serial number beside it tells a domain from a later one with its id.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "testing")]
extern crate std;

pub mod abi;
mod delegate;
mod domain;
mod entry;
pub mod errno;
pub mod host;
pub mod limits;
mod notify;
mod pending;
mod ready;
mod register;
mod resume;
mod ring;
mod route;
mod send;
mod setup;
mod stats;
mod table;
mod teardown;
#[cfg(feature = "testing")]
pub mod testing;

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

pub use errno::Errno;
pub use host::{BitPage, Host, Lock, RingId};
pub use stats::{DomainStats, RingStats};
pub use v4v_ring::{Addr, DomId};

use domain::Domain;

/// Xen's boot parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// `argo=`: whether there is any Argo at all. Off by default, as upstream.
    pub enabled: bool,
    /// `argo=mac-permissive=`: whether wildcard rings may be registered. Off by default, as upstream.
    pub mac_permissive: bool,
    /// Rings that one domain may have, at most [`limits::MAX_RINGS_LIMIT`].
    pub max_rings: u32,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            enabled: false,
            mac_permissive: false,
            max_rings: limits::MAX_RINGS_DEFAULT,
        }
    }
}

/// The state of all domains. One exists per host machine; every method may be called from any CPU at any time.
pub struct Hypervisor<H: Host> {
    host: H,
    params: Params,
    /// Domains with Argo state, by id.
    domains: H::Lock<Vec<H::Shared<Domain<H>>>>,
    /// The next serial number of a domain or a ring; 64 bits never come round.
    serial: AtomicU64,
}

impl<H: Host> Hypervisor<H> {
    /// A hypervisor without domains.
    pub fn new(host: H, mut params: Params) -> Self {
        params.max_rings = params.max_rings.min(limits::MAX_RINGS_LIMIT);
        Self {
            host,
            params,
            domains: H::Lock::new(Vec::new()),
            serial: AtomicU64::new(1),
        }
    }

    /// The machine around.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// The parameters in force.
    pub fn params(&self) -> Params {
        self.params
    }

    fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed)
    }
}
