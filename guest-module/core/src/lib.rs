//! The V4V socket family: streams, packets and datagrams between the domains of one host.
//!
//! This crate is the protocol and its state, with no I/O of its own. Every operation is non-blocking and answers
//! [`Errno::AGAIN`] where a caller would have to wait; locks, waiting, timeouts, descriptors and signals belong to the
//! *home* (a process, the Linux kernel), which also implements [`Platform`]. The bytes on the wire are described in
//! `docs/PROTOCOL.md`.
//!
//! ```text
//!   Connector ──REQUEST──► Listener            Conn: what both directions share (flags, pending error, own ring)
//!       │ ◄──── ACCEPT ───────┤                TxHalf: sends into the peer's ring
//!       ▼                     ▼                RxHalf: reads the own ring
//!   Established { conn, tx, rx } on both sides; the halves may sit under two locks
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | [`platform`] | the traits that a home implements |
//! | [`frame`] | message kinds and the bytes of the handshake |
//! | [`ring`] | an own ring, unregistered when dropped |
//! | [`conn`] | the shared part of a connection |
//! | [`stream`], [`recv`] | its two directions |
//! | [`connect`], [`listener`] | the two ends of the handshake |
//! | [`dgram`] | datagram sockets |
//! | [`port`] | which ports are taken in this home |
//! | [`poll`] | what a socket is ready for |
//! | [`limits`] | every maximum, with its reason |
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(test, feature = "testing"))]
extern crate std;

pub mod conn;
pub mod connect;
pub mod dgram;
pub mod errno;
pub mod frame;
pub mod limits;
pub mod listener;
pub mod platform;
pub mod poll;
pub mod port;
pub mod recv;
pub mod ring;
pub mod stream;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use conn::{Conn, Established};
pub use connect::Connector;
pub use dgram::{Datagram, DatagramRx};
pub use errno::Errno;
pub use frame::SocketKind;
pub use listener::Listener;
pub use platform::{Payload, Platform, Receive, RingId, Transmit};
pub use poll::PollState;
pub use port::PortTable;
pub use recv::{Received, RecvFlags, RxHalf};
pub use ring::OwnRing;
pub use stream::TxHalf;
