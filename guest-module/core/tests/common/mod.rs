//! Two domains on one host, and short ways to do what the tests do all the time.
#![allow(dead_code, unreachable_pub)] // Each test program includes this file and uses its own part.

use v4v_ring::testing::HeapMem;
use v4v_ring::{Addr, DomId, Producer, RingMem};
use v4v_sock::connect::ConnOptions;
use v4v_sock::limits::CONN_RING_MIN;
use v4v_sock::testing::{Hub, TestPlatform};
use v4v_sock::{Connector, Errno, Established, Listener, Received, RecvFlags, SocketKind};

pub type Conn = Established<TestPlatform>;
pub type Door = Listener<TestPlatform>;
pub type Guest = Connector<TestPlatform>;

pub const SERVER: u16 = 1;
pub const CLIENT: u16 = 2;
pub const PORT: u32 = 5000;
/// The listener's address.
pub const TO: Addr = Addr::new(DomId(SERVER), PORT);

pub fn options(kind: SocketKind) -> ConnOptions {
    ConnOptions {
        kind,
        ring_len: CONN_RING_MIN,
    }
}

pub fn listen(hub: &Hub, kind: SocketKind, backlog: usize) -> Door {
    Listener::listen(hub.domain(SERVER), PORT, backlog, options(kind)).unwrap()
}

pub fn start(hub: &Hub, kind: SocketKind) -> Result<Guest, Errno> {
    Connector::start(hub.domain(CLIENT), TO, options(kind), None)
}

/// A connection: the connector's end, the listener's end.
pub fn pair_on(hub: &Hub, kind: SocketKind) -> (Conn, Conn) {
    let mut door = listen(hub, kind, 1);
    let mut guest = start(hub, kind).unwrap();
    door.service();
    let client = guest.progress().unwrap();
    (client, door.accept().unwrap())
}

pub fn pair(kind: SocketKind) -> (Hub, Conn, Conn) {
    let hub = Hub::new();
    let (client, server) = pair_on(&hub, kind);
    (hub, client, server)
}

pub fn streams() -> (Hub, Conn, Conn) {
    pair(SocketKind::Stream)
}

pub fn packets() -> (Hub, Conn, Conn) {
    pair(SocketKind::SeqPacket)
}

pub fn send(c: &mut Conn, bytes: &[u8]) -> Result<usize, Errno> {
    let mut payload = bytes;
    c.tx.send(&c.conn, &mut payload, bytes.len())
}

pub fn recv_with(c: &mut Conn, max: usize, flags: RecvFlags) -> Result<(Vec<u8>, Received), Errno> {
    let mut buffer = vec![0; max];
    let mut sink = buffer.as_mut_slice();
    let got = c.rx.recv(&c.conn, &mut sink, max, flags)?;
    buffer.truncate(got.bytes);
    Ok((buffer, got))
}

pub fn recv(c: &mut Conn, max: usize) -> Result<Vec<u8>, Errno> {
    recv_with(c, max, RecvFlags::default()).map(|(bytes, _)| bytes)
}

pub fn peek(c: &mut Conn, max: usize) -> Result<Vec<u8>, Errno> {
    recv_with(c, max, RecvFlags { peek: true }).map(|(bytes, _)| bytes)
}

/// Sends until the ring is full; the bytes that went in.
pub fn fill(c: &mut Conn) -> usize {
    let mut sent = 0;
    while let Ok(n) = send(c, &[7; 1000]) {
        sent += n;
    }
    sent
}

/// Sends the connection's last word and drops it.
pub fn close(mut c: Conn) {
    c.close().unwrap();
}

/// What a hostile partner has of a connection: the ring that it fills.
pub struct Hostile {
    pub mem: HeapMem,
    pub producer: Producer,
    /// The address that the ring's owner expects messages from.
    pub source: Addr,
}

impl Hostile {
    /// Takes `peer`'s place towards `victim`.
    pub fn towards(hub: &Hub, victim: &Conn, peer: &Conn) -> Self {
        let mem = hub
            .mem(victim.conn.local().domain, victim.conn.ring().id())
            .unwrap();
        let source = Addr::new(peer.conn.local().domain, peer.conn.ring().id().port);
        Self {
            producer: Producer::attach(&mem),
            mem,
            source,
        }
    }

    pub fn put(&mut self, kind: u32, payload: &[u8]) {
        self.put_from(self.source, kind, payload);
    }

    pub fn put_from(&mut self, source: Addr, kind: u32, mut payload: &[u8]) {
        let len = payload.len() as u32;
        self.producer
            .insert(&self.mem, source, kind, len, &mut payload)
            .unwrap();
    }

    pub fn publish(&self, word: v4v_ring::Word, value: u32) {
        self.mem.store(word, value);
    }
}
