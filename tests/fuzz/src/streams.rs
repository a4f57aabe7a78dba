//! A connection, a listener and a connector whose peer says anything.

use std::collections::VecDeque;

use v4v_ring::layout::{RING_HEADER, event, space};
use v4v_ring::testing::HeapMem;
use v4v_ring::{Addr, DomId, Producer, RingMem, Word};
use v4v_sock::connect::ConnOptions;
use v4v_sock::frame::{Accept, Reject, Request, kind};
use v4v_sock::limits::CONN_RING_MIN;
use v4v_sock::testing::{Hub, TestPlatform};
use v4v_sock::{
    Connector, Errno, Established, Listener, OwnRing, Platform, RecvFlags, RingId, SocketKind, Transmit,
};

use crate::input::Input;

type Conn = Established<TestPlatform>;

const SERVER: u16 = 1;
const CLIENT: u16 = 2;
const PORT: u32 = 5000;
const BACKLOG: usize = 3;
const KINDS: [u32; 8] = [
    kind::DATA,
    kind::FIN,
    kind::REQUEST,
    kind::ACCEPT,
    kind::REJECT,
    kind::DGRAM,
    0,
    kind::FIN + 1,
];

fn options(kind: SocketKind) -> ConnOptions {
    ConnOptions {
        kind,
        ring_len: CONN_RING_MIN,
    }
}

/// Fuzz target: see the crate's table.
///
/// # Panics
/// Where bytes that came before a violation are lost or changed, a violation does not end the connection, an end or an error is
/// told twice, a neighbour's connection suffers, a queue exceeds its limit, or a ring is left when all are closed.
pub fn stream_frames(data: &[u8]) {
    let mut input = Input::new(data);
    let hub = Hub::new();
    match input.u8() % 4 {
        0 => to_a_listener(&hub, &mut input),
        1 => to_a_connector(&hub, &mut input),
        n => {
            let kind = if n == 2 {
                SocketKind::Stream
            } else {
                SocketKind::SeqPacket
            };
            let (mut a, mut b) = pair(&hub, SocketKind::Stream);
            to_a_connection(&hub, kind, &mut input);
            assert_eq!(send(&mut a, b"unhurt"), Ok(6));
            assert_eq!(recv(&mut b, 9, false), Ok((b"unhurt".to_vec(), false)));
        }
    }
    assert_eq!(hub.rings(), 0);
}

/// A connection: the connector's end, the listener's end.
fn pair(hub: &Hub, kind: SocketKind) -> (Conn, Conn) {
    let mut door = Listener::listen(hub.domain(SERVER), PORT, 1, options(kind)).expect("a free port");
    let to = Addr::new(DomId(SERVER), PORT);
    let mut guest = Connector::start(hub.domain(CLIENT), to, options(kind), None).expect("somebody listens");
    door.service();
    let client = guest.progress().expect("it was accepted");
    (client, door.accept().expect("a connection waits"))
}

fn send(conn: &mut Conn, bytes: &[u8]) -> Result<usize, Errno> {
    let mut payload = bytes;
    conn.tx.send(&conn.conn, &mut payload, bytes.len())
}

/// What was received, and whether it is a packet.
fn recv(conn: &mut Conn, max: usize, peek: bool) -> Result<(Vec<u8>, bool), Errno> {
    let mut buffer = vec![0; max];
    let got = conn
        .rx
        .recv(&conn.conn, &mut buffer.as_mut_slice(), max, RecvFlags { peek })?;
    assert!(got.bytes <= max && got.full >= got.bytes && got.full < CONN_RING_MIN as usize);
    buffer.truncate(got.bytes);
    Ok((buffer, got.end))
}

/// The victim of a hostile peer, and what its user has to see.
struct Victim {
    conn: Conn,
    mem: HeapMem,
    producer: Producer,
    /// The only source that the victim believes.
    source: Addr,
    packets: bool,
    /// Messages that are to arrive before the end; `None` once the peer wrote to the ring itself.
    expected: Option<VecDeque<Vec<u8>>>,
    /// What follows them: nothing yet, FIN, or a violation.
    end: End,
    /// Errors told so far.
    errors: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Open,
    Fin,
    Violation,
}

fn to_a_connection(hub: &Hub, kind: SocketKind, input: &mut Input<'_>) {
    let (conn, peer) = pair(hub, kind);
    let ring = conn.conn.ring().id();
    let mem = hub.mem(DomId(CLIENT), ring).expect("it is registered");
    let mut victim = Victim {
        producer: Producer::attach(&mem),
        source: Addr::new(DomId(SERVER), peer.conn.ring().id().port),
        mem,
        conn,
        packets: kind == SocketKind::SeqPacket,
        expected: Some(VecDeque::new()),
        end: End::Open,
        errors: 0,
    };
    while !input.is_empty() {
        victim.step(input);
    }
    assert!(victim.errors <= 1, "the reset is told once");
    assert_eq!(victim.mem.data_len() + RING_HEADER, 4096);
    let _ = victim.conn.close();
}

impl Victim {
    fn step(&mut self, input: &mut Input<'_>) {
        match input.u8() % 16 {
            0..=3 => self.put(kind::DATA, self.source, input),
            4 => {
                let (kind, source) = (input.pick(&KINDS), self.draw_source(input));
                self.put(kind, source, input);
            }
            5..=8 => self.receive(input.u16().into()),
            9 => self.peek(input.u8().into()),
            10 => self.poll(),
            11 => self.other(send_one),
            12 => self.other(|conn| conn.tx.shutdown(&conn.conn).err()),
            13 => self.sleep(),
            14 => self.available(),
            _ => self.scribble(input),
        }
    }

    fn draw_source(&self, input: &mut Input<'_>) -> Addr {
        match input.u8() % 4 {
            0..=2 => self.source,
            _ => Addr::new(DomId(input.u16()), input.u32()),
        }
    }

    /// The peer puts a message in.
    fn put(&mut self, kind: u32, source: Addr, input: &mut Input<'_>) {
        let n = usize::from(input.u8());
        let bytes = input.bytes(n).to_vec();
        let len = bytes.len() as u32;
        if self
            .producer
            .insert(&self.mem, source, kind, len, &mut &bytes[..])
            .is_err()
            || self.end != End::Open
        {
            return;
        }
        let sound = source == self.source;
        match kind {
            kind::DATA if sound && (self.packets || len > 0) => {
                if let Some(expected) = &mut self.expected {
                    expected.push_back(bytes);
                }
            }
            kind::FIN if sound => self.end = End::Fin,
            _ => self.end = End::Violation,
        }
    }

    /// What a receive must say, where the peer only sent messages; the bytes are taken unless `keep`.
    fn forecast(&mut self, max: usize, keep: bool) -> Option<Result<(Vec<u8>, bool), Errno>> {
        let (packets, end, told) = (self.packets, self.end, self.errors > 0);
        let expected = self.expected.as_mut()?;
        if max == 0 && !packets {
            return Some(Ok((Vec::new(), false)));
        }
        if packets && let Some(front) = expected.front() {
            let bytes = front[..max.min(front.len())].to_vec();
            if !keep {
                expected.pop_front();
            }
            return Some(Ok((bytes, true)));
        }
        let all: Vec<u8> = expected.iter().flatten().copied().collect();
        let bytes = all[..max.min(all.len())].to_vec();
        if !bytes.is_empty() {
            if !keep {
                *expected = VecDeque::from([all[bytes.len()..].to_vec()]);
            }
            return Some(Ok((bytes, false)));
        }
        Some(match end {
            End::Open => Err(Errno::AGAIN),
            End::Violation if !told => Err(Errno::CONNRESET),
            End::Fin | End::Violation => Ok((Vec::new(), false)),
        })
    }

    fn note(&mut self, error: Option<Errno>) {
        self.errors += u32::from(error == Some(Errno::CONNRESET));
    }

    fn receive(&mut self, max: usize) {
        let forecast = self.forecast(max, false);
        let got = recv(&mut self.conn, max, false);
        self.note(got.as_ref().err().copied());
        assert!(forecast.is_none_or(|expected| expected == got));
    }

    fn peek(&mut self, max: usize) {
        let forecast = self.forecast(max, true);
        let got = recv(&mut self.conn, max, true);
        self.note(got.as_ref().err().copied());
        assert!(forecast.is_none_or(|expected| expected == got));
    }

    fn poll(&mut self) {
        let poll = self.conn.poll();
        let Some(expected) = &self.expected else { return };
        let data = !expected.is_empty() && (self.packets || expected.iter().any(|m| !m.is_empty()));
        assert_eq!(poll.input, data || self.end != End::Open);
        assert_eq!(poll.err, self.end == End::Violation && !data && self.errors == 0);
        assert_eq!(poll.rdhup, !data && self.end != End::Open);
    }

    /// An operation that may take the error of a reset.
    fn other(&mut self, op: impl FnOnce(&mut Conn) -> Option<Errno>) {
        let error = op(&mut self.conn);
        self.note(error);
    }

    fn sleep(&mut self) {
        let word = self.conn.rx.before_sleep(&self.conn.conn, event::SLEEPS);
        if let Some(expected) = &self.expected {
            let awake = self.end != End::Open || expected.iter().any(|m| self.packets || !m.is_empty());
            assert_eq!(word.is_none(), awake, "a sleep over something to read");
        }
        let _ = self.conn.tx.before_sleep(&self.conn.conn, space::SLEEPS);
    }

    fn available(&mut self) {
        let bytes = self.conn.rx.available(&self.conn.conn);
        assert!(bytes < CONN_RING_MIN as usize);
        if let Some(expected) = &self.expected {
            let front = expected.front().map_or(0, Vec::len);
            assert_eq!(
                bytes,
                if self.packets {
                    front
                } else {
                    expected.iter().map(Vec::len).sum()
                }
            );
        }
    }

    /// The peer writes to the ring itself.
    fn scribble(&mut self, input: &mut Input<'_>) {
        self.expected = None;
        let words = [
            Word::Rx,
            Word::Tx,
            Word::Event,
            Word::Space,
            Word::State,
            Word::RxCpu,
            Word::TxCpu,
        ];
        if input.one_in(2) {
            self.mem.store(input.pick(&words), input.u32());
        } else {
            let at = u32::from(input.u16()) % (CONN_RING_MIN - 16);
            self.mem.write(at, input.bytes(16));
        }
    }
}

fn send_one(conn: &mut Conn) -> Option<Errno> {
    send(conn, b"abc").err()
}

/// A request, sound or not.
fn draw_request(input: &mut Input<'_>, ring: u32) -> Request {
    let sound = Request {
        version: 1,
        least: 1,
        kind: SocketKind::Stream as u16,
        port: 70_000,
        ring,
        ring_len: CONN_RING_MIN,
        cookie: input.u64(),
    };
    match input.u8() % 8 {
        0 => Request {
            version: input.u16(),
            least: input.u16(),
            ..sound
        },
        1 => Request {
            kind: input.u16(),
            ..sound
        },
        2 => Request {
            port: input.u32(),
            ..sound
        },
        3 => Request {
            ring: input.u32(),
            ..sound
        },
        4 => Request {
            ring_len: input.u32(),
            ..sound
        },
        _ => sound,
    }
}

/// A listener's ring gets anything; connections that are sound are made of it, within the backlog.
fn to_a_listener(hub: &Hub, input: &mut Input<'_>) {
    let options = options(SocketKind::Stream);
    let mut door = Listener::listen(hub.domain(SERVER), PORT, BACKLOG, options).expect("a free port");
    let (peer, to) = (hub.domain(CLIENT), Addr::new(DomId(SERVER), PORT));
    let mut rings = Vec::new();
    let mut accepted = Vec::new();
    while !input.is_empty() {
        match input.u8() % 8 {
            0 => rings.extend(OwnRing::register_private(
                peer.clone(),
                DomId(SERVER),
                CONN_RING_MIN,
                Some(PORT),
            )),
            1..=3 => {
                let ring = rings.last().map_or(1 << 31, |ring: &OwnRing<_>| ring.id().port);
                let request = draw_request(input, ring).encode();
                let _ = peer.send_message(ring, to, kind::REQUEST, &[&request[..]]);
            }
            4 => {
                let (port, kind) = (input.u32(), input.pick(&KINDS));
                let _ = peer.send_message(port, to, kind, &[input.bytes(40)]);
            }
            5 => drop(rings.pop()),
            6 => drop(door.service()),
            _ => accepted.extend(door.accept()),
        }
        assert!(door.waiting() <= BACKLOG);
        assert_eq!(
            hub.rings_of(DomId(SERVER)).len(),
            1 + door.waiting() + accepted.len()
        );
        assert!(accepted.len() + door.waiting() <= 1024);
    }
}

/// A connector's ring gets anything; only the true answer makes a connection, and a failure leaves no ring.
fn to_a_connector(hub: &Hub, input: &mut Input<'_>) {
    let platform = hub.domain(SERVER);
    let id = RingId {
        port: PORT,
        partner: DomId::ANY,
    };
    let door = OwnRing::register(platform.clone(), id, CONN_RING_MIN, None).expect("a free port");
    let to = Addr::new(DomId(SERVER), PORT);
    let options = options(SocketKind::Stream);
    let mut guest = Connector::start(hub.domain(CLIENT), to, options, None).expect("somebody listens");
    let request = v4v_ring::Consumer::new()
        .peek(door.mem())
        .expect("sound")
        .expect("a request");
    let mut body = [0; Request::SIZE];
    request
        .copy(door.mem(), 0, Request::SIZE as u32, &mut &mut body[..])
        .expect("long enough");
    let request = Request::decode(&body).expect("whole");
    let watch = Some(request.ring);
    let ring =
        OwnRing::register_private(platform.clone(), DomId(CLIENT), CONN_RING_MIN, watch).expect("a port");
    let theirs = Addr::new(DomId(CLIENT), request.ring);
    let mut tx = platform
        .open(ring.id(), theirs, request.ring_len)
        .expect("it is there");
    let (mut first, mut outcome) = (None, Err(Errno::AGAIN));
    while !input.is_empty() && matches!(outcome, Err(Errno::AGAIN)) {
        if input.one_in(3) {
            outcome = guest.progress();
            continue;
        }
        let (kind, body) = answer(input, ring.id().port, request.cookie);
        if tx.send_control(kind, &body).is_ok() {
            first.get_or_insert((kind, body));
        }
    }
    let true_answer = Accept {
        version: 1,
        ring: ring.id().port,
        ring_len: CONN_RING_MIN,
        cookie: request.cookie,
    };
    match outcome {
        Ok(conn) => {
            let said = first.map(|(kind, body)| (kind, Accept::decode(&body)));
            assert_eq!(said, Some((kind::ACCEPT, Some(true_answer))));
            drop(conn);
        }
        Err(Errno::AGAIN) => assert_eq!(hub.rings_of(DomId(CLIENT)).len(), 1),
        Err(_) => {
            assert!(first.is_some(), "nothing was said, and the listener is there");
            assert!(guest.progress().is_err());
        }
    }
    drop(guest);
    assert_eq!(hub.rings_of(DomId(CLIENT)), []);
}

/// An answer, true or not.
fn answer(input: &mut Input<'_>, ring: u32, cookie: u64) -> (u32, Vec<u8>) {
    let sound = Accept {
        version: 1,
        ring,
        ring_len: CONN_RING_MIN,
        cookie,
    };
    let accept = |a: Accept| (kind::ACCEPT, a.encode().to_vec());
    match input.u8() % 8 {
        0 => accept(sound),
        1 => accept(Accept {
            version: input.u16(),
            ..sound
        }),
        2 => accept(Accept {
            ring: input.u32(),
            ..sound
        }),
        3 => accept(Accept {
            ring_len: input.u32(),
            ..sound
        }),
        4 => accept(Accept {
            cookie: input.u64(),
            ..sound
        }),
        5 => {
            let reject = Reject {
                version: 1,
                least: 1,
                reason: input.u8().into(),
                cookie,
            };
            (kind::REJECT, reject.encode().to_vec())
        }
        _ => (input.pick(&KINDS), input.bytes(32).to_vec()),
    }
}
