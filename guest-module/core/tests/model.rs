//! Two endpoints under random use, against a model of what TCP lets its users see.
//!
//! The model knows no rings: each direction is a queue of bytes, and each side has what a TCP socket has: shut directions, a
//! pending error, an end.

mod common;

use common::*;
use proptest::prelude::*;
use std::collections::VecDeque;
use v4v_sock::Errno;

#[derive(Clone, Copy, Debug)]
enum Op {
    Send(usize),
    Recv(usize),
    Peek(usize),
    ShutdownWrite,
    ShutdownRead,
    TakeError,
    Close,
    Abort,
}

fn op() -> impl Strategy<Value = (bool, Op)> {
    let op = prop_oneof![
        8 => (1_usize..3000).prop_map(Op::Send),
        4 => (1_usize..40).prop_map(Op::Send),
        8 => (1_usize..5000).prop_map(Op::Recv),
        2 => (1_usize..5000).prop_map(Op::Peek),
        1 => Just(Op::ShutdownWrite),
        1 => Just(Op::ShutdownRead),
        1 => Just(Op::TakeError),
        1 => Just(Op::Close),
        1 => Just(Op::Abort),
    ];
    (any::<bool>(), op)
}

/// One side, as TCP's user sees it.
#[derive(Debug, Default)]
struct Side {
    /// Bytes sent to this side that it has not read.
    inbox: VecDeque<u8>,
    /// The peer's FIN comes behind them.
    fin: bool,
    write_shut: bool,
    read_shut: bool,
    reset: bool,
    /// The peer's socket is no more.
    peer_closed: bool,
    error: Option<Errno>,
    /// This side's socket is no more.
    closed: bool,
}

impl Side {
    /// What a receive of `max` bytes says.
    fn recv(&mut self, max: usize, keep: bool) -> Result<Vec<u8>, Errno> {
        let n = max.min(self.inbox.len());
        if n > 0 {
            let bytes = self.inbox.iter().take(n).copied().collect();
            self.inbox.drain(..if keep { 0 } else { n });
            return Ok(bytes);
        }
        match self.error.take() {
            Some(e) => Err(e),
            None if self.fin || self.reset || self.read_shut => Ok(vec![]),
            None => Err(Errno::AGAIN),
        }
    }

    /// The error that a send must meet, if any.
    fn send_error(&mut self) -> Option<Errno> {
        let broken = self.write_shut || self.reset || self.peer_closed;
        broken.then(|| self.error.take().unwrap_or(Errno::PIPE))
    }

    fn hit_by_reset(&mut self) {
        self.reset = true;
        self.error = Some(Errno::CONNRESET);
    }
}

/// The next byte of a direction: position modulo a prime, so that a lost or doubled piece shows.
struct Bytes(usize);

impl Bytes {
    fn next(&mut self, n: usize) -> Vec<u8> {
        self.0 += n;
        (self.0 - n..self.0).map(|i| (i % 251) as u8).collect()
    }
}

struct World {
    real: [Option<Conn>; 2],
    model: [Side; 2],
    bytes: [Bytes; 2],
}

impl World {
    fn step(&mut self, me: usize, op: Op) -> Result<(), TestCaseError> {
        let Some(mut conn) = self.real[me].take() else {
            return Ok(());
        };
        let [left, right] = &mut self.model;
        let (mine, peer) = if me == 0 { (left, right) } else { (right, left) };
        match op {
            Op::Send(n) => send_step(&mut conn, mine, peer, &mut self.bytes[me], n)?,
            Op::Recv(n) => prop_assert_eq!(recv(&mut conn, n), mine.recv(n, false)),
            Op::Peek(n) => prop_assert_eq!(peek(&mut conn, n), mine.recv(n, true)),
            Op::ShutdownWrite => {
                prop_assert_eq!(conn.tx.shutdown(&conn.conn).is_ok(), !mine.reset);
                mine.write_shut |= !mine.reset;
                peer.fin |= !mine.reset;
            }
            Op::ShutdownRead => {
                conn.conn.shutdown_read();
                mine.read_shut = true;
            }
            Op::TakeError => {
                // The error is pending once somebody has looked; poll looks.
                conn.poll();
                prop_assert_eq!(conn.conn.take_error(), mine.error.take());
            }
            Op::Close | Op::Abort => {
                close_step(conn, mine, peer, matches!(op, Op::Close));
                return Ok(());
            }
        }
        self.real[me] = Some(conn);
        Ok(())
    }

    /// Poll agrees with what a receive or a send would do now.
    fn check_poll(&mut self) -> Result<(), TestCaseError> {
        for (conn, side) in self.real.iter_mut().zip(&self.model) {
            let Some(conn) = conn else { continue };
            let poll = conn.poll();
            let ended = side.fin || side.reset || side.read_shut;
            prop_assert_eq!(poll.input, !side.inbox.is_empty() || ended);
            prop_assert_eq!(poll.err, side.error.is_some());
            prop_assert!(poll.output || !(side.write_shut || side.reset || side.peer_closed));
            prop_assert_eq!(poll.rdhup, ended);
            prop_assert_eq!(poll.hup, side.reset || ended && side.write_shut);
            prop_assert_eq!(conn.rx.available(&conn.conn), side.inbox.len());
        }
        Ok(())
    }
}

fn send_step(
    conn: &mut Conn,
    mine: &mut Side,
    peer: &mut Side,
    bytes: &mut Bytes,
    n: usize,
) -> Result<(), TestCaseError> {
    let data = bytes.next(n);
    let outcome = send(conn, &data);
    bytes.0 -= n - outcome.unwrap_or(0);
    if let Some(e) = mine.send_error() {
        prop_assert_eq!(outcome, Err(e));
        return Ok(());
    }
    match outcome {
        Ok(sent) => {
            prop_assert!(sent > 0 && sent <= n);
            peer.inbox.extend(&data[..sent]);
        }
        Err(e) => {
            prop_assert_eq!(e, Errno::AGAIN);
            prop_assert!(!peer.inbox.is_empty(), "an empty ring took nothing");
        }
    }
    Ok(())
}

fn close_step(mut conn: Conn, mine: &mut Side, peer: &mut Side, politely: bool) {
    if politely {
        conn.close().unwrap();
    } else {
        conn.conn.abort();
    }
    mine.closed = true;
    let clean = politely && mine.inbox.is_empty();
    if peer.closed || peer.reset {
        return;
    }
    // A FIN that was sent before counts even if the rest ends badly: the peer has its end of stream.
    if clean || peer.fin {
        peer.fin = true;
        peer.peer_closed = true;
    } else {
        peer.hit_by_reset();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn two_endpoints_show_their_users_what_tcp_would(ops in proptest::collection::vec(op(), 1..80)) {
        let (hub, a, b) = streams();
        let mut world =
            World { real: [Some(a), Some(b)], model: [Side::default(), Side::default()], bytes: [Bytes(0), Bytes(0)] };
        for (side, op) in ops {
            world.step(usize::from(side), op)?;
            world.check_poll()?;
        }
        drop(world);
        prop_assert_eq!(hub.rings(), 0);
    }
}
