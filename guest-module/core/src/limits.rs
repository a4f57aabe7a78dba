//! Every maximum of the socket core, with its reason.

use v4v_ring::layout::{MESSAGE_HEADER, PAGE, RING_HEADER, RING_LEN_USABLE};

/// Least data bytes of a connection's ring: one page with the ring's header.
pub const CONN_RING_MIN: u32 = PAGE - RING_HEADER;
/// Greatest data bytes of a connection's ring: what the ABI can register.
pub const CONN_RING_MAX: u32 = RING_LEN_USABLE;
/// Data bytes of a connection's ring unless the user asks otherwise: 576 KiB in all, nine of the longest messages. Two ends on
/// one CPU then find the ring and both their buffers in an L2 cache of 1 MiB; across CPUs one of 1 MiB is 3 % faster, while one
/// of 128 KiB costs a third.
pub const CONN_RING_DEFAULT: u32 = (576 << 10) - RING_HEADER;
/// Data bytes of a listener's wildcard ring: four pages, some 340 requests in waiting.
pub const LISTEN_RING: u32 = 4 * PAGE - RING_HEADER;
/// Data bytes of a datagram socket's ring unless the user asks otherwise.
pub const DATAGRAM_RING_DEFAULT: u32 = (256 << 10) - RING_HEADER;
/// Greatest payload of a datagram in bytes; less than half of the default ring, so a drained ring always takes it.
pub const DATAGRAM_MAX: u32 = 64 << 10;

/// Ring bytes that data leaves free, so that FIN fits behind it however full the ring is: two bare messages.
pub const CONTROL_RESERVE: u32 = 2 * MESSAGE_HEADER;
/// Greatest payload of one message of a stream: long enough to make its header free of charge, short enough that the
/// reader of a long write can start early.
pub const STREAM_CHUNK: u32 = 64 << 10;

/// Connections that may wait for `accept`, whatever `listen` was asked for (Linux's `SOMAXCONN`).
pub const BACKLOG_MAX: usize = 4096;
/// Requests that one call of [`Listener::service`](crate::Listener::service) handles, so that a flood cannot hold its caller.
pub const REQUESTS_PER_CALL: usize = 64;
/// Messages that one receive on a datagram socket drops because they come from strangers, for the same reason.
pub const STRANGERS_PER_CALL: usize = 256;
/// Random ports tried before a ring is given up with `EADDRINUSE`; a second try is already rare.
pub const PORT_TRIES: usize = 16;
/// Ports that one home's table holds: the 16-bit ones several times over.
pub const PORTS_MAX: usize = 1 << 18;

/// Ports below this need a privilege, as in TCP.
pub const PRIVILEGED_PORTS: u32 = 1024;
/// First port that is chosen for a socket whose user does not choose (RFC 6335, section 6: dynamic ports).
pub const EPHEMERAL_FIRST: u32 = 49152;
/// Last port that is chosen first; when those are taken, larger ones follow.
pub const EPHEMERAL_LAST: u32 = 65535;
/// Set in the port of every connection's ring, and in no socket's port.
pub const RING_PORT_BIT: u32 = 1 << 31;
/// First port beyond 16 bits, where the ports of unbound connectors lie.
pub const WIDE_PORT_FIRST: u32 = 1 << 16;

const _: () = assert!(CONTROL_RESERVE >= 2 * MESSAGE_HEADER && DATAGRAM_MAX * 2 < DATAGRAM_RING_DEFAULT);

/// Greatest payload of a packet for a ring of `len` data bytes. It takes half of the ring with its header, so a ring whose
/// reader has kept up always has room: what the reader has not yet given back is less than a quarter.
#[must_use]
pub const fn packet_max(len: u32) -> u32 {
    (len / 2).saturating_sub(MESSAGE_HEADER)
}

/// Greatest payload of one stream message for a ring of `len` data bytes: a quarter of it at most, so that small rings
/// are filled and emptied at the same time too.
#[must_use]
pub const fn chunk_max(len: u32) -> u32 {
    let quarter = (len / 4).saturating_sub(MESSAGE_HEADER);
    if quarter < STREAM_CHUNK {
        quarter
    } else {
        STREAM_CHUNK
    }
}

/// Payload for which a ring of `len` data bytes must have room before its sender counts as able to write. A stream's writer
/// that woke for every freed slot would send in crumbs; the reader gives back quarters, so an eighth comes.
#[must_use]
pub const fn send_low_water(stream: bool, len: u32) -> u32 {
    if stream { len / 8 } else { packet_max(len) }
}

/// Whether a ring of `len` data bytes may carry a connection.
#[must_use]
pub const fn conn_ring_ok(len: u32) -> bool {
    len >= CONN_RING_MIN && len <= CONN_RING_MAX && len.is_multiple_of(v4v_ring::layout::SLOT)
}
