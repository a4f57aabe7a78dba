//! Sleepers: each is woken by what it waits for, and by nothing else.

use std::thread;
use std::time::Duration;

use v4v_advisories::{Home, fill, recv, send, streams};
use v4v_hosted::futex;
use v4v_hosted::shm::{self, ShmRing};
use v4v_hv::abi::ring_flags;
use v4v_hv::testing::{Guest, TestHost, domains};
use v4v_ring::layout::{event, space};
use v4v_ring::{Addr, Consumer, DomId, InsertError, NoRoom, Producer, Word, wake};
use v4v_sock::Errno;

/// Longer than any hold-up of a busy machine; a sleep that takes it was not ended by anybody.
const FOR_EVER: Option<Duration> = Some(Duration::from_secs(30));
const MESSAGES: u32 = 60_000;

/// XSA-340 (CVE-2020-25603), XSA-358 (CVE-2020-29570) and the missed interrupts of virtio: a flag and a cursor are written and
/// read without the barrier between them, and both sides sleep. `tests/model` shows that each barrier is needed. Here two
/// threads sleep on a real ring's words whenever they can, the receiver for data, the sender for space; one lost wake-up is one
/// sleep that runs out.
#[test]
fn lost_wakeup_of_event_and_of_space() {
    let fd = shm::create(240).expect("memory");
    let (ours, theirs) = (
        ShmRing::map(&fd, 240).expect("map"),
        ShmRing::map(&fd, 240).expect("map"),
    );
    let sender = thread::spawn(move || send_all(&theirs));
    let slept = receive_all(&ours);
    let waited = sender.join().expect("no wake-up for space was lost");
    assert!(slept > 0 && waited > 0, "both sides slept: {slept}, {waited}");
}

/// Sends numbered messages; returns how often it slept.
fn send_all(mem: &ShmRing) -> u32 {
    let (mut producer, mut slept) = (Producer::attach(mem), 0);
    for n in 0..MESSAGES {
        while let Err(e) = producer.insert(mem, Addr::new(DomId(1), 1), n, 4, &mut &n.to_le_bytes()[..]) {
            assert_eq!(e, InsertError::NoRoom(NoRoom::Full { needed: 32 }));
            let word = wake::want_space(mem, space::SLEEPS);
            if producer.free(mem) <= 32 {
                futex::wait(mem.word(Word::Space), word, FOR_EVER).expect("woken");
                slept += 1;
            }
        }
        if wake::signal_data(mem).sleeper() {
            futex::wake_all(mem.word(Word::Event));
        }
    }
    slept
}

/// Takes the messages; returns how often it slept.
fn receive_all(mem: &ShmRing) -> u32 {
    let (mut consumer, mut slept) = (Consumer::new(), 0);
    wake::want_data(mem, 0);
    for n in 0..MESSAGES {
        let message = loop {
            if let Some(message) = consumer.peek(mem).expect("an honest sender") {
                break message;
            }
            let word = wake::want_data(mem, event::SLEEPS);
            if consumer.has_message(mem) == Ok(false) {
                futex::wait(mem.word(Word::Event), word, FOR_EVER).expect("woken");
                slept += 1;
            }
        };
        assert_eq!(message.kind, n);
        consumer.consume(mem, &message);
        consumer.publish(mem);
        if wake::signal_space(mem).sleeper() {
            futex::wake_all(mem.word(Word::Space));
        }
    }
    slept
}

/// Linux's driver for V4V polls where a ring was full: the refusal itself arms nothing. Here each refusal for want of space is
/// followed by exactly one event when the space is there, whichever of the calls said no.
#[test]
fn eagain_that_never_arms_a_wakeup() {
    let [a, b] = Home::boot([1, 2]);
    let (mut client, mut server) = streams(&a, &b);
    for refuse in [
        |c: &mut v4v_advisories::Conn| assert_eq!(send(c, b"x"), Err(Errno::AGAIN)),
        |c: &mut v4v_advisories::Conn| assert!(!c.poll().output),
        |c: &mut v4v_advisories::Conn| assert!(c.tx.before_sleep(&c.conn, space::SLEEPS).is_some()),
    ] {
        fill_to_the_brim(&a, &mut client);
        a.host().happened();
        refuse(&mut client);
        assert!(!a.signalled());
        let bytes = recv(&mut server, 1 << 20).expect("bytes");
        assert!(bytes.len() > 3000);
        assert!(server.rx.before_sleep(&server.conn, event::SLEEPS).is_some());
        assert_eq!(a.host().signalled(), [a.guest.id]);
        assert!(client.tx.writable(&client.conn));
    }
}

/// Fills a ring until not even an empty message fits, then takes the wish for space back.
fn fill_to_the_brim(home: &Home, client: &mut v4v_advisories::Conn) {
    fill(client);
    while send(client, b"x").is_ok() {}
    let to = Addr::new(client.conn.remote().domain, peer_port(home, client));
    assert_eq!(
        home.guest.ask(to, 0).1 & ring_flags::SUFFICIENT,
        ring_flags::SUFFICIENT
    );
}

/// The port of the peer's ring.
fn peer_port(home: &Home, client: &v4v_advisories::Conn) -> u32 {
    let (there, mut port) = (client.conn.remote().domain, 0);
    home.guest.hv.for_each_ring(there, |ring| {
        if ring.id.partner == home.guest.id {
            port = ring.id.port;
        }
    });
    port
}

/// Upstream Argo frees the list of waiting senders together with the ring, and they sleep for ever. Here the ring, or its
/// domain, goes in every way there is: whoever waits to send, and whoever waits to receive, is woken and told.
#[test]
fn waiters_forgotten_when_a_ring_or_a_domain_goes() {
    let ends: [fn(&Home, v4v_advisories::Conn); 5] = [
        |_, conn| conn.conn.abort(),
        |_, conn| drop(conn),
        |b, _| b.guest.hv.domain_destroy(b.guest.id),
        |b, _| assert_eq!(b.guest.hv.soft_reset(b.guest.id), Ok(())),
        |_, mut conn| {
            conn.close()
                .expect("with bytes unread it is a reset, which needs no room")
        },
    ];
    for (case, end) in ends.into_iter().enumerate() {
        let [a, b] = Home::boot([1, 2]);
        let (mut client, server) = streams(&a, &b);
        fill(&mut client);
        assert!(client.tx.before_sleep(&client.conn, space::SLEEPS).is_some());
        assert!(client.rx.before_sleep(&client.conn, event::SLEEPS).is_some());
        a.host().happened();
        end(&b, server);
        assert!(a.signalled(), "case {case}");
        assert_eq!(
            client.tx.before_sleep(&client.conn, space::SLEEPS),
            None,
            "case {case}"
        );
        assert_eq!(
            client.rx.before_sleep(&client.conn, event::SLEEPS),
            None,
            "case {case}"
        );
        assert_eq!(send(&mut client, b"x"), Err(Errno::CONNRESET), "case {case}");
        assert_eq!(send(&mut client, b"x"), Err(Errno::PIPE), "case {case}");
    }
}

/// The same without a connection, where no other event would wake the sender: it waits for a wildcard ring.
#[test]
fn waiters_forgotten_when_a_wildcard_ring_goes() {
    let ends: [fn(&Guest); 3] = [
        |b| assert_eq!(b.unregister(80, DomId::ANY), 0),
        |b| b.hv.domain_destroy(b.id),
        |b| assert_eq!(b.hv.soft_reset(b.id), Ok(())),
    ];
    for (case, end) in ends.into_iter().enumerate() {
        let hv = TestHost::boot();
        let [a, b, c] = domains(&hv, [1, 2, 3]);
        assert_eq!(b.register(80, DomId::ANY, 64), 0);
        assert_eq!(c.send(b.id, 80, &[0; 32]), 32);
        assert_eq!(a.send(b.id, 80, b"x"), v4v_hv::Errno::AGAIN.to_return());
        assert_eq!(c.ask(Addr::new(b.id, 80), 32).0, 0);
        hv.host().happened();
        end(&b);
        assert_eq!(hv.host().signalled(), [a.id, c.id], "case {case}");
        assert_eq!(
            a.send(b.id, 80, b"x"),
            v4v_hv::Errno::CONNREFUSED.to_return(),
            "case {case}"
        );
    }
}

/// The other way round: a domain that waits for space dies, and its entry must not stay with the ring.
#[test]
fn a_dead_waiter_takes_no_place() {
    let hv = TestHost::boot();
    let [b] = domains(&hv, [2]);
    assert_eq!(b.register(80, DomId::ANY, 64), 0);
    assert_eq!(b.send(b.id, 80, &[0; 32]), 32);
    for id in 100..300 {
        let [a] = domains(&hv, [id]);
        assert_eq!(
            a.send(b.id, 80, b"x"),
            v4v_hv::Errno::AGAIN.to_return(),
            "domain {id}"
        );
        hv.domain_destroy(a.id);
    }
    hv.for_each_domain(|d| assert_eq!(d.waiting, 0));
}

/// CVE-2021-28713 (backends send events without end and their guest does nothing but serve them): a receiver that has not asked
/// gets none, and one that has asked gets one, however many messages come.
#[test]
fn storms_of_events() {
    let [a, b] = Home::boot([1, 2]);
    let (mut client, mut server) = streams(&a, &b);
    assert!(server.rx.before_sleep(&server.conn, event::SLEEPS).is_some());
    a.host().happened();
    for _ in 0..30 {
        send(&mut client, b"message").expect("room");
    }
    assert_eq!(a.host().signalled(), [b.guest.id]);
    recv(&mut server, 10).expect("bytes");
    for _ in 0..30 {
        send(&mut client, b"message").expect("room");
    }
    assert_eq!(a.host().signalled(), [], "it is awake");
}
