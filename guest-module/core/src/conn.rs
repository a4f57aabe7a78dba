//! What the two directions of a connection share.

use crate::errno::Errno;
use crate::frame::{SocketKind, kind};
use crate::platform::Platform;
use crate::recv::RxHalf;
use crate::ring::OwnRing;
use crate::stream::TxHalf;
use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use v4v_ring::cursor::{advance, check_tx, footprint, sanitize_rx, used};
use v4v_ring::layout::MESSAGE_HEADER;
use v4v_ring::{Addr, MessageHeader, RingMem, Word};

/// What has happened to a connection; bits of [`Conn`]'s flags, which are only ever set.
pub(crate) mod flag {
    /// The own side sends nothing more.
    pub(crate) const WRITE_SHUT: u32 = 1;
    /// FIN is in the peer's ring.
    pub(crate) const FIN_SENT: u32 = 2;
    /// The own user wants to read nothing more.
    pub(crate) const READ_SHUT: u32 = 4;
    /// The peer's FIN was read.
    pub(crate) const FIN_SEEN: u32 = 8;
    /// The peer is gone after its FIN: nobody will read what is sent.
    pub(crate) const PEER_CLOSED: u32 = 16;
    /// The connection was reset, by either side.
    pub(crate) const RESET: u32 = 32;
    /// Sends fail.
    pub(crate) const NO_SEND: u32 = WRITE_SHUT | PEER_CLOSED | RESET;
}

/// The shared part of a connection. Both halves refer to it in each call; it is `Sync` where the platform's parts are.
#[derive(Debug)]
pub struct Conn<P: Platform> {
    ring: OwnRing<P>,
    pub(crate) kind: SocketKind,
    local: Addr,
    remote: Addr,
    /// The peer's ring: the source of all its messages.
    pub(crate) peer_ring: Addr,
    flags: AtomicU32,
    /// An errno that nobody has been told yet, or 0.
    error: AtomicI32,
}

/// A connection: its shared part and its two halves.
#[derive(Debug)]
pub struct Established<P: Platform> {
    /// The shared part.
    pub conn: Conn<P>,
    /// The sending half.
    pub tx: TxHalf<P>,
    /// The receiving half.
    pub rx: RxHalf<P>,
}

impl<P: Platform> Conn<P> {
    pub(crate) fn new(
        ring: OwnRing<P>,
        kind: SocketKind,
        local: Addr,
        remote: Addr,
        peer_ring: Addr,
    ) -> Self {
        let (flags, error) = (AtomicU32::new(0), AtomicI32::new(0));
        Self {
            ring,
            kind,
            local,
            remote,
            peer_ring,
            flags,
            error,
        }
    }

    /// The own address.
    pub const fn local(&self) -> Addr {
        self.local
    }

    /// The peer's address.
    pub const fn remote(&self) -> Addr {
        self.remote
    }

    /// `SOCK_STREAM` or `SOCK_SEQPACKET`.
    pub const fn kind(&self) -> SocketKind {
        self.kind
    }

    /// The own ring.
    #[inline]
    pub const fn ring(&self) -> &OwnRing<P> {
        &self.ring
    }

    #[inline]
    pub(crate) fn has(&self, bits: u32) -> bool {
        self.flags.load(Ordering::Acquire) & bits != 0
    }

    /// Sets bits; whether none of them was set before.
    pub(crate) fn set(&self, bits: u32) -> bool {
        self.flags.fetch_or(bits, Ordering::AcqRel) & bits == 0
    }

    /// Takes the error that waits, if any (`SO_ERROR`).
    pub fn take_error(&self) -> Option<Errno> {
        if self.error.load(Ordering::Acquire) == 0 {
            return None;
        }
        Some(self.error.swap(0, Ordering::AcqRel))
            .filter(|e| *e != 0)
            .map(Errno)
    }

    /// An error that ended a call which had done a part, and told of that instead: the next call tells of it.
    pub fn put_back(&self, error: Errno) {
        // Any other is found again as it was found.
        if error == Errno::CONNRESET {
            self.error.store(error.0, Ordering::Release);
        }
    }

    /// Whether an error waits.
    pub(crate) fn has_error(&self) -> bool {
        self.error.load(Ordering::Acquire) != 0
    }

    /// Whether the connection was reset.
    pub fn is_reset(&self) -> bool {
        self.has(flag::RESET)
    }

    /// `shutdown(SHUT_RD)`: from now on a receive that finds nothing says end of stream. As in Linux's TCP, bytes that
    /// are there, or still come, can be read.
    pub fn shutdown_read(&self) {
        self.set(flag::READ_SHUT);
    }

    /// Gives the connection up without farewell: the peer sees a reset (`SO_LINGER` with time 0).
    pub fn abort(&self) {
        self.set(flag::RESET);
        self.ring.unregister();
    }

    /// Closes: with unread bytes as a reset, else with FIN. What was sent stays readable for the peer.
    ///
    /// # Errors
    /// [`Errno::AGAIN`] where FIN finds no room: the home keeps all three parts and calls again when space comes free.
    /// Where data leaves room for it (hosted) that does not happen. Dropping the parts instead resets.
    pub fn close(&self, tx: &mut TxHalf<P>, rx: &mut RxHalf<P>) -> Result<(), Errno> {
        if rx.unread(self) {
            self.abort();
            return Ok(());
        }
        if tx.shutdown(self) == Err(Errno::AGAIN) {
            return Err(Errno::AGAIN);
        }
        self.ring.unregister();
        Ok(())
    }

    /// The first reset leaves an error for whoever asks first.
    pub(crate) fn reset_by_peer(&self) {
        if self.set(flag::RESET) {
            self.error.store(Errno::CONNRESET.0, Ordering::Release);
        }
    }

    /// The peer broke the protocol: it loses this connection, and learns that.
    pub(crate) fn violated(&self) {
        self.reset_by_peer();
        self.ring.unregister();
    }

    /// The sender found the peer's ring gone. A peer that said FIN has closed; any other is lost.
    pub(crate) fn peer_lost(&self) {
        // The order matters: a reader that passes FIN meanwhile has set its flag before it gives the ring back.
        if self.fin_in_ring() || self.has(flag::FIN_SEEN) {
            self.set(flag::PEER_CLOSED);
        } else {
            self.reset_by_peer();
        }
    }

    /// Whether a FIN waits behind unread bytes of a peer that is still there: it is always the last message, and a bare
    /// header. So where the last slot is none, which one look tells, the ring need not be walked.
    pub(crate) fn fin_ahead(&self) -> bool {
        let mem = self.ring.mem();
        let len = mem.data_len();
        let Some(end) = check_tx(mem.load(Word::Tx), len) else {
            return false;
        };
        let mut raw = [0; MESSAGE_HEADER as usize];
        // A ring is at least three slots long, so the sum does not wrap.
        mem.read(advance(end, len - MESSAGE_HEADER, len), &mut raw);
        let last = MessageHeader::decode(raw);
        let like_fin = last.kind == kind::FIN && last.len == MESSAGE_HEADER && last.source == self.peer_ring;
        like_fin && self.fin_in_ring()
    }

    /// Whether a FIN is among the messages not yet given back. Bytes of data may look like one, so each header is passed
    /// from the first on. A peer that lies only chooses which of two ends its own connection has.
    fn fin_in_ring(&self) -> bool {
        let mem = self.ring.mem();
        let len = mem.data_len();
        let mut at = sanitize_rx(mem.load(Word::Rx), len);
        let Some(end) = check_tx(mem.load(Word::Tx), len) else {
            return false;
        };
        let mut left = used(at, end, len);
        while left > 0 {
            let mut raw = [0; MESSAGE_HEADER as usize];
            mem.read(at, &mut raw);
            let header = MessageHeader::decode(raw);
            if header.kind == kind::FIN {
                return true;
            }
            let Some(payload) = header
                .len
                .checked_sub(MESSAGE_HEADER)
                .filter(|_| header.len <= left)
            else {
                return false;
            };
            let step = footprint(payload);
            at = advance(at, step, len);
            left -= step;
        }
        false
    }
}

impl<P: Platform> Established<P> {
    /// Closes; see [`Conn::close`].
    ///
    /// # Errors
    /// [`Errno::AGAIN`].
    pub fn close(&mut self) -> Result<(), Errno> {
        self.conn.close(&mut self.tx, &mut self.rx)
    }

    /// What the connection is ready for.
    pub fn poll(&mut self) -> crate::PollState {
        crate::poll::connection(&self.conn, &mut self.tx, &mut self.rx)
    }
}
