//! Which domains there are, which rings they own, and what went through them.

use crate::backend::{Backend, backend};
use crate::hosted::control::{Control, observer};
use std::io;
use std::sync::Arc;
use v4v_hosted::wire::{DomainRecord, RingRecord, op};
use v4v_ring::DomId;

/// A domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainStat {
    /// Its id.
    pub id: u16,
    /// Its name.
    pub name: String,
    /// The user that owns it.
    pub uid: u32,
    /// Processes in it.
    pub processes: u32,
    /// Rings that it owns.
    pub rings: u32,
    /// Bytes of memory in those rings.
    pub bytes: u64,
    /// Ports on which it listens with [descriptors](crate::descriptor).
    pub listeners: u32,
    /// Connections with descriptors that it opened, since it is there.
    pub calls_out: u64,
    /// Connections with descriptors that were opened to it, since it is there.
    pub calls_in: u64,
}

/// A ring, which is the receiving side of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingStat {
    /// Its port.
    pub port: u32,
    /// The one domain that may send to it; `None` = any.
    pub partner: Option<u16>,
    /// Whether that domain fills it directly.
    pub direct: bool,
    /// Bytes that it holds at most.
    pub size: u32,
    /// Bytes in it now, headers included.
    pub used: u32,
    /// Messages that came in.
    pub messages: u64,
    /// Payload bytes that came in.
    pub bytes: u64,
}

/// All domains, by id.
///
/// # Errors
/// `Unsupported` on a kernel backend, whose figures are in `/proc/net/v4v`; else where the daemon cannot be reached.
pub fn domains() -> io::Result<Vec<DomainStat>> {
    let control = daemon()?;
    let mut all = Vec::new();
    let mut from = 0_u64;
    loop {
        let answer = control.call(op::LIST_DOMAINS, [from, 0, 0, 0], &[])?;
        let before = all.len();
        for record in DomainRecord::decode_all(&answer.blob) {
            from = u64::from(record.id.0) + 1;
            all.push(record.into());
        }
        if all.len() == before {
            return Ok(all);
        }
    }
}

/// The rings of a domain.
///
/// # Errors
/// As [`domains`]; `NotFound` where there is no such domain.
pub fn rings(domain: u16) -> io::Result<Vec<RingStat>> {
    let control = daemon()?;
    let mut all = Vec::new();
    loop {
        let skip = u64::try_from(all.len()).unwrap_or(u64::MAX);
        let answer = control.call(op::LIST_RINGS, [domain.into(), skip, 0, 0], &[])?;
        let before = all.len();
        all.extend(RingRecord::decode_all(&answer.blob).map(RingStat::from));
        if all.len() == before {
            return Ok(all);
        }
    }
}

fn daemon() -> io::Result<Arc<Control>> {
    match backend()? {
        Backend::Hosted => observer(),
        Backend::Kernel { .. } => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "the kernel's figures are in /proc/net/v4v",
        )),
    }
}

impl From<DomainRecord> for DomainStat {
    fn from(record: DomainRecord) -> Self {
        Self {
            id: record.id.0,
            name: record.name,
            uid: record.uid,
            processes: record.processes,
            rings: record.rings,
            bytes: record.bytes,
            listeners: record.listeners,
            calls_out: record.calls_out,
            calls_in: record.calls_in,
        }
    }
}

impl From<RingRecord> for RingStat {
    fn from(record: RingRecord) -> Self {
        Self {
            port: record.port,
            partner: (record.partner != DomId::ANY).then_some(record.partner.0),
            direct: record.delegated,
            size: record.len,
            used: record.used,
            messages: record.messages,
            bytes: record.bytes,
        }
    }
}
