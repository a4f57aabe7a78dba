//! The receiving half of a connection: out of the own ring, straight into the reader's buffers.
//!
//! The reader gives ring back late: when a quarter of it is read, or before it sleeps. Between two messages it then
//! touches no word that the sender looks at. A sender of small messages never waits for that quarter, and a packet
//! takes at most half of the ring, so a reader that has read everything never holds a sender up.
//!
//! The order in which things end: bytes first; then the error of a reset, once; then end of stream for ever.

use crate::conn::{Conn, flag};
use crate::errno::Errno;
use crate::frame::{SocketKind, kind};
use crate::platform::Platform;
use core::marker::PhantomData;
use v4v_ring::mem::Sink;
use v4v_ring::{Consumer, Message, RingMem, wake};

/// What a receive returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Received {
    /// Bytes copied. On a stream 0 says end of stream, unless 0 were asked for.
    pub bytes: usize,
    /// Bytes of the whole packet or datagram; those copied, on a stream.
    pub full: usize,
    /// A packet or datagram ends here (`MSG_EOR`). Without it, 0 bytes on a packet socket say end of stream.
    pub end: bool,
}

impl Received {
    /// End of stream.
    pub const EOF: Self = Self {
        bytes: 0,
        full: 0,
        end: false,
    };

    /// Whether bytes of a packet or datagram did not fit and are lost (`MSG_TRUNC`).
    #[must_use]
    pub const fn truncated(&self) -> bool {
        self.full > self.bytes
    }
}

/// How to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct RecvFlags {
    /// Leave the bytes where they are (`MSG_PEEK`).
    pub peek: bool,
}

/// Where a reader stands.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    consumer: Consumer,
    /// A stream's message that is read in part, with the bytes already read. Its header is not looked at again.
    part: Option<(Message, u32)>,
}

/// Why [`Cursor::gather`] stopped.
enum Stop {
    /// The buffer is full.
    Full,
    /// The ring is empty.
    Empty,
    /// A message that is no data is in front.
    Control(Message),
    /// What is in front cannot be.
    Corrupt,
    /// The buffer cannot be written.
    Fault(Errno),
}

/// The receiving half; receives and waiting for data go through it.
#[derive(Debug)]
pub struct RxHalf<P: Platform> {
    at: Cursor,
    /// Read bytes of ring at which they are given back.
    quarter: u32,
    /// Nothing more will be read from the ring.
    ended: bool,
    platform: PhantomData<fn() -> P>,
}

impl Cursor {
    /// The message in front.
    #[inline]
    fn front<M: RingMem>(&mut self, mem: &M) -> Result<(Message, u32), Stop> {
        if let Some(part) = self.part {
            return Ok(part);
        }
        match self.consumer.peek(mem) {
            Ok(Some(message)) => Ok((message, 0)),
            Ok(None) => Err(Stop::Empty),
            Err(_) => Err(Stop::Corrupt),
        }
    }

    /// Copies a stream's bytes to `sink` until it has `max`, or something else comes. `consumed` runs after each message.
    #[inline]
    fn gather<P: Platform, S: Sink<P::Mem> + ?Sized>(
        &mut self,
        conn: &Conn<P>,
        sink: &mut S,
        max: usize,
        consumed: impl Fn(&mut Consumer),
    ) -> (usize, Stop)
    where
        Errno: From<S::Error>,
    {
        let mem = conn.ring().mem();
        let mut got = 0;
        while got < max {
            let (message, skip) = match self.front(mem) {
                Ok(front) => front,
                Err(stop) => return (got, stop),
            };
            if !is_data(conn, &message) {
                return (got, Stop::Control(message));
            }
            let want = u32::try_from(max - got).unwrap_or(u32::MAX);
            let n = match message.copy(mem, skip, want, sink) {
                Ok(n) => n,
                Err(e) => return (got, Stop::Fault(e.into())),
            };
            got += n as usize;
            if skip + n < message.len {
                self.part = Some((message, skip + n));
                break;
            }
            self.part = None;
            self.consumer.consume(mem, &message);
            consumed(&mut self.consumer);
        }
        (got, Stop::Full)
    }
}

impl<P: Platform> RxHalf<P> {
    pub(crate) fn new(consumer: Consumer, ring_len: u32) -> Self {
        let at = Cursor { consumer, part: None };
        Self {
            at,
            quarter: ring_len / 4,
            ended: false,
            platform: PhantomData,
        }
    }

    /// Receives up to `max` bytes into `sink`: on a stream what is there, of several messages; on a packet socket one packet.
    ///
    /// # Errors
    /// [`Errno::AGAIN`] where nothing is there, [`Errno::CONNRESET`] once after a reset, the sink's.
    #[inline]
    pub fn recv<S: Sink<P::Mem> + ?Sized>(
        &mut self,
        conn: &Conn<P>,
        sink: &mut S,
        max: usize,
        flags: RecvFlags,
    ) -> Result<Received, Errno>
    where
        Errno: From<S::Error>,
    {
        if conn.kind != SocketKind::Stream {
            return self.recv_packet(conn, sink, max, flags);
        }
        if max == 0 {
            return Ok(Received::EOF);
        }
        // Each round but the last ends for ever one of the few things that can still happen.
        while !self.ended {
            let (bytes, stop) = if flags.peek {
                // What the copy finds in front is then in front of the original too.
                let _ = self.at.consumer.has_message(conn.ring().mem());
                let mut look = self.at;
                look.gather(conn, sink, max, |_| ())
            } else {
                let quarter = self.quarter;
                self.at
                    .gather(conn, sink, max, |consumer| give_back(conn, consumer, quarter))
            };
            if bytes > 0 {
                return Ok(Received {
                    bytes,
                    full: bytes,
                    end: false,
                });
            }
            if let Err(e) = self.settle(conn, stop) {
                return nothing(conn, e);
            }
        }
        end(conn)
    }

    /// One packet.
    #[inline]
    fn recv_packet<S: Sink<P::Mem> + ?Sized>(
        &mut self,
        conn: &Conn<P>,
        sink: &mut S,
        max: usize,
        flags: RecvFlags,
    ) -> Result<Received, Errno>
    where
        Errno: From<S::Error>,
    {
        let mem = conn.ring().mem();
        while !self.ended {
            let stop = match self.at.front(mem) {
                Ok((message, _)) if is_data(conn, &message) => {
                    let want = u32::try_from(max).unwrap_or(u32::MAX);
                    let bytes = message.copy(mem, 0, want, sink)? as usize;
                    if !flags.peek {
                        self.at.consumer.consume(mem, &message);
                        give_back(conn, &mut self.at.consumer, self.quarter);
                    }
                    return Ok(Received {
                        bytes,
                        full: message.len as usize,
                        end: true,
                    });
                }
                Ok((message, _)) => Stop::Control(message),
                Err(stop) => stop,
            };
            if let Err(e) = self.settle(conn, stop) {
                return nothing(conn, e);
            }
        }
        end(conn)
    }

    /// Deals with what stands in front of, or instead of, further data. `Ok`: look again.
    #[cold]
    fn settle(&mut self, conn: &Conn<P>, stop: Stop) -> Result<(), Errno> {
        match stop {
            Stop::Fault(e) => return Err(e),
            // Nothing was copied into a buffer with room: the sink is at fault.
            Stop::Full => return Err(Errno::INVAL),
            Stop::Empty => return self.settle_empty(conn),
            Stop::Control(m) if m.kind == kind::FIN && m.source == conn.peer_ring => {
                conn.set(flag::FIN_SEEN);
                self.at.consumer.consume(conn.ring().mem(), &m);
            }
            Stop::Control(_) | Stop::Corrupt => conn.violated(),
        }
        self.ended = true;
        Ok(())
    }

    /// The ring is empty: is that the end?
    fn settle_empty(&mut self, conn: &Conn<P>) -> Result<(), Errno> {
        if !conn.ring().peer_gone() && !conn.has(flag::RESET | flag::PEER_CLOSED) {
            return Err(Errno::AGAIN);
        }
        // The peer's last messages came before its end was noted, but perhaps after the ring was looked at.
        match self.at.consumer.has_message(conn.ring().mem()) {
            Ok(true) => return Ok(()),
            Ok(false) => conn.reset_by_peer(),
            Err(_) => conn.violated(),
        }
        self.ended = true;
        Ok(())
    }

    /// Whether the ring holds something, at the price of one load: what a home asks while it spins.
    #[inline]
    pub fn has_data(&mut self, conn: &Conn<P>) -> bool {
        self.ended || self.at.part.is_some() || self.at.consumer.has_message(conn.ring().mem()) != Ok(false)
    }

    /// Whether a receive would not wait: there is data, or it ends at once.
    pub fn readable(&mut self, conn: &Conn<P>) -> bool {
        if !self.has_data(conn) {
            return conn.has(flag::READ_SHUT | flag::RESET | flag::PEER_CLOSED) || conn.ring().peer_gone();
        }
        true
    }

    /// Notes a FIN or an end that no data stands before, so that flags and errors are up to date.
    pub(crate) fn refresh(&mut self, conn: &Conn<P>) {
        if self.ended || self.at.part.is_some() {
            return;
        }
        let stop = match self.at.front(conn.ring().mem()) {
            Ok((m, _)) if is_data(conn, &m) => return,
            Ok((m, _)) => Stop::Control(m),
            Err(stop) => stop,
        };
        // Nothing, or a message that came just now: the next look finds it.
        let _ = self.settle(conn, stop);
    }

    /// Whether bytes wait that were never read.
    pub(crate) fn unread(&mut self, conn: &Conn<P>) -> bool {
        self.refresh(conn);
        !self.ended && self.has_data(conn)
    }

    /// Bytes that can be read now (`FIONREAD`, `SIOCINQ`): all of a stream's, the first packet's otherwise.
    pub fn available(&mut self, conn: &Conn<P>) -> usize {
        let mem = conn.ring().mem();
        let Ok(mut left) = self.at.consumer.backlog(mem) else {
            return 0;
        };
        let mut look = self.at;
        let mut bytes = 0;
        // A peer that keeps writing cannot make this longer than the ring was.
        while left > 0 && !self.ended {
            let Ok((message, skip)) = look.front(mem) else {
                break;
            };
            if !is_data(conn, &message) {
                break;
            }
            bytes += (message.len - skip) as usize;
            look.part = None;
            look.consumer.consume(mem, &message);
            left = left.saturating_sub(v4v_ring::cursor::footprint(message.len));
            if conn.kind != SocketKind::Stream {
                break;
            }
        }
        bytes
    }

    /// Before waiting for data: gives read ring back, says what is wished (`wish`: bits of
    /// [`v4v_ring::layout::event`](mod@v4v_ring::layout::event)), and looks once more. `None`: do not wait, try again.
    /// Otherwise the value of the own ring's event word to sleep on.
    pub fn before_sleep(&mut self, conn: &Conn<P>, wish: u32) -> Option<u32> {
        conn.ring().publish_all(&mut self.at.consumer);
        let word = wake::want_data(conn.ring().mem(), wish);
        if self.readable(conn) { None } else { Some(word) }
    }
}

/// Whether a message is data of the peer's. On a stream an empty one is not: a peer could keep a reader busy with them.
#[inline]
fn is_data<P: Platform>(conn: &Conn<P>, message: &Message) -> bool {
    let counts = message.len > 0 || conn.kind != SocketKind::Stream;
    message.kind == kind::DATA && message.source == conn.peer_ring && counts
}

/// Gives read ring back when a quarter of it has come together.
#[inline]
fn give_back<P: Platform>(conn: &Conn<P>, consumer: &mut Consumer, quarter: u32) {
    if consumer.unpublished(conn.ring().mem().data_len()) >= quarter {
        conn.ring().publish(consumer);
    }
}

/// What a receive says that found no data and no end: it would wait, or the user does not want to.
#[cold]
fn nothing<P: Platform>(conn: &Conn<P>, e: Errno) -> Result<Received, Errno> {
    if e == Errno::AGAIN && conn.has(flag::READ_SHUT) {
        end(conn)
    } else {
        Err(e)
    }
}

/// What a receive says after the last byte.
#[cold]
fn end<P: Platform>(conn: &Conn<P>) -> Result<Received, Errno> {
    conn.take_error().map_or(Ok(Received::EOF), Err)
}
