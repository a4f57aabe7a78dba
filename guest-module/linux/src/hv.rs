//! The hypervisor that this guest runs on: what it can do, and who the guest is there.

use crate::glue;
use crate::hypercall;
use crate::mem::{error, info};
use core::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use v4v_ring::layout::RING_LEN_USABLE;
use v4v_ring::{Addr, DomId};
use v4v_sock::Errno;

/// Rings that upstream's Argo allows a domain (`MAX_RINGS_PER_DOMAIN` of its `argo.c`).
const UPSTREAM_RINGS: u32 = 128;
/// Most slots that a ready page holds.
const SLOTS_MAX: u32 = 32_256;

const READY: u32 = 1;
const WATCH: u32 = 2;
const FLAGS: u32 = 4;

static DOMAIN: AtomicU16 = AtomicU16::new(0);
static FEATURES: AtomicU32 = AtomicU32::new(0);

/// The own domain's id.
pub(crate) fn domain() -> DomId {
    DomId(DOMAIN.load(Ordering::Relaxed))
}

/// Whether Xen looks at the Event and Space words.
#[inline]
pub(crate) fn has_flags() -> bool {
    FEATURES.load(Ordering::Relaxed) & FLAGS != 0
}

/// Whether Xen tells which rings are ready.
pub(crate) fn has_ready() -> bool {
    FEATURES.load(Ordering::Relaxed) & READY != 0
}

/// Whether Xen tells when a peer goes.
pub(crate) fn has_watch() -> bool {
    FEATURES.load(Ordering::Relaxed) & WATCH != 0
}

/// Finds out who and where this guest is. Returns the rings that it may have.
///
/// # Errors
/// [`Errno::OPNOTSUPP`] and others where Argo is not to be had; the log says why.
pub(crate) fn probe() -> Result<u32, Errno> {
    learn_domain()?;
    check_argo()?;
    let rings = match hypercall::caps() {
        Ok(caps) if caps.version >= 1 => {
            FEATURES.store(caps.features & (READY | WATCH | FLAGS), Ordering::Relaxed);
            info!(
                "domain {}, Xen with our extension: {} rings",
                domain(),
                caps.max_rings
            );
            caps.max_rings.min(caps.ready_slots)
        }
        _ => {
            info!("domain {}, Xen with plain Argo: {UPSTREAM_RINGS} rings", domain());
            UPSTREAM_RINGS
        }
    };
    Ok(rings.clamp(1, SLOTS_MAX))
}

/// Asks for the own id: when loaded, and again after the domain was moved.
pub(crate) fn learn_domain() -> Result<(), Errno> {
    let id =
        glue::domain_id().inspect_err(|e| error!("Xen does not say which domain this is: error {}", e.0))?;
    DOMAIN.store(id, Ordering::Relaxed);
    Ok(())
}

/// A message from the own address to a domain that cannot be says [`Errno::SRCH`] where all is well.
fn check_argo() -> Result<(), Errno> {
    let nobody = Addr::new(DomId(DomId::FIRST_RESERVED), 1);
    match hypercall::sendv(1, nobody, 0, &[], false) {
        Err(Errno::SRCH) | Ok(()) => Ok(()),
        Err(e) => {
            error!("{}", complaint(e));
            Err(e)
        }
    }
}

fn complaint(e: Errno) -> &'static str {
    match e.0 {
        38 => "this Xen was built without Argo: it needs CONFIG_ARGO=y",
        95 => "Argo is switched off: boot Xen with argo=1,mac-permissive=1",
        1 | 13 => "Xen's security policy forbids this domain to use Argo",
        _ => "Xen's Argo refuses this domain",
    }
}

/// Data bytes of a ring of about `bytes` in all.
pub(crate) fn ring_len(bytes: u32) -> u32 {
    use v4v_ring::layout::{PAGE, RING_HEADER, pages};
    let bytes = bytes.clamp(PAGE, RING_LEN_USABLE + RING_HEADER);
    pages(bytes - RING_HEADER) * PAGE - RING_HEADER
}
