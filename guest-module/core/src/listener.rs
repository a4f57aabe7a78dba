//! The listening end of the handshake.
//!
//! Requests come to one small wildcard ring; a connection is made of each as long as the backlog has room, before anybody
//! calls `accept`. What finds no room stays in the ring, and then at its sender, as a TCP SYN would be sent again.

use crate::conn::{Conn, Established};
use crate::connect::{ConnOptions, body};
use crate::errno::Errno;
use crate::frame::{
    Accept, Reject, Request, SocketKind, VERSION, VERSION_LEAST, common_version, kind, reason,
};
use crate::limits::{BACKLOG_MAX, LISTEN_RING, REQUESTS_PER_CALL};
use crate::platform::{Platform, RingId, Transmit};
use crate::poll::PollState;
use crate::recv::RxHalf;
use crate::ring::OwnRing;
use crate::stream::TxHalf;
use alloc::collections::VecDeque;
use v4v_ring::{Addr, Consumer, DomId, Message, RingMem, wake};

/// A listening socket. Dropping it refuses those that wait and resets those that nobody accepted.
#[derive(Debug)]
pub struct Listener<P: Platform> {
    ring: OwnRing<P>,
    consumer: Consumer,
    queue: VecDeque<Established<P>>,
    backlog: usize,
    /// Connections that the home keeps for `accept`.
    held: usize,
    options: ConnOptions,
}

impl<P: Platform> Listener<P> {
    /// Listens on `port`, which the caller has reserved. `backlog`: connections that may wait, cut to
    /// 1..=[`BACKLOG_MAX`]; `options`: what its connections are.
    ///
    /// # Errors
    /// [`Errno::ADDRINUSE`] where the domain has such a ring, [`Errno::INVAL`], and those of [`Platform::register`].
    pub fn listen(platform: P, port: u32, backlog: usize, options: ConnOptions) -> Result<Self, Errno> {
        options.check()?;
        let ring = OwnRing::register(
            platform,
            RingId {
                port,
                partner: DomId::ANY,
            },
            LISTEN_RING,
            None,
        )?;
        let mut this = Self {
            ring,
            consumer: Consumer::new(),
            queue: VecDeque::new(),
            backlog: 1,
            held: 0,
            options,
        };
        this.set_backlog(backlog);
        Ok(this)
    }

    /// Changes the backlog (`listen` on a socket that listens).
    pub fn set_backlog(&mut self, backlog: usize) {
        self.backlog = backlog.clamp(1, BACKLOG_MAX);
    }

    /// Changes the ring size of connections to come.
    ///
    /// # Errors
    /// [`Errno::INVAL`].
    pub fn set_ring_len(&mut self, ring_len: u32) -> Result<(), Errno> {
        let options = ConnOptions {
            ring_len,
            ..self.options
        };
        options.check()?;
        self.options = options;
        Ok(())
    }

    /// The own address.
    pub fn local(&self) -> Addr {
        Addr::new(self.ring.platform().domain(), self.ring.id().port)
    }

    /// The wildcard ring.
    pub const fn ring(&self) -> &OwnRing<P> {
        &self.ring
    }

    /// The type of its connections.
    pub const fn kind(&self) -> SocketKind {
        self.options.kind
    }

    /// Answers requests while the backlog has room. Returns whether it is to be called again at once: it stopped
    /// for its own limit. The home calls it whenever the ring is signalled.
    pub fn service(&mut self) -> bool {
        let mut handled = 0;
        while handled < REQUESTS_PER_CALL && self.next() {
            handled += 1;
        }
        self.ring.publish_all(&mut self.consumer);
        handled == REQUESTS_PER_CALL
    }

    /// Answers one request, where there is one and the backlog has room; whether that was so. For a home that keeps the connections
    /// itself, so that who accepts never waits for more than one request: it [takes](Self::take) what came of it.
    pub fn answer_one(&mut self) -> bool {
        let answered = self.next();
        self.ring.publish_all(&mut self.consumer);
        answered
    }

    fn next(&mut self) -> bool {
        if !self.has_room() {
            return false;
        }
        let Ok(Some(message)) = self.consumer.peek(self.ring.mem()) else {
            return false;
        };
        self.request(&message);
        self.consumer.consume(self.ring.mem(), &message);
        true
    }

    fn has_room(&self) -> bool {
        self.queue.len() + self.held < self.backlog
    }

    /// Says how many of the connections that the home has taken wait for `accept` there: they count as the backlog's.
    pub const fn hold(&mut self, held: usize) {
        self.held = held;
    }

    /// The oldest connection that waits, without a look at further requests.
    pub fn take(&mut self) -> Option<Established<P>> {
        self.queue.pop_front()
    }

    /// Makes a connection of one request, or says why not. What is no sound request is dropped: its sender is to blame.
    fn request(&mut self, message: &Message) {
        let Some((request, from)) = parse(&self.ring, message) else {
            return;
        };
        let outcome = match self.refusal(&request) {
            Some(reason) => Err(reason),
            None => self.connect(&request, from),
        };
        if let Err(reason) = outcome {
            reject(&self.ring, &request, from, reason);
        }
    }

    /// Why this request cannot be met, whatever the resources.
    fn refusal(&self, request: &Request) -> Option<u32> {
        if common_version(request.version, request.least).is_none() {
            return Some(reason::VERSION);
        }
        if request.kind == self.options.kind as u16 {
            None
        } else {
            Some(reason::TYPE)
        }
    }

    /// The own ring, the way into the connector's, ACCEPT. Whatever fails is taken back.
    fn connect(&mut self, request: &Request, from: Addr) -> Result<(), u32> {
        let no_resources = |_| reason::RESOURCES;
        self.queue.try_reserve(1).map_err(|_| reason::RESOURCES)?;
        let (options, platform) = (self.options, self.ring.platform());
        let watch = Some(request.ring);
        let ring = OwnRing::register_private(platform.clone(), from.domain, options.ring_len, watch);
        let ring = ring.map_err(no_resources)?;
        let peer_ring = Addr::new(from.domain, request.ring);
        let mut tx = platform
            .open(ring.id(), peer_ring, request.ring_len)
            .map_err(no_resources)?;
        let version = common_version(request.version, request.least).ok_or(reason::VERSION)?;
        let (own, ring_len) = (ring.id().port, ring.mem().data_len());
        let accept = Accept {
            version,
            ring: own,
            ring_len,
            cookie: request.cookie,
        };
        tx.send_control(kind::ACCEPT, &accept.encode())
            .map_err(no_resources)?;
        let remote = Addr::new(from.domain, request.port);
        let tx = TxHalf::new(Some(tx), options.kind, request.ring_len);
        let rx = RxHalf::new(Consumer::new(), ring_len);
        let conn = Conn::new(ring, options.kind, self.local(), remote, peer_ring);
        self.queue.push_back(Established { conn, tx, rx });
        Ok(())
    }

    /// The oldest connection that waits; its place in the backlog goes to the next request.
    ///
    /// # Errors
    /// [`Errno::AGAIN`] where none waits.
    pub fn accept(&mut self) -> Result<Established<P>, Errno> {
        if self.queue.is_empty() {
            self.service();
        }
        let taken = self.queue.pop_front().ok_or(Errno::AGAIN)?;
        self.service();
        Ok(taken)
    }

    /// Connections that wait for [`accept`](Self::accept).
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// What the socket is ready for.
    pub fn poll(&mut self) -> PollState {
        if self.queue.is_empty() {
            self.service();
        }
        PollState {
            input: !self.queue.is_empty(),
            ..PollState::default()
        }
    }

    /// Before waiting for requests: arms the ring's event word (`wish` as in [`RxHalf::before_sleep`]) and looks once more.
    /// `None`: do not wait, call [`service`](Self::service). With a full backlog it waits for `accept` instead.
    pub fn before_sleep(&mut self, wish: u32) -> Option<u32> {
        let word = wake::want_data(self.ring.mem(), wish);
        // A ring that its owner cannot read stays as it is: the hypervisor alone writes it.
        let more = self.consumer.has_message(self.ring.mem()) == Ok(true);
        if more && self.has_room() { None } else { Some(word) }
    }
}

impl<P: Platform> Drop for Listener<P> {
    fn drop(&mut self) {
        // First the ring goes, so that no request comes any more; then what had come is answered. A ring's length bounds that.
        self.ring.unregister();
        while let Ok(Some(message)) = self.consumer.peek(self.ring.mem()) {
            if let Some((request, from)) = parse(&self.ring, &message) {
                reject(&self.ring, &request, from, reason::CLOSED);
            }
            self.consumer.consume(self.ring.mem(), &message);
        }
    }
}

/// The request in a message, with its sender. The hypervisor vouches for the domain; the port is that of the ring.
pub(crate) fn parse<P: Platform>(ring: &OwnRing<P>, message: &Message) -> Option<(Request, Addr)> {
    if message.kind != kind::REQUEST {
        return None;
    }
    let request = Request::decode(&body::<P, { Request::SIZE }>(ring, message)?)?;
    let sound = request.plausible() && request.ring == message.source.port;
    sound.then_some((request, message.source))
}

/// Tells a connector why. Where that cannot be sent, its ring is gone, or it waits until its time is over.
pub(crate) fn reject<P: Platform>(ring: &OwnRing<P>, request: &Request, from: Addr, reason: u32) {
    let reject = Reject {
        version: VERSION,
        least: VERSION_LEAST,
        reason,
        cookie: request.cookie,
    };
    let to = Addr::new(from.domain, request.ring);
    let _ = ring
        .platform()
        .send_message(ring.id().port, to, kind::REJECT, &[&reject.encode()]);
}
