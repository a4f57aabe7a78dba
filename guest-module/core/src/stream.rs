//! The sending half of a connection.
//!
//! A stream's bytes go out in messages of at most [`chunk_max`] bytes, a packet in one. The peer's ring is the only
//! buffer: what does not fit is not taken. Data leaves [`CONTROL_RESERVE`] bytes of ring free, so that FIN fits behind it.
//!
//! ```text
//!   send ──► state? ──► Transmit::send: reserve, copy, publish, signal ──► done       (one message: the short way)
//!              │                  │ longer, or no room
//!              ▼                  ▼
//!            EPIPE, reset      further messages, the last one cut to what fits; nothing at all: EAGAIN
//! ```

use crate::conn::{Conn, flag};
use crate::errno::Errno;
use crate::frame::{SocketKind, kind};
use crate::limits::{CONTROL_RESERVE, chunk_max, packet_max, send_low_water};
use crate::platform::{Payload, Platform, Transmit};

/// The sending half; `send`, `shutdown` and waiting for space go through it.
#[derive(Debug)]
pub struct TxHalf<P: Platform> {
    /// Absent where the peer was gone before the connection was complete.
    tx: Option<P::Tx>,
    stream: bool,
    /// Greatest payload of one message.
    message_max: u32,
    /// Payload that must fit before the half counts as writable.
    low_water: u32,
}

impl<P: Platform> TxHalf<P> {
    /// `len`: data bytes of the peer's ring, by its claim.
    pub(crate) fn new(tx: Option<P::Tx>, kind: SocketKind, len: u32) -> Self {
        let stream = kind == SocketKind::Stream;
        Self {
            tx,
            stream,
            message_max: if stream { chunk_max(len) } else { packet_max(len) },
            low_water: send_low_water(stream, len),
        }
    }

    /// Greatest payload of one packet in bytes; a longer one is [`Errno::MSGSIZE`] on a packet socket.
    pub const fn message_max(&self) -> u32 {
        self.message_max
    }

    /// Sends up to `len` bytes of `payload`; returns how many were taken. A packet is taken wholly or not at all.
    ///
    /// # Errors
    /// [`Errno::AGAIN`] without room, [`Errno::PIPE`] after shutdown or the peer's close, [`Errno::CONNRESET`] once after a
    /// reset, [`Errno::MSGSIZE`] for too long a packet, the home's where the payload cannot be read.
    #[inline]
    pub fn send(&mut self, conn: &Conn<P>, payload: &mut Payload<'_, P>, len: usize) -> Result<usize, Errno> {
        if let (false, Some(tx), Some(one)) = (
            conn.has(flag::NO_SEND),
            &mut self.tx,
            one_message(len, self.message_max),
        ) {
            match tx.send(kind::DATA, payload, one, CONTROL_RESERVE) {
                Ok(()) => return Ok(len),
                Err(e) if e != Errno::AGAIN || !self.stream => return Err(self.failed(conn, e)),
                Err(_) => {}
            }
        }
        self.send_slowly(conn, payload, len)
    }

    /// Everything but one message that fits.
    #[cold]
    fn send_slowly(
        &mut self,
        conn: &Conn<P>,
        payload: &mut Payload<'_, P>,
        len: usize,
    ) -> Result<usize, Errno> {
        if conn.has(flag::NO_SEND) {
            return Err(conn.take_error().unwrap_or(Errno::PIPE));
        }
        if !self.stream {
            return self.send_packet(conn, payload, len);
        }
        let mut sent = 0;
        while sent < len {
            match self.send_part(payload, len - sent) {
                Ok(n) => sent += n,
                Err(_) if sent > 0 => break,
                Err(e) => return Err(self.failed(conn, e)),
            }
        }
        Ok(sent)
    }

    /// One message with the first bytes of the `left` ones.
    fn send_part(&mut self, payload: &mut Payload<'_, P>, left: usize) -> Result<usize, Errno> {
        let tx = self.tx.as_mut().ok_or(Errno::CONNRESET)?;
        let most = u32::try_from(left).unwrap_or(u32::MAX).min(self.message_max);
        let mut n = most;
        let mut outcome = tx.send(kind::DATA, payload, n, CONTROL_RESERVE);
        if outcome == Err(Errno::AGAIN) {
            // A room that meanwhile grew beyond the chunk was seen too late; the next call takes it.
            n = tx.room(CONTROL_RESERVE).unwrap_or(0).min(most);
            if n > 0 {
                outcome = tx.send(kind::DATA, payload, n, CONTROL_RESERVE);
            }
        }
        outcome.map(|()| n as usize)
    }

    /// A packet without bytes, or one that is too long.
    fn send_packet(
        &mut self,
        conn: &Conn<P>,
        payload: &mut Payload<'_, P>,
        len: usize,
    ) -> Result<usize, Errno> {
        let n = u32::try_from(len)
            .ok()
            .filter(|n| *n <= self.message_max)
            .ok_or(Errno::MSGSIZE)?;
        let tx = self.tx.as_mut().ok_or(Errno::CONNRESET);
        match tx.and_then(|tx| tx.send(kind::DATA, payload, n, CONTROL_RESERVE)) {
            Ok(()) => Ok(len),
            Err(e) => Err(self.failed(conn, e)),
        }
    }

    /// What the user is told about a failed send.
    #[cold]
    fn failed(&mut self, conn: &Conn<P>, e: Errno) -> Errno {
        if !e.is_gone() {
            return e;
        }
        conn.peer_lost();
        conn.take_error().unwrap_or(Errno::PIPE)
    }

    /// `shutdown(SHUT_WR)`: nothing more can be sent, and the peer reads its end of stream after what was sent.
    ///
    /// # Errors
    /// [`Errno::NOTCONN`] after a reset; [`Errno::AGAIN`] where FIN finds no room: sends fail already, and the home calls
    /// [`retry_fin`](Self::retry_fin) when space comes free.
    pub fn shutdown(&mut self, conn: &Conn<P>) -> Result<(), Errno> {
        if conn.has(flag::RESET) {
            return Err(Errno::NOTCONN);
        }
        conn.set(flag::WRITE_SHUT);
        self.retry_fin(conn)
    }

    /// Whether a FIN is still to be sent.
    pub fn fin_pending(&self, conn: &Conn<P>) -> bool {
        conn.has(flag::WRITE_SHUT) && !conn.has(flag::FIN_SENT | flag::RESET | flag::PEER_CLOSED)
    }

    /// Sends the FIN that [`shutdown`](Self::shutdown) could not send; nothing where there is none.
    ///
    /// # Errors
    /// [`Errno::AGAIN`].
    pub fn retry_fin(&mut self, conn: &Conn<P>) -> Result<(), Errno> {
        if !self.fin_pending(conn) {
            return Ok(());
        }
        let tx = self.tx.as_mut().ok_or(Errno::CONNRESET);
        match tx.and_then(|tx| tx.send_control(kind::FIN, &[])) {
            Ok(()) => {
                conn.set(flag::FIN_SENT);
                Ok(())
            }
            // The last two say that there is no room, and that the hypervisor could not promise to tell of some.
            Err(Errno::AGAIN | Errno::NOMEM | Errno::BUSY) => Err(Errno::AGAIN),
            // Nobody is left who could read it.
            Err(_) => {
                conn.peer_lost();
                Ok(())
            }
        }
    }

    /// Whether a send would not wait: there is room, or it fails at once.
    pub fn writable(&mut self, conn: &Conn<P>) -> bool {
        if conn.has(flag::NO_SEND) {
            return !self.fin_pending(conn) || self.roomy(0);
        }
        self.lost(conn) || self.roomy(self.low_water)
    }

    fn roomy(&mut self, payload: u32) -> bool {
        let reserve = if payload == 0 { 0 } else { CONTROL_RESERVE };
        self.tx
            .as_mut()
            .is_none_or(|tx| tx.room(reserve).is_some_and(|room| room >= payload))
    }

    /// Whether the peer's ring is gone; notes it.
    pub(crate) fn lost(&mut self, conn: &Conn<P>) -> bool {
        let gone = self.tx.as_ref().is_none_or(Transmit::gone);
        if gone && !conn.has(flag::RESET | flag::PEER_CLOSED) {
            conn.peer_lost();
        }
        gone
    }

    /// Before waiting for space: says so (`wish`: bits of [`v4v_ring::layout::space`]) and looks once more. `None`: do not
    /// wait, try again. Otherwise the value of the word to sleep on.
    pub fn before_sleep(&mut self, conn: &Conn<P>, wish: u32) -> Option<u32> {
        let word = self.tx.as_mut()?.want_space(wish);
        if self.writable(conn) { None } else { Some(word) }
    }

    /// The way into the peer's ring: a home finds there what to sleep on. `None` where the peer was gone from the start.
    pub const fn transmit(&self) -> Option<&P::Tx> {
        self.tx.as_ref()
    }
}

/// `len` as one message's payload, where it is one.
#[inline]
fn one_message(len: usize, most: u32) -> Option<u32> {
    if len.wrapping_sub(1) < most as usize {
        u32::try_from(len).ok()
    } else {
        None
    }
}
