//! A peer that breaks the protocol loses its own connection, and nothing else happens.

mod common;

use common::*;
use proptest::prelude::*;
use v4v_ring::layout::RING_HEADER;
use v4v_ring::{Addr, Consumer, DomId, RingMem, Word};
use v4v_sock::frame::{Accept, Reject, Request, kind};
use v4v_sock::limits::{CONN_RING_MAX, CONN_RING_MIN};
use v4v_sock::testing::{Hub, TestPlatform};
use v4v_sock::{Errno, OwnRing, Platform, SocketKind, Transmit};

/// The victim, which must have lost its connection: an error once, then the end, and its ring is gone.
fn assert_reset(hub: &Hub, victim: &mut Conn) {
    assert_eq!(recv(victim, 99), Err(Errno::CONNRESET));
    assert_eq!(recv(victim, 99).unwrap(), b"");
    assert_eq!(send(victim, b"x"), Err(Errno::PIPE));
    assert!(
        hub.mem(victim.conn.local().domain, victim.conn.ring().id())
            .is_none()
    );
}

#[test]
fn a_message_that_a_connection_does_not_know_resets_it() {
    for unknown in [
        0,
        1,
        u32::MAX,
        kind::REQUEST,
        kind::ACCEPT,
        kind::REJECT,
        kind::DGRAM,
        kind::FIN + 9,
    ] {
        let (hub, mut a, b) = streams();
        Hostile::towards(&hub, &a, &b).put(unknown, b"body");
        assert_reset(&hub, &mut a);
    }
}

#[test]
fn accept_twice_resets() {
    let (hub, mut a, b) = streams();
    let ring = b.conn.ring().id().port;
    let again = Accept {
        version: 1,
        ring,
        ring_len: CONN_RING_MIN,
        cookie: 0,
    };
    Hostile::towards(&hub, &a, &b).put(kind::ACCEPT, &again.encode());
    assert_reset(&hub, &mut a);
}

#[test]
fn a_message_from_another_source_resets() {
    for kind in [kind::DATA, kind::FIN] {
        for domain in [SERVER, 9] {
            let (hub, mut a, b) = streams();
            Hostile::towards(&hub, &a, &b).put_from(Addr::new(DomId(domain), 7), kind, b"");
            assert_reset(&hub, &mut a);
        }
    }
}

#[test]
fn an_empty_stream_message_resets_so_none_can_loop() {
    let (hub, mut a, b) = streams();
    let mut hostile = Hostile::towards(&hub, &a, &b);
    hostile.put(kind::DATA, b"");
    assert_reset(&hub, &mut a);
}

#[test]
fn poll_and_fionread_know_what_a_receive_will_not_take() {
    let (hub, mut a, b) = streams();
    let mut hostile = Hostile::towards(&hub, &a, &b);
    hostile.put(kind::DATA, b"sound");
    hostile.put(kind::DATA, b"");
    hostile.put(kind::DATA, b"behind it");
    assert_eq!(a.rx.available(&a.conn), 5);
    assert_eq!(recv(&mut a, 99).unwrap(), b"sound");
    assert_eq!(a.rx.available(&a.conn), 0);
    let poll = a.poll();
    assert!(poll.input && poll.err && poll.hup, "{poll:?}");
    assert_reset(&hub, &mut a);
    let (hub, mut a, b) = streams();
    Hostile::towards(&hub, &a, &b).put_from(Addr::new(DomId(9), 7), kind::DATA, b"a stranger's");
    assert_eq!(a.rx.available(&a.conn), 0);
}

#[test]
fn an_endless_run_of_empty_packets_comes_one_per_call() {
    let (hub, mut a, b) = packets();
    let mut hostile = Hostile::towards(&hub, &a, &b);
    for _ in 0..1000 {
        hostile.put(kind::DATA, b"");
        hostile.put(kind::DATA, b"");
        assert_eq!(recv(&mut a, 9).unwrap(), b"");
        assert_eq!(recv(&mut a, 9).unwrap(), b"");
    }
}

#[test]
fn what_comes_after_fin_is_never_read() {
    let (hub, mut a, b) = streams();
    let mut hostile = Hostile::towards(&hub, &a, &b);
    hostile.put(kind::FIN, b"");
    hostile.put(kind::DATA, b"too late");
    hostile.put(kind::FIN, b"");
    for _ in 0..3 {
        assert_eq!(recv(&mut a, 9).unwrap(), b"");
    }
    assert!(!a.conn.is_reset());
}

#[test]
fn data_before_the_violation_is_delivered() {
    let (hub, mut a, b) = streams();
    let mut hostile = Hostile::towards(&hub, &a, &b);
    hostile.put(kind::DATA, b"sound");
    hostile.put(99, b"");
    assert_eq!(recv(&mut a, 99).unwrap(), b"sound");
    assert_reset(&hub, &mut a);
}

#[test]
fn impossible_cursors_reset() {
    for tx in [1, 8, CONN_RING_MIN, CONN_RING_MIN + 16, u32::MAX] {
        let (hub, mut a, b) = streams();
        Hostile::towards(&hub, &a, &b).publish(Word::Tx, tx);
        assert_reset(&hub, &mut a);
    }
}

#[test]
fn a_header_that_changes_after_it_was_read_changes_nothing() {
    let (hub, mut a, b) = streams();
    let mut hostile = Hostile::towards(&hub, &a, &b);
    let at = hostile.producer.position();
    hostile.put(kind::DATA, b"first then second");
    assert_eq!(recv(&mut a, 6).unwrap(), b"first ");
    hostile.mem.write(at, &u32::MAX.to_le_bytes());
    assert_eq!(recv(&mut a, 99).unwrap(), b"then second");
    assert_eq!(recv(&mut a, 99), Err(Errno::AGAIN));
}

#[test]
fn one_connections_reset_leaves_its_neighbour_alone() {
    let hub = Hub::new();
    let mut door = listen(&hub, SocketKind::Stream, 2);
    let (mut first, mut second) = (
        start(&hub, SocketKind::Stream).unwrap(),
        start(&hub, SocketKind::Stream).unwrap(),
    );
    let (mut a1, mut a2) = (door.accept().unwrap(), door.accept().unwrap());
    let (b1, mut b2) = (first.progress().unwrap(), second.progress().unwrap());
    Hostile::towards(&hub, &a1, &b1).put(99, b"");
    assert_reset(&hub, &mut a1);
    send(&mut b2, b"fine").unwrap();
    assert_eq!(recv(&mut a2, 9).unwrap(), b"fine");
}

/// A listener's domain under the tests' control, and a connector that waits for its answer.
struct Impostor {
    hub: Hub,
    ring: OwnRing<TestPlatform>,
    guest: Guest,
    request: Request,
}

impl Impostor {
    fn new() -> Self {
        let hub = Hub::new();
        let platform = hub.domain(SERVER);
        let id = v4v_sock::RingId {
            port: PORT,
            partner: DomId::ANY,
        };
        let door = OwnRing::register(platform.clone(), id, 4032, None).unwrap();
        let guest = start(&hub, SocketKind::Stream).unwrap();
        let message = Consumer::new().peek(door.mem()).unwrap().unwrap();
        let mut body = [0; Request::SIZE];
        message.copy(door.mem(), 0, 32, &mut &mut body[..]).unwrap();
        let request = Request::decode(&body).unwrap();
        let watch = Some(request.ring);
        let ring = OwnRing::register_private(platform, DomId(CLIENT), CONN_RING_MIN, watch).unwrap();
        std::mem::forget(door);
        Self {
            hub,
            ring,
            guest,
            request,
        }
    }

    fn accept(&self) -> Accept {
        let cookie = self.request.cookie;
        Accept {
            version: 1,
            ring: self.ring.id().port,
            ring_len: CONN_RING_MIN,
            cookie,
        }
    }

    /// Sends one message into the connector's ring and sees what becomes of the attempt.
    fn answer(mut self, kind: u32, body: &[u8]) -> Option<Errno> {
        let to = Addr::new(DomId(CLIENT), self.request.ring);
        let mut tx = self
            .hub
            .domain(SERVER)
            .open(self.ring.id(), to, self.request.ring_len)
            .unwrap();
        tx.send_control(kind, body).unwrap();
        let outcome = self.guest.progress().err();
        let left = self.hub.rings_of(DomId(CLIENT)).len();
        assert_eq!(left, 0, "a connector that failed, or was dropped, left a ring");
        outcome
    }
}

#[test]
fn the_sound_answer_is_taken() {
    let impostor = Impostor::new();
    let accept = impostor.accept();
    assert_eq!(impostor.answer(kind::ACCEPT, &accept.encode()), None);
}

#[test]
fn unsound_answers_fail_the_attempt() {
    let changes: [fn(&mut Accept); 8] = [
        |a| a.cookie ^= 1,
        |a| a.version = 0,
        |a| a.version = 2,
        |a| a.ring = 5000,
        |a| a.ring ^= 1,
        |a| a.ring_len = CONN_RING_MAX + 16,
        |a| a.ring_len = u32::MAX,
        |a| a.ring_len = 0,
    ];
    for change in changes {
        let impostor = Impostor::new();
        let mut accept = impostor.accept();
        change(&mut accept);
        assert_eq!(
            impostor.answer(kind::ACCEPT, &accept.encode()),
            Some(Errno::CONNRESET)
        );
    }
}

#[test]
fn a_claim_of_another_ring_length_is_an_error_of_the_attempt() {
    let impostor = Impostor::new();
    let accept = Accept {
        ring_len: CONN_RING_MIN * 2 + 64,
        ..impostor.accept()
    };
    assert_eq!(
        impostor.answer(kind::ACCEPT, &accept.encode()),
        Some(Errno::INVAL)
    );
}

#[test]
fn what_comes_before_accept_fails_the_attempt() {
    for kind in [kind::DATA, kind::FIN, kind::REQUEST, kind::DGRAM, 0] {
        assert_eq!(Impostor::new().answer(kind, b"early"), Some(Errno::CONNRESET));
    }
    assert_eq!(
        Impostor::new().answer(kind::ACCEPT, b"short"),
        Some(Errno::CONNRESET)
    );
}

#[test]
fn a_reject_counts_from_the_listener_with_the_cookie() {
    let reason = |reason, flip| {
        let mut impostor = Impostor::new();
        let cookie = impostor.request.cookie ^ flip;
        let body = Reject {
            version: 3,
            least: 2,
            reason,
            cookie,
        }
        .encode();
        let to = Addr::new(DomId(CLIENT), impostor.request.ring);
        impostor
            .hub
            .domain(SERVER)
            .send_message(PORT, to, kind::REJECT, &[&body])
            .unwrap();
        impostor.guest.progress().err().unwrap()
    };
    assert_eq!(reason(1, 0), Errno::PROTONOSUPPORT);
    assert_eq!(reason(2, 0), Errno::PROTOTYPE);
    assert_eq!(reason(3, 0), Errno::CONNREFUSED);
    assert_eq!(reason(4, 0), Errno::CONNREFUSED);
    assert_eq!(reason(77, 0), Errno::CONNREFUSED);
    assert_eq!(reason(3, 1), Errno::CONNRESET);
}

#[test]
fn unsound_requests_are_dropped_and_the_next_one_is_served() {
    let hub = Hub::new();
    let mut door = listen(&hub, SocketKind::Stream, 8);
    let platform = hub.domain(CLIENT);
    let sound = Request {
        version: 1,
        least: 1,
        kind: 1,
        port: 70_000,
        ring: 1 << 31 | 5,
        ring_len: CONN_RING_MIN,
        cookie: 1,
    };
    let changes: [fn(&mut Request); 7] = [
        |r| r.ring = 5,
        |r| r.ring_len = 0,
        |r| r.ring_len = u32::MAX,
        |r| r.ring_len = CONN_RING_MIN + 1,
        |r| r.port = 0,
        |r| r.port = 1 << 31,
        // Sound, but nobody has such a ring.
        |_| (),
    ];
    for change in changes {
        let mut request = sound;
        change(&mut request);
        platform
            .send_message(request.ring, TO, kind::REQUEST, &[&request.encode()])
            .unwrap();
    }
    // From another port than that of its ring; too short; of another kind.
    platform
        .send_message(9, TO, kind::REQUEST, &[&sound.encode()])
        .unwrap();
    platform
        .send_message(sound.ring, TO, kind::REQUEST, &[b"short"])
        .unwrap();
    platform
        .send_message(sound.ring, TO, kind::DATA, &[&sound.encode()])
        .unwrap();
    let mut guest = start(&hub, SocketKind::Stream).unwrap();
    door.service();
    assert_eq!(door.waiting(), 1);
    assert!(guest.progress().is_ok());
    assert_eq!(hub.rings_of(DomId(SERVER)).len(), 2);
}

#[test]
fn a_readers_cursor_full_of_nonsense_hurts_nobody_else() {
    for rx in [1, 17, u32::MAX, CONN_RING_MIN] {
        let (hub, mut a, b) = streams();
        Hostile::towards(&hub, &b, &a).publish(Word::Rx, rx);
        // Our sends go by what we see of the ring, and never beyond it.
        while send(&mut a, &[1; 100]).is_ok() {}
        assert!(a.conn.take_error().is_none());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Garbage in any shared byte, at any time: calls return, data lengths are sane, everything is released.
    #[test]
    fn garbage_in_every_shared_byte_costs_one_connection_at_most(
        words in proptest::collection::vec((0_u32..7, any::<u32>()), 0..6),
        bytes in proptest::collection::vec((0..CONN_RING_MIN, any::<u8>()), 0..200),
        messages in 0_usize..12,
        steps in proptest::collection::vec(0_u8..7, 1..30),
        packet in any::<bool>(),
    ) {
        let kind = if packet { SocketKind::SeqPacket } else { SocketKind::Stream };
        let hub = Hub::new();
        let (mut a, b) = pair_on(&hub, kind);
        let mut hostile = Hostile::towards(&hub, &a, &b);
        for i in 0..messages {
            hostile.put(kind::DATA, &vec![i as u8; 1 + i * 9]);
        }
        const WORDS: [Word; 7] =
            [Word::Rx, Word::Tx, Word::Event, Word::Space, Word::State, Word::RxCpu, Word::TxCpu];
        for (at, byte) in bytes {
            hostile.mem.write(at, &[byte]);
        }
        for (word, value) in words {
            hostile.mem.store(WORDS[word as usize], value);
        }
        for step in steps {
            match step {
                0 => { let _ = send(&mut a, b"abc"); }
                1 => { let _ = peek(&mut a, 50); }
                2 => { let _ = a.poll(); }
                3 => { prop_assert!(a.rx.available(&a.conn) < CONN_RING_MIN as usize); }
                4 => { let _ = a.rx.before_sleep(&a.conn, 2); }
                5 => { let _ = a.tx.before_sleep(&a.conn, 2); }
                _ => if let Ok(bytes) = recv(&mut a, 10_000) { prop_assert!(bytes.len() < CONN_RING_MIN as usize); },
            }
        }
        let _ = a.close();
        drop((a, b));
        prop_assert_eq!(hub.rings(), 0);
        prop_assert_eq!(hostile.mem.data_len() + RING_HEADER, 4096);
    }
}
