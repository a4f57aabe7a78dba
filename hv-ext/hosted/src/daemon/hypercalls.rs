//! Hypercalls of a client, and the hand-over of a ring to its partner.

use v4v_hv::abi::{OP_REGISTER, OP_RING_SETUP, OP_UNREGISTER, RingSetup, setup_flags};
use v4v_hv::{DomId, Errno, RingId};
use v4v_ring::Addr;

use super::machine::Hv;
use super::refusal::Refusal;
use super::ring::Ring;
use super::rings::Caller;
use super::service::{Answer, Gift};
use crate::wire::{BLOB_BASE, Request};

/// A hypercall of `domain`.
///
/// # Errors
/// The core's, with the reason of the hook that refused, where one did.
pub fn hypercall(
    hv: &Hv,
    caller: Caller,
    domain: DomId,
    request: &Request,
    blob: &[u8],
) -> Result<Answer, Refusal> {
    let machine = hv.host();
    machine.begin(caller, blob);
    let [arg1, arg2, arg3, arg4] = request.args;
    let result = hv.hypercall(domain, request.op, arg1, arg2, arg3, arg4);
    let answer = if result < 0 {
        Err(Refusal::new(
            i32::try_from(-result).unwrap_or(libc::EIO),
            machine.take_reason().unwrap_or_default(),
        ))
    } else {
        let gift = if request.op == OP_REGISTER {
            registered(hv)?
        } else {
            Gift::Nothing
        };
        Ok(Answer {
            result,
            blob: machine.changes(),
            gift,
        })
    };
    machine.end();
    answer
}

/// What the registrar gets: memory, face, button.
fn registered(hv: &Hv) -> Result<Gift, Refusal> {
    let lost = || {
        Refusal::new(
            libc::EIO,
            "v4vd lost a ring that it had just made: this is a fault of v4vd",
        )
    };
    let (id, ring) = hv.host().enter_fresh().ok_or_else(lost)?;
    let face = ring.take_face().ok_or_else(lost)?;
    Ok(Gift::Own(id, ring, face))
}

/// Unregisters a ring of `domain`'s as itself would.
pub fn unregister(hv: &Hv, caller: Caller, domain: DomId, ring: RingId) {
    let machine = hv.host();
    machine.begin(caller, &Addr::new(ring.partner, ring.port).encode());
    let result = hv.hypercall(domain, OP_UNREGISTER, BLOB_BASE, 0, 0, 0);
    machine.end();
    if result < 0 {
        log::error!("cannot unregister {ring:?}, which was just registered: {result}");
    }
}

/// ATTACH: hands the ring of `args[0]`'s at port `args[1]`, which is for `domain` alone, to it. The ring first watches
/// `domain`'s ring at port `args[2]`, if that is not 0: so its owner learns of the attacher's end.
///
/// # Errors
/// `EINVAL`: an argument out of range. `ESRCH`, `ECONNREFUSED`: no such domain, ring, or ring to be watched. `EACCES`: the policy.
pub fn attach(hv: &Hv, caller: Caller, domain: DomId, args: [u64; 4]) -> Result<Answer, Refusal> {
    let machine = hv.host();
    let out_of_range = |_| Refusal::new(libc::EINVAL, "an argument of attach is out of range");
    let owner = DomId(u16::try_from(args[0]).map_err(out_of_range)?);
    let port = u32::try_from(args[1]).map_err(out_of_range)?;
    let watch_port = u32::try_from(args[2]).map_err(out_of_range)?;
    let id = RingId {
        owner,
        port,
        partner: domain,
    };
    machine.begin(caller, &[]);
    // First the watch: where that fails, the ring is still the hypervisor's, and a refusal can be sent into it.
    let attached = watch(hv, caller, id, watch_port).and_then(|()| hv.delegate(id));
    let reason = machine.take_reason().unwrap_or_default();
    machine.end();
    let ring: Ring = attached.map_err(|errno| Refusal::new(errno.code().into(), reason))?;
    ring.attach();
    let len = v4v_ring::RingMem::data_len(&ring);
    Ok(Answer {
        result: len.into(),
        blob: Vec::new(),
        gift: Gift::Partner(ring),
    })
}

/// Makes the ring `id` watch its partner's ring at `port`, as its owner would by operation 17.
fn watch(hv: &Hv, caller: Caller, id: RingId, port: u32) -> Result<(), Errno> {
    if port == 0 {
        return Ok(());
    }
    let setup = RingSetup {
        port: id.port,
        partner: id.partner,
        pad: 0,
        flags: setup_flags::SET_WATCH,
        ready_slot: 0,
        watch_port: port,
    };
    hv.host().begin(caller, &setup.encode());
    let result = hv.hypercall(id.owner, OP_RING_SETUP, BLOB_BASE, 0, 0, 0);
    if result < 0 {
        Err(
            match Errno::from_code(u16::try_from(-result).unwrap_or_default()) {
                // The owner or its ring, of which the caller is to hear what a sender would.
                Errno::NOENT | Errno::NODEV => Errno::CONNREFUSED,
                errno => errno,
            },
        )
    } else {
        Ok(())
    }
}
