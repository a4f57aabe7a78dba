//! Which process is in which domain: joining, and what is left when one goes.

use v4v_hv::{DomId, Errno};

use super::machine::Hv;
use super::refusal::Refusal;
use super::rings::{Caller, ClientId};
use crate::wire::{MAGIC, VERSION, decode_name};

/// What a process is after HELLO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// In a domain.
    Domain(DomId),
    /// In none: it may look things up.
    Observer,
}

impl Membership {
    /// HELLO's result.
    #[must_use]
    pub fn result(self) -> i64 {
        match self {
            Self::Domain(id) => id.0.into(),
            Self::Observer => 0,
        }
    }
}

/// HELLO: checks who speaks what, and lets the process into its domain.
///
/// # Errors
/// `EPROTO`, `EPROTONOSUPPORT`: another program, another version. `EINVAL`: no name for a domain. `EACCES`: the policy.
/// `ENOSPC`, `EBUSY`, `ENOMEM`: no id to be had.
pub fn hello(hv: &Hv, caller: Caller, args: [u64; 4], blob: &[u8]) -> Result<Membership, Refusal> {
    if args[0] != MAGIC {
        return Err(Refusal::new(
            libc::EPROTO,
            "this is v4vd's socket, and its client does not speak its protocol",
        ));
    }
    if args[1] != u64::from(VERSION) {
        let why = format!(
            "v4vd speaks version {VERSION} of its protocol and this program version {}: install both from one release",
            args[1]
        );
        return Err(Refusal::new(libc::EPROTONOSUPPORT, why));
    }
    if blob.is_empty() {
        return Ok(Membership::Observer);
    }
    let name = decode_name(blob)
        .map_err(|e| Refusal::new(libc::EINVAL, format!("{e}: set V4V_DOMAIN to such a name")))?;
    join(hv, name, caller.uid).map(Membership::Domain)
}

fn join(hv: &Hv, name: &str, uid: u32) -> Result<DomId, Refusal> {
    let machine = hv.host();
    machine.policy().may_join(name, uid)?;
    let there = machine.domains().find(name).map(|domain| (domain.id, domain.uid));
    match there {
        Some((id, owner)) if owner == uid => {
            machine.domains_mut().join(id);
            Ok(id)
        }
        Some((_, owner)) => {
            let why = format!(
                "domain {name:?} has processes of uid {owner}, you are uid {uid}: choose another name with V4V_DOMAIN"
            );
            Err(Refusal::new(libc::EACCES, why))
        }
        None => create(hv, name, uid),
    }
}

fn create(hv: &Hv, name: &str, uid: u32) -> Result<DomId, Refusal> {
    let (machine, policy) = (hv.host(), hv.host().policy());
    let fixed = policy.fixed_id(name);
    let id = match fixed {
        Some(id) if machine.domains().get(id).is_some() => {
            let why = format!(
                "domain {name:?} has id {} in v4vd's policy, and {:?} has it: end that",
                id.0,
                machine.domains().name(id)
            );
            return Err(Refusal::new(libc::EBUSY, why));
        }
        Some(id) => id,
        None => machine
            .domains()
            .free_id(|id| policy.is_fixed(id))
            .ok_or_else(|| Refusal::new(libc::ENOSPC, "all domain ids are taken: end some domains"))?,
    };
    hv.domain_create(id).map_err(|errno| no_state(name, errno))?;
    machine.domains_mut().insert(id, name, uid, fixed.is_some());
    log::info!("domain {} {name:?} of uid {uid} is here", id.0);
    Ok(id)
}

fn no_state(name: &str, errno: Errno) -> Refusal {
    Refusal::new(
        errno.code().into(),
        format!("v4vd cannot make domain {name:?}: {errno}"),
    )
}

/// A process is gone: its rings go, and with the last one of a domain the domain, unless somebody listens for it.
pub fn leave(hv: &Hv, client: ClientId, domain: DomId) {
    let machine = hv.host();
    let mine = machine.rings().of_client(client);
    for ring in mine {
        if let Err(errno) = hv.ring_destroy(ring) {
            log::error!("a dead process's ring {ring:?} cannot be unregistered: {errno}");
        }
    }
    if machine.domains_mut().leave(domain) {
        bury(hv, domain);
    }
}

/// Ends a domain without processes, unless somebody still listens for it: a daemon's child, say, that inherited the descriptor.
fn bury(hv: &Hv, domain: DomId) {
    let machine = hv.host();
    if machine.listeners_mut().sweep(domain) > 0 {
        return;
    }
    let name = machine.domains().name(domain).to_owned();
    machine.domains_mut().remove(domain);
    hv.domain_destroy(domain);
    log::info!("domain {} {name:?} is gone", domain.0);
}

/// Looks again at the domains that have listeners and no processes.
pub fn sweep(hv: &Hv) {
    let empty: Vec<DomId> = hv.host().domains().empty().iter().copied().collect();
    for domain in empty {
        bury(hv, domain);
    }
}
