//! The bytes of the protocol: message kinds, and the three messages of the handshake.
//!
//! Everything is little endian. A message may be longer than what is described here: a later version may append fields,
//! and a receiver ignores what it does not know.

use crate::limits::{RING_PORT_BIT, conn_ring_ok};

/// Highest version that this side speaks.
pub const VERSION: u16 = 1;
/// Lowest version that this side speaks.
pub const VERSION_LEAST: u16 = 1;

/// Message kinds: the `message_type` of the ABI. "V4S" and a number.
pub mod kind {
    /// What they have in common.
    pub const BASE: u32 = 0x5634_5300;
    /// To a listener's ring: I want a connection.
    pub const REQUEST: u32 = BASE + 1;
    /// To a connector's ring: here it is.
    pub const ACCEPT: u32 = BASE + 2;
    /// To a connector's ring: you cannot have one.
    pub const REJECT: u32 = BASE + 3;
    /// To a connection's ring: bytes of the stream, or one packet.
    pub const DATA: u32 = BASE + 4;
    /// To a connection's ring: no bytes will follow.
    pub const FIN: u32 = BASE + 5;
    /// To a datagram socket's ring: one datagram.
    pub const DGRAM: u32 = BASE + 6;
}

/// The socket types, numbered as in Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum SocketKind {
    /// `SOCK_STREAM`: bytes in order.
    Stream = 1,
    /// `SOCK_DGRAM`: messages without connection.
    Datagram = 2,
    /// `SOCK_SEQPACKET`: messages in order.
    SeqPacket = 5,
}

impl SocketKind {
    /// The type with this number.
    #[must_use]
    pub const fn from_number(n: u16) -> Option<Self> {
        match n {
            1 => Some(Self::Stream),
            2 => Some(Self::Datagram),
            5 => Some(Self::SeqPacket),
            _ => None,
        }
    }

    /// Whether its sockets connect.
    #[must_use]
    pub const fn connects(self) -> bool {
        !matches!(self, Self::Datagram)
    }
}

/// `REQUEST`: sent by the connector to the listener's ring, through the hypervisor, from its ring's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Highest version that the connector speaks.
    pub version: u16,
    /// Lowest version that the connector speaks.
    pub least: u16,
    /// The connector's socket type, a number.
    pub kind: u16,
    /// The connector's socket port.
    pub port: u32,
    /// The port of the ring that it has registered for the listener's domain.
    pub ring: u32,
    /// Data bytes of that ring.
    pub ring_len: u32,
    /// A random number which the answer repeats.
    pub cookie: u64,
}

/// `ACCEPT`: sent by the listener's side into the connector's ring, from the port of its own new ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accept {
    /// The version that the connection speaks.
    pub version: u16,
    /// The port of the ring that is registered for the connector's domain.
    pub ring: u32,
    /// Data bytes of that ring.
    pub ring_len: u32,
    /// The request's.
    pub cookie: u64,
}

/// `REJECT`: sent by the listener's side to the connector's ring, through the hypervisor, from the listener's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Highest version that the listener speaks.
    pub version: u16,
    /// Lowest version that the listener speaks.
    pub least: u16,
    /// Why: one of [`reason`].
    pub reason: u32,
    /// The request's.
    pub cookie: u64,
}

/// Why a request is rejected.
pub mod reason {
    /// No common version (`EPROTONOSUPPORT`).
    pub const VERSION: u32 = 1;
    /// The socket has another type (`EPROTOTYPE`).
    pub const TYPE: u32 = 2;
    /// The listener's side could not get a ring (`ECONNREFUSED`).
    pub const RESOURCES: u32 = 3;
    /// The listener was closed (`ECONNREFUSED`).
    pub const CLOSED: u32 = 4;
}

/// Little-endian fields, written one after the other.
struct Writer<'a>(&'a mut [u8]);

impl Writer<'_> {
    fn put(&mut self, at: usize, bytes: &[u8]) {
        if let Some(to) = self.0.get_mut(at..).and_then(|rest| rest.get_mut(..bytes.len())) {
            to.copy_from_slice(bytes);
        }
    }
}

/// `N` bytes at `at`.
fn bytes<const N: usize>(from: &[u8], at: usize) -> Option<[u8; N]> {
    from.get(at..)?.first_chunk::<N>().copied()
}

fn u16_at(from: &[u8], at: usize) -> Option<u16> {
    bytes(from, at).map(u16::from_le_bytes)
}

fn u32_at(from: &[u8], at: usize) -> Option<u32> {
    bytes(from, at).map(u32::from_le_bytes)
}

fn u64_at(from: &[u8], at: usize) -> Option<u64> {
    bytes(from, at).map(u64::from_le_bytes)
}

impl Request {
    /// Bytes of the message.
    pub const SIZE: usize = 32;

    /// The message's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        let mut to = Writer(&mut out);
        to.put(0, &self.version.to_le_bytes());
        to.put(2, &self.least.to_le_bytes());
        to.put(4, &self.kind.to_le_bytes());
        to.put(8, &self.port.to_le_bytes());
        to.put(12, &self.ring.to_le_bytes());
        to.put(16, &self.ring_len.to_le_bytes());
        to.put(24, &self.cookie.to_le_bytes());
        out
    }

    /// The request in these bytes, `None` where they are too few.
    #[must_use]
    pub fn decode(from: &[u8]) -> Option<Self> {
        Some(Self {
            version: u16_at(from, 0)?,
            least: u16_at(from, 2)?,
            kind: u16_at(from, 4)?,
            port: u32_at(from, 8)?,
            ring: u32_at(from, 12)?,
            ring_len: u32_at(from, 16)?,
            cookie: u64_at(from, 24)?,
        })
    }

    /// Whether its ports and its ring can be what they claim to be.
    #[must_use]
    pub const fn plausible(&self) -> bool {
        ring_plausible(self.ring, self.ring_len) && self.port != 0 && self.port & RING_PORT_BIT == 0
    }
}

impl Accept {
    /// Bytes of the message.
    pub const SIZE: usize = 24;

    /// The message's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        let mut to = Writer(&mut out);
        to.put(0, &self.version.to_le_bytes());
        to.put(4, &self.ring.to_le_bytes());
        to.put(8, &self.ring_len.to_le_bytes());
        to.put(16, &self.cookie.to_le_bytes());
        out
    }

    /// The answer in these bytes, `None` where they are too few.
    #[must_use]
    pub fn decode(from: &[u8]) -> Option<Self> {
        Some(Self {
            version: u16_at(from, 0)?,
            ring: u32_at(from, 4)?,
            ring_len: u32_at(from, 8)?,
            cookie: u64_at(from, 16)?,
        })
    }

    /// Whether its ring can be what it claims to be, and its version is one of ours.
    #[must_use]
    pub const fn plausible(&self) -> bool {
        ring_plausible(self.ring, self.ring_len) && self.version >= VERSION_LEAST && self.version <= VERSION
    }
}

impl Reject {
    /// Bytes of the message.
    pub const SIZE: usize = 16;

    /// The message's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        let mut to = Writer(&mut out);
        to.put(0, &self.version.to_le_bytes());
        to.put(2, &self.least.to_le_bytes());
        to.put(4, &self.reason.to_le_bytes());
        to.put(8, &self.cookie.to_le_bytes());
        out
    }

    /// The answer in these bytes, `None` where they are too few.
    #[must_use]
    pub fn decode(from: &[u8]) -> Option<Self> {
        Some(Self {
            version: u16_at(from, 0)?,
            least: u16_at(from, 2)?,
            reason: u32_at(from, 4)?,
            cookie: u64_at(from, 8)?,
        })
    }
}

/// Whether a connection's ring may have this port and this length.
const fn ring_plausible(port: u32, len: u32) -> bool {
    port & RING_PORT_BIT != 0 && conn_ring_ok(len)
}

/// The version that both sides speak, given the other's highest and lowest.
#[must_use]
pub const fn common_version(highest: u16, least: u16) -> Option<u16> {
    let version = if highest < VERSION { highest } else { VERSION };
    if version >= least && version >= VERSION_LEAST {
        Some(version)
    } else {
        None
    }
}
