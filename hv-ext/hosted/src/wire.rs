//! What a client and `v4vd` say to each other: one request, one response, little endian.
//!
//! ```text
//! request:  op u32 │ sequence u32 │ args 4 × u64 │ blob          response: sequence u32 │ 0 u32 │ result i64 │ blob
//! ```
//!
//! A request whose `op` is below [`op::HELLO`] is a hypercall: `op` is Argo's command, `args` its four arguments, and the
//! blob is the caller's memory, which begins at address [`BLOB_BASE`]; a successful response brings it back where the
//! hypervisor wrote to it. So the daemon decodes hypercalls with the very code that runs in Xen.
//!
//! A client reads the response before it sends the next request: one that does not is disconnected. Register's response
//! carries three descriptors: the ring's memory, its face, its button ([`doorbell`](crate::doorbell)).
//!
//! The daemon also brokers sockets that are the kernel's own ([`op::LISTEN`], [`op::CONNECT`]): it makes a pair of connected Unix
//! stream sockets whose [names](crate::names) say who is at either end, and is in the way of neither afterwards.
//!
//! A negative result is an errno; the blob then is a sentence for people, in UTF-8, that names the cause and the cure.

use v4v_ring::DomId;

/// The version of this protocol. Client and daemon must have the same.
pub const VERSION: u32 = 2;
/// First argument of [`op::HELLO`]: says that the client speaks this protocol at all.
pub const MAGIC: u64 = u64::from_le_bytes(*b"V4VHOST\0");
/// The address of the blob's first byte, as a hypercall's arguments see it. Not 0, which is the null handle.
pub const BLOB_BASE: u64 = 0x1000;
/// Bytes of a request before its blob.
pub const REQUEST_HEADER: usize = 40;
/// Bytes of a response before its blob.
pub const RESPONSE_HEADER: usize = 16;
/// Greatest blob in bytes: the largest message that goes through the daemon, with its descriptors. Far below the least
/// default of a Unix socket's buffer (`net.core.wmem_default`, 212,992), so that one request always fits.
pub const BLOB_MAX: usize = 96 * 1024;
/// Greatest packet in bytes.
pub const PACKET_MAX: usize = REQUEST_HEADER + BLOB_MAX;
/// Greatest length of a domain's name in bytes.
pub const NAME_MAX: usize = 63;
/// Most descriptors in one response: a ring's memory, its face, its button.
pub const FDS_MAX: usize = 3;

/// Operations beside the hypercalls.
pub mod op {
    /// Joins a domain. Arguments: [`MAGIC`](super::MAGIC), [`VERSION`](super::VERSION); blob: the domain's name. Result: the domain's id.
    /// Comes first. Without a name the client joins no domain (result 0) and may only look things up.
    pub const HELLO: u32 = 0x1000;
    /// Takes over a ring that is registered for the caller's domain. Arguments: the owner's domain id, the ring's port, the port of
    /// the caller's ring that the taken ring shall watch from now on (0: what it watched before). Result: the ring's data bytes;
    /// descriptors: memory, button.
    pub const ATTACH: u32 = 0x1001;
    /// Finds a domain by name (the blob). Result: its id.
    pub const RESOLVE: u32 = 0x1002;
    /// A domain's name. Argument: its id. Blob: the name.
    pub const NAME_OF: u32 = 0x1003;
    /// Domains from an id on (argument). Blob: [`DomainRecord`](super::DomainRecord)s in ascending order; none = the end.
    pub const LIST_DOMAINS: u32 = 0x1004;
    /// Rings of a domain (argument) after skipping some (argument). Blob: [`RingRecord`](super::RingRecord)s; none = the end.
    pub const LIST_RINGS: u32 = 0x1005;
    /// Listens with a descriptor. Arguments: the port (0: the daemon's choice), the backlog. Result: the port; descriptor: a
    /// listening Unix stream socket, from which the caller accepts by itself. The port is taken until the last copy of the
    /// descriptor, in whatever process, is closed.
    pub const LISTEN: u32 = 0x1006;
    /// Connects with a descriptor. Arguments: the listener's domain id and port. Result: the port of the caller's end, of the
    /// daemon's choice; descriptor: the connected Unix stream socket, non-blocking. `EHOSTUNREACH`: no such domain;
    /// `ECONNREFUSED`: nobody listens there with a descriptor; `EAGAIN`: the listener's backlog is full.
    pub const CONNECT: u32 = 0x1007;
}

/// A packet that is not of this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Fewer bytes than the fixed part has.
    #[error("a packet of {0} bytes, shorter than its header")]
    Short(usize),
    /// More bytes than the protocol allows.
    #[error("a packet longer than {PACKET_MAX} bytes")]
    Long,
    /// A name that no domain can have.
    #[error(
        "a domain's name has 1 to {NAME_MAX} letters, digits, '.', '_' or '-', is no number and not \"any\""
    )]
    Name,
}

/// A request's fixed part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// A hypercall's command or one of [`op`].
    pub op: u32,
    /// Repeated in the response.
    pub sequence: u32,
    /// The arguments.
    pub args: [u64; 4],
}

impl Request {
    /// The fixed part's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; REQUEST_HEADER] {
        let mut out = [0; REQUEST_HEADER];
        out[..4].copy_from_slice(&self.op.to_le_bytes());
        out[4..8].copy_from_slice(&self.sequence.to_le_bytes());
        for (to, arg) in out[8..].chunks_exact_mut(8).zip(self.args) {
            to.copy_from_slice(&arg.to_le_bytes());
        }
        out
    }

    /// A request and its blob.
    ///
    /// # Errors
    /// [`Malformed::Short`], [`Malformed::Long`].
    pub fn decode(packet: &[u8]) -> Result<(Self, &[u8]), Malformed> {
        if packet.len() > PACKET_MAX {
            return Err(Malformed::Long);
        }
        let (head, blob) = packet
            .split_first_chunk::<REQUEST_HEADER>()
            .ok_or(Malformed::Short(packet.len()))?;
        let args = std::array::from_fn(|i| le_u64(head, 8 + 8 * i));
        Ok((
            Self {
                op: le_u32(head, 0),
                sequence: le_u32(head, 4),
                args,
            },
            blob,
        ))
    }
}

/// A response's fixed part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response {
    /// The request's.
    pub sequence: u32,
    /// What the operation returned; negative: an errno.
    pub result: i64,
}

impl Response {
    /// The fixed part's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; RESPONSE_HEADER] {
        let mut out = [0; RESPONSE_HEADER];
        out[..4].copy_from_slice(&self.sequence.to_le_bytes());
        out[8..].copy_from_slice(&self.result.to_le_bytes());
        out
    }

    /// A response and its blob.
    ///
    /// # Errors
    /// [`Malformed::Short`].
    pub fn decode(packet: &[u8]) -> Result<(Self, &[u8]), Malformed> {
        let (head, blob) = packet
            .split_first_chunk::<RESPONSE_HEADER>()
            .ok_or(Malformed::Short(packet.len()))?;
        let result = i64::from_le_bytes(le_u64(head, 8).to_le_bytes());
        Ok((
            Self {
                sequence: le_u32(head, 0),
                result,
            },
            blob,
        ))
    }
}

/// A domain, as [`op::LIST_DOMAINS`] tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainRecord {
    /// Its id.
    pub id: DomId,
    /// The user that owns it.
    pub uid: u32,
    /// Processes attached to it.
    pub processes: u32,
    /// Rings registered.
    pub rings: u32,
    /// Bytes of memory in those rings.
    pub bytes: u64,
    /// Ports on which it listens with descriptors.
    pub listeners: u32,
    /// Brokered connections that it opened, since it is there.
    pub calls_out: u64,
    /// Brokered connections that others opened to it, since it is there.
    pub calls_in: u64,
    /// Its name.
    pub name: String,
}

impl DomainRecord {
    /// Bytes of a record.
    pub const SIZE: usize = 112;

    /// The record's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        let name = self.name.as_bytes();
        let n = name.len().min(NAME_MAX);
        out[..2].copy_from_slice(&self.id.0.to_le_bytes());
        out[4..8].copy_from_slice(&self.uid.to_le_bytes());
        out[8..12].copy_from_slice(&self.processes.to_le_bytes());
        out[12..16].copy_from_slice(&self.rings.to_le_bytes());
        out[16..24].copy_from_slice(&self.bytes.to_le_bytes());
        out[24] = n.to_le_bytes()[0];
        out[25..25 + n].copy_from_slice(&name[..n]);
        out[88..92].copy_from_slice(&self.listeners.to_le_bytes());
        out[96..104].copy_from_slice(&self.calls_out.to_le_bytes());
        out[104..].copy_from_slice(&self.calls_in.to_le_bytes());
        out
    }

    /// The records in a blob; a cut-off one at the end is left out.
    pub fn decode_all(blob: &[u8]) -> impl Iterator<Item = Self> {
        blob.chunks_exact(Self::SIZE).map(|b| Self {
            id: DomId(u16::from_le_bytes([b[0], b[1]])),
            uid: le_u32(b, 4),
            processes: le_u32(b, 8),
            rings: le_u32(b, 12),
            bytes: le_u64(b, 16),
            listeners: le_u32(b, 88),
            calls_out: le_u64(b, 96),
            calls_in: le_u64(b, 104),
            name: String::from_utf8_lossy(&b[25..25 + usize::from(b[24]).min(NAME_MAX)]).into_owned(),
        })
    }
}

/// A ring, as [`op::LIST_RINGS`] tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingRecord {
    /// Its port.
    pub port: u32,
    /// Who may send to it.
    pub partner: DomId,
    /// Whether its partner fills it without the daemon.
    pub delegated: bool,
    /// Data bytes.
    pub len: u32,
    /// Bytes in it that are still to be read.
    pub used: u32,
    /// Messages that its producer counted.
    pub messages: u64,
    /// Payload bytes that its producer counted.
    pub bytes: u64,
}

impl RingRecord {
    /// Bytes of a record.
    pub const SIZE: usize = 32;

    /// The record's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        out[..4].copy_from_slice(&self.port.to_le_bytes());
        out[4..6].copy_from_slice(&self.partner.0.to_le_bytes());
        out[6] = self.delegated.into();
        out[8..12].copy_from_slice(&self.len.to_le_bytes());
        out[12..16].copy_from_slice(&self.used.to_le_bytes());
        out[16..24].copy_from_slice(&self.messages.to_le_bytes());
        out[24..].copy_from_slice(&self.bytes.to_le_bytes());
        out
    }

    /// The records in a blob; a cut-off one at the end is left out.
    pub fn decode_all(blob: &[u8]) -> impl Iterator<Item = Self> {
        blob.chunks_exact(Self::SIZE).map(|b| Self {
            port: le_u32(b, 0),
            partner: DomId(u16::from_le_bytes([b[4], b[5]])),
            delegated: b[6] != 0,
            len: le_u32(b, 8),
            used: le_u32(b, 12),
            messages: le_u64(b, 16),
            bytes: le_u64(b, 24),
        })
    }
}

/// A domain's name from a blob.
///
/// # Errors
/// [`Malformed::Name`].
pub fn decode_name(blob: &[u8]) -> Result<&str, Malformed> {
    let name = std::str::from_utf8(blob).map_err(|_| Malformed::Name)?;
    check_name(name).map(|()| name)
}

/// Whether a domain can have this name.
///
/// # Errors
/// [`Malformed::Name`].
pub fn check_name(name: &str) -> Result<(), Malformed> {
    let fits = (1..=NAME_MAX).contains(&name.len());
    let plain = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    // A number, and "any", mean something else where an address is written.
    let taken = name == "any" || name.bytes().all(|b| b.is_ascii_digit());
    if fits && plain && !taken {
        Ok(())
    } else {
        Err(Malformed::Name)
    }
}

/// The `u32` at `at`; callers hold enough bytes.
fn le_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

/// The `u64` at `at`; callers hold enough bytes.
fn le_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_responses_come_back() {
        let request = Request {
            op: op::HELLO,
            sequence: 7,
            args: [1, u64::MAX, 3, 4],
        };
        let mut packet = request.encode().to_vec();
        packet.extend(b"blob");
        assert_eq!(Request::decode(&packet), Ok((request, &b"blob"[..])));
        let response = Response {
            sequence: 7,
            result: -22,
        };
        assert_eq!(Response::decode(&response.encode()), Ok((response, &b""[..])));
    }

    #[test]
    fn a_packet_of_wrong_length_is_malformed() {
        assert_eq!(Request::decode(&[0; 39]), Err(Malformed::Short(39)));
        assert_eq!(Request::decode(&vec![0; PACKET_MAX + 1]), Err(Malformed::Long));
        assert_eq!(Response::decode(&[]), Err(Malformed::Short(0)));
    }

    #[test]
    fn records_come_back() {
        let domain = DomainRecord {
            id: DomId(9),
            uid: 1,
            processes: 2,
            rings: 3,
            bytes: 4,
            listeners: 5,
            calls_out: 6,
            calls_in: 7,
            name: "gpu".into(),
        };
        assert_eq!(DomainRecord::decode_all(&domain.encode()).next(), Some(domain));
        let ring = RingRecord {
            port: 1,
            partner: DomId::ANY,
            delegated: true,
            len: 2,
            used: 3,
            messages: 4,
            bytes: 5,
        };
        assert_eq!(RingRecord::decode_all(&ring.encode()).next(), Some(ring));
        assert_eq!(RingRecord::decode_all(&[0; 31]).next(), None);
    }

    #[test]
    fn names_are_plain() {
        assert!(check_name("gpu-0.a_b").is_ok());
        for bad in ["", "a b", "ä", "a:1", "7", "any", &"x".repeat(64)] {
            assert_eq!(check_name(bad), Err(Malformed::Name), "{bad}");
        }
        assert_eq!(decode_name(&[0xFF]), Err(Malformed::Name));
    }
}
