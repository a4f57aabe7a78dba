//! Names and figures, for clients that ask.

use v4v_hv::DomId;

use super::limits::{DOMAINS_PER_ANSWER, RINGS_PER_ANSWER};
use super::machine::Hv;
use super::refusal::Refusal;
use super::rings::Caller;
use crate::wire::{DomainRecord, RingRecord, decode_name};

/// The id of the domain with this name.
///
/// # Errors
/// `EINVAL`: no name. `ENOENT`: nobody has it.
pub fn resolve(hv: &Hv, blob: &[u8]) -> Result<i64, Refusal> {
    let name = decode_name(blob).map_err(|e| Refusal::new(libc::EINVAL, e.to_string()))?;
    let domains = hv.host().domains();
    let found = domains.find(name).map(|domain| domain.id.0.into());
    found.ok_or_else(|| {
        let why = format!("no domain is called {name:?}: start a process with V4V_DOMAIN={name}; `v4v stat` lists all domains");
        Refusal::new(libc::ENOENT, why)
    })
}

/// The name of a domain.
///
/// # Errors
/// `ENOENT`: there is no such domain.
pub fn name_of(hv: &Hv, arg: u64) -> Result<Vec<u8>, Refusal> {
    let id = known(hv, arg)?;
    Ok(hv.host().domains().name(id).as_bytes().to_vec())
}

/// Records of the domains from an id on.
#[must_use]
pub fn domains(hv: &Hv, from: u64) -> Vec<u8> {
    let Ok(from) = u16::try_from(from) else {
        return Vec::new();
    };
    let (domains, rings, listeners) = (hv.host().domains(), hv.host().rings(), hv.host().listeners());
    let mut blob = Vec::new();
    for domain in domains.from(DomId(from)).take(DOMAINS_PER_ANSWER) {
        let usage = rings.of_domain(domain.id);
        let record = DomainRecord {
            id: domain.id,
            uid: domain.uid,
            processes: domain.processes,
            rings: usage.rings,
            bytes: usage.bytes,
            // No more than LISTENERS_MAX.
            listeners: u32::try_from(listeners.of_domain(domain.id).count()).unwrap_or(u32::MAX),
            calls_out: domain.calls_out,
            calls_in: domain.calls_in,
            name: domain.name.clone(),
        };
        blob.extend(record.encode());
    }
    blob
}

/// Records of a domain's rings, after skipping some; for its own user, root and the daemon's user.
///
/// # Errors
/// `ENOENT`: there is no such domain. `EACCES`: it is another user's.
pub fn rings(hv: &Hv, caller: Caller, domain: u64, skip: u64) -> Result<Vec<u8>, Refusal> {
    let machine = hv.host();
    let id = known(hv, domain)?;
    let owner = machine.domains().get(id).map(|domain| domain.uid);
    if owner != Some(caller.uid) && !machine.policy().is_trusted(caller.uid) {
        let why = format!(
            "domain {} is another user's: only that user, root and v4vd's own user see its rings",
            id.0
        );
        return Err(Refusal::new(libc::EACCES, why));
    }
    let (mut blob, mut at, rings) = (Vec::new(), 0_u64, machine.rings());
    hv.for_each_ring(id, |stats| {
        at += 1;
        if at <= skip || blob.len() >= RINGS_PER_ANSWER * RingRecord::SIZE {
            return;
        }
        let record = RingRecord {
            port: stats.id.port,
            partner: stats.id.partner,
            delegated: stats.delegated,
            len: stats.len,
            used: 0,
            messages: stats.messages,
            bytes: stats.bytes,
        };
        if let Some(ring) = rings.get(stats.id) {
            blob.extend(ring.describe(record).encode());
        }
    });
    Ok(blob)
}

fn known(hv: &Hv, arg: u64) -> Result<DomId, Refusal> {
    let id = u16::try_from(arg)
        .ok()
        .map(DomId)
        .filter(|id| hv.host().domains().get(*id).is_some());
    id.ok_or_else(|| {
        Refusal::new(
            libc::ENOENT,
            format!("there is no domain {arg}: `v4v stat` lists all domains"),
        )
    })
}
