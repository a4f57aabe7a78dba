//! The connecting end of the handshake.
//!
//! The connector registers its own ring first, so that the answer has a place to go. The ring watches the listener until the
//! answer comes, and the peer's new ring from then on.

use crate::conn::{Conn, Established};
use crate::errno::Errno;
use crate::frame::{Accept, Reject, Request, SocketKind, VERSION, VERSION_LEAST, kind, reason};
use crate::limits::{RING_PORT_BIT, conn_ring_ok};
use crate::platform::Platform;
use crate::recv::RxHalf;
use crate::ring::{OwnRing, unbound_port};
use crate::stream::TxHalf;
use v4v_ring::{Addr, Consumer, Message, RingMem, wake};

/// What a connection is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnOptions {
    /// [`SocketKind::Stream`] or [`SocketKind::SeqPacket`].
    pub kind: SocketKind,
    /// Data bytes of the own ring: at least [`CONN_RING_MIN`](crate::limits::CONN_RING_MIN), whole slots.
    pub ring_len: u32,
}

impl ConnOptions {
    pub(crate) fn check(self) -> Result<(), Errno> {
        if self.kind.connects() && conn_ring_ok(self.ring_len) {
            Ok(())
        } else {
            Err(Errno::INVAL)
        }
    }
}

/// A connection on its way. Dropping it takes everything back.
#[derive(Debug)]
pub struct Connector<P: Platform> {
    /// Absent once the handshake has ended, in either way.
    ring: Option<OwnRing<P>>,
    consumer: Consumer,
    to: Addr,
    local: Addr,
    kind: SocketKind,
    cookie: u64,
    /// The request is in the listener's ring.
    requested: bool,
}

impl<P: Platform> Connector<P> {
    /// Starts to connect to `to`; `port` is the own socket's port where it is bound. The answer is had from
    /// [`progress`](Self::progress).
    ///
    /// # Errors
    /// [`Errno::CONNREFUSED`] where nobody listens, [`Errno::INVAL`] for impossible options or addresses, and those of
    /// [`Platform::register`] and [`Platform::send_message`].
    pub fn start(platform: P, to: Addr, options: ConnOptions, port: Option<u32>) -> Result<Self, Errno> {
        options.check()?;
        if to.domain.is_any() || to.port == 0 || to.port & RING_PORT_BIT != 0 {
            return Err(Errno::INVAL);
        }
        let cookie = platform.random();
        let domain = platform.domain();
        let ring = OwnRing::register_private(platform, to.domain, options.ring_len, Some(to.port))?;
        let local = Addr::new(domain, port.unwrap_or(unbound_port(ring.id().port)));
        let (consumer, kind) = (Consumer::new(), options.kind);
        let mut this = Self {
            ring: Some(ring),
            consumer,
            to,
            local,
            kind,
            cookie,
            requested: false,
        };
        this.request()?;
        Ok(this)
    }

    /// The own address.
    pub const fn local(&self) -> Addr {
        self.local
    }

    /// The listener's address.
    pub const fn remote(&self) -> Addr {
        self.to
    }

    /// The own ring, which the answer comes to; `None` once the handshake has ended.
    pub const fn ring(&self) -> Option<&OwnRing<P>> {
        self.ring.as_ref()
    }

    /// Sends the request unless that was done. A listener's ring without room is not an error.
    fn request(&mut self) -> Result<(), Errno> {
        let Some(ring) = self.ring.as_ref().filter(|_| !self.requested) else {
            return Ok(());
        };
        let request = Request {
            version: VERSION,
            least: VERSION_LEAST,
            kind: self.kind as u16,
            port: self.local.port,
            ring: ring.id().port,
            ring_len: ring.mem().data_len(),
            cookie: self.cookie,
        };
        match ring
            .platform()
            .send_message(ring.id().port, self.to, kind::REQUEST, &[&request.encode()])
        {
            Ok(()) => self.requested = true,
            Err(Errno::AGAIN) => {}
            Err(e) => return Err(e),
        }
        Ok(())
    }

    /// Looks for the answer. The home calls this whenever the ring is signalled, and every now and then while the request
    /// itself waits for room ([`requested`](Self::requested)).
    ///
    /// # Errors
    /// [`Errno::AGAIN`] while there is none. Any other error ends the attempt: [`Errno::CONNREFUSED`],
    /// [`Errno::PROTONOSUPPORT`] and [`Errno::PROTOTYPE`] by the listener's word, [`Errno::CONNRESET`] where what came is no
    /// answer, and those of [`start`](Self::start). Afterwards: [`Errno::CONNABORTED`].
    pub fn progress(&mut self) -> Result<Established<P>, Errno> {
        let outcome = self.answer();
        if matches!(outcome, Err(e) if e != Errno::AGAIN) {
            self.ring = None;
        }
        outcome
    }

    /// Whether the request has found room; if not, [`progress`](Self::progress) tries again.
    pub const fn requested(&self) -> bool {
        self.requested
    }

    fn answer(&mut self) -> Result<Established<P>, Errno> {
        self.request()?;
        let ring = self.ring.as_ref().ok_or(Errno::CONNABORTED)?;
        // In this order: an answer that came before the listener's end counts.
        let gone = ring.peer_gone();
        let message = self.consumer.peek(ring.mem()).map_err(|_| Errno::CONNRESET)?;
        match message {
            None if gone => Err(Errno::CONNREFUSED),
            None => Err(Errno::AGAIN),
            Some(m) if m.kind == kind::ACCEPT => self.accepted(&m),
            Some(m) if m.kind == kind::REJECT && m.source == self.to => Err(self.rejected(&m)),
            Some(_) => Err(Errno::CONNRESET),
        }
    }

    fn accepted(&mut self, message: &Message) -> Result<Established<P>, Errno> {
        let ring = self.ring.as_ref().ok_or(Errno::CONNABORTED)?;
        let accept = body::<P, { Accept::SIZE }>(ring, message).and_then(|b| Accept::decode(&b));
        let accept = accept
            .filter(|a| a.plausible() && a.cookie == self.cookie)
            .ok_or(Errno::CONNRESET)?;
        let peer_ring = Addr::new(self.to.domain, accept.ring);
        if message.source != peer_ring {
            return Err(Errno::CONNRESET);
        }
        let tx = join(ring, peer_ring, accept.ring_len)?;
        let ring = self.ring.take().ok_or(Errno::CONNABORTED)?;
        self.consumer.consume(ring.mem(), message);
        let rx = RxHalf::new(self.consumer, ring.mem().data_len());
        let conn = Conn::new(ring, self.kind, self.local, self.to, peer_ring);
        if tx.is_none() {
            // The own ring could not be turned to the peer's, so nobody will tell of its end.
            conn.peer_lost();
        }
        let tx = TxHalf::new(tx, self.kind, accept.ring_len);
        Ok(Established { conn, tx, rx })
    }

    fn rejected(&self, message: &Message) -> Errno {
        let Some(ring) = &self.ring else {
            return Errno::CONNABORTED;
        };
        let reject = body::<P, { Reject::SIZE }>(ring, message).and_then(|b| Reject::decode(&b));
        match reject {
            Some(r) if r.cookie != self.cookie => Errno::CONNRESET,
            Some(Reject {
                reason: reason::VERSION,
                ..
            }) => Errno::PROTONOSUPPORT,
            Some(Reject {
                reason: reason::TYPE, ..
            }) => Errno::PROTOTYPE,
            Some(_) => Errno::CONNREFUSED,
            None => Errno::CONNRESET,
        }
    }

    /// Before waiting for the answer: arms the ring's event word (`wish` as in [`RxHalf::before_sleep`]) and looks once more.
    /// `None`: do not wait, call [`progress`](Self::progress).
    pub fn before_sleep(&mut self, wish: u32) -> Option<u32> {
        let ring = self.ring.as_ref()?;
        let word = wake::want_data(ring.mem(), wish);
        let ready = ring.peer_gone() || self.consumer.has_message(ring.mem()) != Ok(false);
        if ready { None } else { Some(word) }
    }
}

/// Turns `ring` to the peer's ring and opens that. A peer that is gone already (it accepted, sent, and closed) leaves a
/// connection that can only be read.
fn join<P: Platform>(ring: &OwnRing<P>, peer: Addr, len: u32) -> Result<Option<P::Tx>, Errno> {
    let platform = ring.platform();
    let opened = platform
        .watch(ring.id(), peer.port)
        .and_then(|()| platform.open(ring.id(), peer, len));
    match opened {
        Ok(tx) => Ok(Some(tx)),
        Err(e) if e.is_gone() => Ok(None),
        Err(e) => Err(e),
    }
}

/// The first `N` bytes of a message, copied once; `None` where it is shorter.
pub(crate) fn body<P: Platform, const N: usize>(ring: &OwnRing<P>, message: &Message) -> Option<[u8; N]> {
    if (message.len as usize) < N {
        return None;
    }
    let mut out = [0; N];
    let mut sink: &mut [u8] = &mut out;
    message.copy(ring.mem(), 0, N as u32, &mut sink).ok()?;
    Some(out)
}
