//! Datagram sockets: one wildcard ring each, every message through the hypervisor.
//!
//! A datagram arrives whole, once and in its sender's order, or its sender is told: `ECONNREFUSED` without receiver, `EAGAIN`
//! without room. Nothing is dropped silently but what a connected socket gets from strangers.

use crate::errno::Errno;
use crate::frame::{kind, reason};
use crate::limits::{DATAGRAM_MAX, RING_PORT_BIT, STRANGERS_PER_CALL};
use crate::listener::{parse, reject};
use crate::platform::{Platform, RingId};
use crate::poll::PollState;
use crate::recv::{Received, RecvFlags};
use crate::ring::OwnRing;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use v4v_ring::mem::Sink;
use v4v_ring::{Addr, Consumer, DomId, Message, RingMem, wake};

/// No peer: an address that nobody has.
const NO_PEER: u64 = u64::MAX;
const READ_SHUT: u32 = 1;
const WRITE_SHUT: u32 = 2;

/// A datagram socket's shared part: it sends. Receiving is [`DatagramRx`]'s.
#[derive(Debug)]
pub struct Datagram<P: Platform> {
    ring: OwnRing<P>,
    /// The connected peer's encoded address, or [`NO_PEER`].
    peer: AtomicU64,
    shut: AtomicU32,
}

/// A datagram socket's receiving part.
#[derive(Debug)]
pub struct DatagramRx<P: Platform> {
    consumer: Consumer,
    platform: PhantomData<fn() -> P>,
}

impl<P: Platform> Datagram<P> {
    /// A socket on `port`, which the caller has reserved, with a ring of `len` data bytes.
    ///
    /// # Errors
    /// [`Errno::ADDRINUSE`] where the domain has such a ring, and those of [`Platform::register`].
    pub fn bind(platform: P, port: u32, len: u32) -> Result<(Self, DatagramRx<P>), Errno> {
        let ring = OwnRing::register(
            platform,
            RingId {
                port,
                partner: DomId::ANY,
            },
            len,
            None,
        )?;
        let this = Self {
            ring,
            peer: AtomicU64::new(NO_PEER),
            shut: AtomicU32::new(0),
        };
        Ok((
            this,
            DatagramRx {
                consumer: Consumer::new(),
                platform: PhantomData,
            },
        ))
    }

    /// The own address.
    pub fn local(&self) -> Addr {
        Addr::new(self.ring.platform().domain(), self.ring.id().port)
    }

    /// The wildcard ring.
    pub const fn ring(&self) -> &OwnRing<P> {
        &self.ring
    }

    /// The peer of a connected socket.
    pub fn peer(&self) -> Option<Addr> {
        let raw = self.peer.load(Ordering::Acquire);
        if raw == NO_PEER {
            None
        } else {
            Some(Addr::decode(raw.to_le_bytes()).0)
        }
    }

    /// Sets the peer: where `send` goes, and whom alone `recv` hears; `None` takes it back.
    ///
    /// # Errors
    /// [`Errno::INVAL`] for an address that no socket can have.
    pub fn connect(&self, peer: Option<Addr>) -> Result<(), Errno> {
        peer.map_or(Ok(()), check)?;
        let raw = peer.map_or(NO_PEER, |to| u64::from_le_bytes(to.encode()));
        self.peer.store(raw, Ordering::Release);
        Ok(())
    }

    /// Sends one datagram made of `parts` to `to`, or to the peer.
    ///
    /// # Errors
    /// Those of [`route`](Self::route), [`Errno::AGAIN`] without room, [`Errno::CONNREFUSED`] without receiver or its domain, and a policy's.
    pub fn send(&self, to: Option<Addr>, parts: &[&[u8]]) -> Result<usize, Errno> {
        let mut len = 0_usize;
        for part in parts {
            len = len.checked_add(part.len()).ok_or(Errno::MSGSIZE)?;
        }
        let to = self.route(to, len)?;
        self.ring
            .platform()
            .send_message(self.ring.id().port, to, kind::DGRAM, parts)
            .map_err(|e| if e == Errno::SRCH { Errno::CONNREFUSED } else { e })?;
        Ok(len)
    }

    /// Where a datagram of `len` bytes to `to`, or to the peer, may go: for a home that sends it itself, as
    /// [`kind::DGRAM`] from the own ring's port.
    ///
    /// # Errors
    /// [`Errno::NOTCONN`] with neither, [`Errno::MSGSIZE`] above [`DATAGRAM_MAX`], [`Errno::PIPE`] after shutdown,
    /// [`Errno::INVAL`] for an address that no socket can have.
    pub fn route(&self, to: Option<Addr>, len: usize) -> Result<Addr, Errno> {
        if self.shut.load(Ordering::Acquire) & WRITE_SHUT != 0 {
            return Err(Errno::PIPE);
        }
        let to = to.or_else(|| self.peer()).ok_or(Errno::NOTCONN)?;
        check(to)?;
        if len <= DATAGRAM_MAX as usize {
            Ok(to)
        } else {
            Err(Errno::MSGSIZE)
        }
    }

    /// `shutdown(SHUT_RD)`: a receive that finds nothing returns 0 bytes.
    pub fn shutdown_read(&self) {
        self.shut.fetch_or(READ_SHUT, Ordering::AcqRel);
    }

    /// `shutdown(SHUT_WR)`: sends fail.
    pub fn shutdown_write(&self) {
        self.shut.fetch_or(WRITE_SHUT, Ordering::AcqRel);
    }

    fn read_shut(&self) -> bool {
        self.shut.load(Ordering::Acquire) & READ_SHUT != 0
    }
}

impl<P: Platform> DatagramRx<P> {
    /// Receives one datagram into at most `max` bytes of `sink`; the rest of it is lost. After `SHUT_RD` and with nothing
    /// there: [`Received::EOF`] and the own address.
    ///
    /// # Errors
    /// [`Errno::AGAIN`] where nothing is there (or only strangers' datagrams were: [`before_sleep`](Self::before_sleep) tells),
    /// the sink's.
    pub fn recv<S: Sink<P::Mem> + ?Sized>(
        &mut self,
        socket: &Datagram<P>,
        sink: &mut S,
        max: usize,
        flags: RecvFlags,
    ) -> Result<(Received, Addr), Errno>
    where
        Errno: From<S::Error>,
    {
        let mem = socket.ring.mem();
        let Some(message) = self.front(socket) else {
            let shut = socket.read_shut() && self.consumer.has_message(mem) != Ok(true);
            return if shut {
                Ok((Received::EOF, socket.local()))
            } else {
                Err(Errno::AGAIN)
            };
        };
        let want = u32::try_from(max).unwrap_or(u32::MAX);
        let bytes = message.copy(mem, 0, want, sink)? as usize;
        if !flags.peek {
            self.consumer.consume(mem, &message);
            self.give_back(socket);
        }
        Ok((
            Received {
                bytes,
                full: message.len as usize,
                end: true,
            },
            message.source,
        ))
    }

    /// The first datagram for this socket, behind at most so many strangers'.
    fn front(&mut self, socket: &Datagram<P>) -> Option<Message> {
        let peer = socket.peer();
        let mut found = None;
        for _ in 0..STRANGERS_PER_CALL {
            let Ok(Some(message)) = self.consumer.peek(socket.ring.mem()) else {
                break;
            };
            if message.kind == kind::DGRAM && peer.is_none_or(|p| p == message.source) {
                found = Some(message);
                break;
            }
            if let Some((request, from)) = parse(&socket.ring, &message) {
                reject(&socket.ring, &request, from, reason::TYPE);
            }
            self.consumer.consume(socket.ring.mem(), &message);
        }
        if found.is_none() {
            socket.ring.publish_all(&mut self.consumer);
        }
        found
    }

    fn give_back(&mut self, socket: &Datagram<P>) {
        let len = socket.ring.mem().data_len();
        if self.consumer.unpublished(len) >= len / 4 {
            socket.ring.publish(&mut self.consumer);
        }
    }

    /// Bytes of the next datagram (`FIONREAD`).
    pub fn available(&mut self, socket: &Datagram<P>) -> usize {
        self.front(socket).map_or(0, |message| message.len as usize)
    }

    /// What the socket is ready for.
    pub fn poll(&mut self, socket: &Datagram<P>) -> PollState {
        let shut = socket.shut.load(Ordering::Acquire);
        let (read_shut, both) = (shut & READ_SHUT != 0, shut == READ_SHUT | WRITE_SHUT);
        let input = self.front(socket).is_some() || read_shut;
        PollState {
            input,
            output: true,
            rdhup: read_shut,
            hup: both,
            err: false,
        }
    }

    /// Before waiting for a datagram: gives read ring back, arms the event word and looks once more. `None`: do not wait.
    pub fn before_sleep(&mut self, socket: &Datagram<P>, wish: u32) -> Option<u32> {
        let mem = socket.ring.mem();
        socket.ring.publish_all(&mut self.consumer);
        let word = wake::want_data(mem, wish);
        let ready = self.consumer.has_message(mem) == Ok(true) || socket.read_shut();
        if ready { None } else { Some(word) }
    }
}

/// Whether a socket can have this address.
fn check(to: Addr) -> Result<(), Errno> {
    let possible = !to.domain.is_any() && to.port != 0 && to.port & RING_PORT_BIT == 0;
    if possible { Ok(()) } else { Err(Errno::INVAL) }
}
