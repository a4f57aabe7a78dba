//! After the domain was saved and restored, or moved: Xen knows none of its rings any more, and it may have another id.

use crate::hv;
use crate::hypercall;
use crate::irq;
use crate::mem::{error, info};
use crate::ring::KernelRing;
use crate::table;
use v4v_sock::Errno;

/// Registers wildcard rings anew, so that listeners and datagram sockets go on; connections are lost. Where the suspend was
/// given up, Xen has everything still, and nothing changes.
pub(crate) fn resume() {
    let before = hv::domain();
    if hv::learn_domain().is_err() {
        return;
    }
    if let Err(e) = irq::offer() {
        error!("Xen does not take the ready page after the resume: error {}", e.0);
    }
    let (mut slot, mut kept, mut lost) = (0, 0_u32, 0_u32);
    while let Some((at, ring)) = table::next(slot) {
        slot = at + 1;
        if again(&ring, at) {
            kept += 1
        } else {
            lost += 1
        }
        table::wake(&ring);
    }
    table::retry_blocked();
    info!(
        "resumed as domain {} (was {before}): {kept} rings kept, {lost} connections lost",
        hv::domain()
    );
}

/// Whether the ring goes on.
fn again(ring: &KernelRing, slot: u32) -> bool {
    let core = &ring.0;
    let registered = core
        .pages()
        .gfns()
        .and_then(|gfns| hypercall::register(core.id, core.len(), &gfns));
    match registered {
        // It was there all the time.
        Err(Errno::EXIST) => true,
        Ok(()) if core.id.partner.is_any() => {
            crate::platform::announce(ring, slot);
            true
        }
        outcome => {
            if outcome.is_ok() {
                let _ = hypercall::unregister(core.id);
            }
            core.lose();
            false
        }
    }
}
