//! What a home provides: rings, the way into a peer's ring, randomness.
//!
//! No call may block. A call that fails has changed nothing.

use crate::errno::Errno;
use core::fmt::Debug;
use v4v_ring::{Addr, DomId, RingMem, Signal};

/// One of the own rings, as the hypervisor names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RingId {
    /// The port that it is registered under.
    pub port: u32,
    /// Who may send to it.
    pub partner: DomId,
}

/// A way to the hypervisor, cheap to clone (a counted pointer, or nothing at all).
pub trait Platform: Clone + Debug {
    /// Memory of an own ring. It stays mapped until it is dropped, also after [`unregister`](Self::unregister).
    type Mem: Receive + Debug;
    /// The way into a peer's ring.
    type Tx: Transmit + Debug;

    /// The own domain.
    fn domain(&self) -> DomId;

    /// Whether the caller may bind ports below 1024.
    fn privileged(&self) -> bool;

    /// Registers a zeroed ring of `len` data bytes, never in place of an existing one. With `watch`, the loss of the
    /// partner's ring of that port sets `PEER_GONE` in the new ring's state and signals it. The event word may start with
    /// wishes in it.
    ///
    /// # Errors
    /// [`Errno::ADDRINUSE`] where the ring exists, [`Errno::CONNREFUSED`] where the partner has no ring to watch, and the
    /// hypervisor's.
    fn register(&self, ring: RingId, len: u32, watch: Option<u32>) -> Result<Self::Mem, Errno>;

    /// Unregisters an own ring. Whoever watches it is told; what was written to it is lost.
    fn unregister(&self, ring: RingId);

    /// Makes `ring` watch the partner's ring `port` from now on, instead of what it watched. Success takes back a
    /// `PEER_GONE` that was about the earlier one.
    ///
    /// # Errors
    /// [`Errno::CONNREFUSED`] where the partner has no such ring (any more).
    fn watch(&self, ring: RingId, port: u32) -> Result<(), Errno>;

    /// Opens the way into the ring `remote`, which is `len` bytes long by its owner's claim and registered for this
    /// domain. Messages sent that way bear the source (own domain, `own.port`).
    ///
    /// A home that has the ring delegated makes it watch `own` in the same step, before a byte can be sent: its owner may
    /// have watched a listener until now, whose end must not look like the connection's.
    ///
    /// # Errors
    /// [`Errno::CONNREFUSED`] where there is no such ring, [`Errno::INVAL`] where the claim is wrong.
    fn open(&self, own: RingId, remote: Addr, len: u32) -> Result<Self::Tx, Errno>;

    /// Sends one message through the hypervisor: to the ring that is registered for this domain, else to the wildcard ring.
    ///
    /// # Errors
    /// [`Errno::AGAIN`] without room, [`Errno::CONNREFUSED`] without such a ring, [`Errno::MSGSIZE`], and a policy's.
    fn send_message(&self, from: u32, to: Addr, kind: u32, payload: &[&[u8]]) -> Result<(), Errno>;

    /// 64 bits that no other domain can guess.
    fn random(&self) -> u64;
}

/// An own ring's memory, and the way to tell its senders that space came free.
pub trait Receive: RingMem {
    /// Wakes those senders. `signal` says which kinds of them wait; it is never empty.
    fn space_freed(&self, signal: Signal);
}

/// The way into one remote ring.
pub trait Transmit {
    /// What the user sends from: a cursor over buffers that the home can read.
    type Payload<'a>: ?Sized;

    /// Sends the next `len` bytes of `payload` as one message, wholly or not at all, leaves `reserve` bytes of ring free,
    /// and signals the receiver where it wants to be.
    ///
    /// # Errors
    /// [`Errno::AGAIN`] without room (the payload has not moved), one that [is gone](Errno::is_gone) when the ring is,
    /// [`Errno::MSGSIZE`] where the ring can never take it, the home's [`Errno::FAULT`] where the payload cannot be read.
    fn send(
        &mut self,
        kind: u32,
        payload: &mut Self::Payload<'_>,
        len: u32,
        reserve: u32,
    ) -> Result<(), Errno>;

    /// The same for a message of the protocol's own, without reserve.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    fn send_control(&mut self, kind: u32, payload: &[u8]) -> Result<(), Errno>;

    /// Greatest payload that fits now and leaves `reserve` bytes of ring free; `None` where not even an empty message does.
    /// Where a home cannot know, its best guess.
    fn room(&mut self, reserve: u32) -> Option<u32>;

    /// Whether the remote ring was unregistered.
    fn gone(&self) -> bool;

    /// Says that somebody waits for space (`wish`: bits of [`v4v_ring::layout::space`]) and returns the word to sleep on,
    /// or 0 where there is none. The caller looks at [`room`](Self::room) once more before it sleeps.
    fn want_space(&mut self, wish: u32) -> u32;
}

/// What a user of platform `P` sends from.
pub type Payload<'a, P> = <<P as Platform>::Tx as Transmit>::Payload<'a>;
