//! A guest kernel without the kernel: the socket core's platform over the hypervisor core.
//!
//! Rings are registered, messages sent and waiters armed with the very hypercalls that a guest makes; no memory is shared
//! between two guests. What `libv4vsock` does hosted (delegated rings) is not in here.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use v4v_hv::abi::{FLAG_FAIL_EXIST, NO_SLOT, OP_SENDV, RingSetup, ring_flags, setup_flags};
use v4v_hv::testing::{Guest, TestHost, TestMem, domains};
use v4v_hv::{Hypervisor, Params};
use v4v_ring::layout::{MESSAGE_HEADER, SLOT};
use v4v_ring::{Addr, DomId};
use v4v_sock::limits::packet_max;
use v4v_sock::{Errno, Platform, RingId};

use crate::{Pages, Sendv};

/// One guest with its sockets.
#[derive(Clone)]
pub struct Home {
    /// The guest: for hypercalls that no kernel would make.
    pub guest: Guest,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// The next ring's first frame, and the next random number.
    next: AtomicU64,
    /// Ring memory is destroyed as it is read: see [`Home::read_once`].
    read_once: AtomicBool,
}

impl Home {
    /// Homes of these domains on one machine, with wildcard rings allowed.
    #[must_use]
    pub fn boot<const N: usize>(ids: [u16; N]) -> [Self; N] {
        Self::on(&TestHost::boot(), ids)
    }

    /// The same, where a domain may have only so many rings.
    #[must_use]
    pub fn boot_with_rings<const N: usize>(max_rings: u32, ids: [u16; N]) -> [Self; N] {
        let params = Params {
            enabled: true,
            mac_permissive: true,
            max_rings,
        };
        Self::on(&TestHost::boot_with(params), ids)
    }

    /// Homes of new domains on a machine that runs.
    #[must_use]
    pub fn on<const N: usize>(hv: &Arc<Hypervisor<TestHost>>, ids: [u16; N]) -> [Self; N] {
        domains(hv, ids).map(|guest| Self {
            guest,
            shared: Arc::default(),
        })
    }

    /// From now on whatever is read from this home's rings is overwritten at once: reading it twice finds garbage.
    pub fn read_once(&self) {
        self.shared.read_once.store(true, Ordering::Relaxed);
    }

    pub(crate) fn reads_once(&self) -> bool {
        self.shared.read_once.load(Ordering::Relaxed)
    }

    /// The machine.
    #[must_use]
    pub fn host(&self) -> &TestHost {
        self.guest.hv.host()
    }

    /// Its rings.
    #[must_use]
    pub fn rings(&self) -> usize {
        let mut rings = 0;
        self.guest
            .hv
            .for_each_domain(|d| rings += usize::from(d.id == self.guest.id) * d.rings);
        rings
    }

    /// Whether it was signalled since somebody last asked about anybody.
    #[must_use]
    pub fn signalled(&self) -> bool {
        self.host().signalled().contains(&self.guest.id)
    }

    /// The memory of a ring by its first frame.
    fn register_fresh(&self, ring: RingId, len: u32) -> Result<TestMem, Errno> {
        // A thousand pages apart: no ring of a test is longer.
        let gfn = (self.shared.next.fetch_add(1, Ordering::Relaxed) + 1) << 10;
        match done(
            self.guest
                .register_on(ring.port, ring.partner, len, gfn, FLAG_FAIL_EXIST),
        ) {
            Err(Errno::EXIST) => Err(Errno::ADDRINUSE),
            Err(e) => Err(e),
            Ok(_) => self.host().frame(self.guest.id, gfn).ok_or(Errno::NOMEM),
        }
    }

    fn set_up(&self, ring: RingId, flags: u32, watch_port: u32) -> Result<(), Errno> {
        let RingId { port, partner } = ring;
        let setup = RingSetup {
            port,
            partner,
            pad: 0,
            flags,
            ready_slot: NO_SLOT,
            watch_port,
        };
        done(self.guest.setup(&setup)).map(drop)
    }

    fn own_mem(&self, ring: RingId) -> Result<TestMem, Errno> {
        let id = self.guest.ring(ring.port, ring.partner);
        self.guest.hv.ring_mem(id).map_err(|e| Errno(e.code().into()))
    }

    /// One message from these buffers.
    pub(crate) fn sendv(&self, from: u32, to: Addr, kind: u32, parts: &[&[u8]]) -> Result<(), Errno> {
        let mut at = Guest::DATA;
        let mut iovs = Vec::new();
        for part in parts {
            let len = u32::try_from(part.len()).map_err(|_| Errno::MSGSIZE)?;
            self.guest.poke(at, part);
            iovs.push((at, len, 0));
            at += u64::from(len);
        }
        self.guest.put_addr(Addr::new(self.guest.id, from), to);
        self.guest.put_iovs(&iovs);
        let returned = self.guest.call(
            OP_SENDV,
            Guest::STRUCT,
            Guest::IOVS,
            iovs.len() as u64,
            kind.into(),
        );
        done(returned).map(drop)
    }
}

/// A hypercall's return as the socket core's error.
fn done(returned: i64) -> Result<i64, Errno> {
    match i32::try_from(-returned) {
        Ok(errno) if errno > 0 => Err(Errno(errno)),
        _ => Ok(returned),
    }
}

impl Platform for Home {
    type Mem = Pages;
    type Tx = Sendv;

    fn domain(&self) -> DomId {
        self.guest.id
    }

    fn privileged(&self) -> bool {
        true
    }

    fn register(&self, ring: RingId, len: u32, watch: Option<u32>) -> Result<Pages, Errno> {
        let mem = self.register_fresh(ring, len)?;
        let flags = watch.map_or(setup_flags::USE_FLAGS, |_| {
            setup_flags::USE_FLAGS | setup_flags::SET_WATCH
        });
        if let Err(e) = self.set_up(ring, flags, watch.unwrap_or(0)) {
            self.unregister(ring);
            return Err(e);
        }
        Ok(Pages {
            mem,
            home: self.clone(),
        })
    }

    fn unregister(&self, ring: RingId) {
        self.guest.unregister(ring.port, ring.partner);
    }

    fn watch(&self, ring: RingId, port: u32) -> Result<(), Errno> {
        self.set_up(ring, setup_flags::SET_WATCH, port)
    }

    fn open(&self, own: RingId, remote: Addr, len: u32) -> Result<Sendv, Errno> {
        let (returned, flags, max) = self.guest.ask(remote, 0);
        done(returned)?;
        if flags & ring_flags::EXISTS == 0 || flags & ring_flags::SHARED != 0 {
            return Err(Errno::CONNREFUSED);
        }
        if max.checked_add(MESSAGE_HEADER + SLOT) != Some(len) {
            return Err(Errno::INVAL);
        }
        let own_mem = Pages {
            mem: self.own_mem(own)?,
            home: self.clone(),
        };
        let home = self.clone();
        Ok(Sendv {
            home,
            own,
            own_mem,
            to: remote,
            largest: packet_max(len),
        })
    }

    fn send_message(&self, from: u32, to: Addr, kind: u32, payload: &[&[u8]]) -> Result<(), Errno> {
        self.sendv(from, to, kind, payload)
    }

    fn random(&self) -> u64 {
        // SplitMix64's step (Steele, Lea, Flood 2014): spread, and the same in every run.
        let n = self.shared.next.fetch_add(1, Ordering::Relaxed) ^ u64::from(self.guest.id.0) << 32;
        let n = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (n ^ (n >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9)
    }
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Home").field(&self.guest.id).finish()
    }
}
