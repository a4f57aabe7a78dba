//! One sender's greed and one reader's sleep are nobody else's loss.

use v4v_advisories::{Conn, Home, connect, fill, listen, recv, send, streams};
use v4v_hv::limits::MAX_PENDING;
use v4v_hv::testing::{TestHost, domains};
use v4v_hv::{Addr, Errno};
use v4v_ring::DomId;
use v4v_ring::layout::space;
use v4v_sock::Platform;
use v4v_sock::frame::kind;
use v4v_sock::limits::REQUESTS_PER_CALL;

/// CVE-2021-28714 and CVE-2021-28715 (a guest makes netback buffer without bound): what is not read stays with its sender. A ring
/// that any domain may fill is full when it is full; a flood costs its receiver no memory and, per call, bounded time.
#[test]
fn wildcard_ring_flood_is_bounded() {
    let [b, flooder] = Home::boot([2, 3]);
    let mut door = listen(&b, 4);
    let listener = Addr::new(b.guest.id, 5000);
    let flood = || {
        (0..)
            .take_while(|_| flooder.send_message(9, listener, kind::DATA, &[b"junk"]).is_ok())
            .count()
    };
    let first = flood();
    let live = b.host().live();
    for _ in 0..1000 {
        assert_eq!(flood(), 0);
    }
    assert_eq!(b.host().live(), live, "a thousand refusals are kept nowhere");
    b.guest
        .hv
        .for_each_ring(b.guest.id, |ring| assert_eq!(ring.pending, 1));
    door.service();
    assert_eq!(
        flood(),
        REQUESTS_PER_CALL.min(first),
        "one call takes so many and no more"
    );
}

/// The same flood and a domain that wants to connect: it waits in line, is told as soon as there is space, and gets in at its
/// first try after that. Connections that stand do not notice the flood at all, for they share no ring with it.
#[test]
fn a_flood_does_not_starve_another_sender() {
    let [a, b, flooder] = Home::boot([1, 2, 3]);
    let mut door = listen(&b, 4);
    let mut early = connect(&a, &b).expect("somebody listens");
    let mut served = door.accept().expect("a request");
    let mut client = early.progress().expect("accepted");
    let listener = Addr::new(b.guest.id, 5000);
    let flood = || while flooder.send_message(9, listener, kind::DATA, &[b"junk"]).is_ok() {};
    flood();
    let mut late = connect(&a, &b).expect("a full ring is no refusal");
    assert!(!late.requested());
    for _ in 0..50 {
        flood();
        send(&mut client, b"unhurt").expect("room");
        assert_eq!(recv(&mut served, 9).expect("bytes"), b"unhurt");
    }
    a.host().happened();
    door.service();
    let told = a.host().signalled();
    assert!(
        told.contains(&a.guest.id),
        "the one that waits is told, however often the other asked: {told:?}"
    );
    assert!(matches!(late.progress(), Err(v4v_sock::Errno::AGAIN)) && late.requested());
    // What the flooder puts in behind does not overtake it.
    let mut rounds = 0;
    while door.waiting() == 0 {
        flood();
        door.service();
        rounds += 1;
        assert!(rounds < 20);
    }
    assert!(late.progress().is_ok());
}

/// One domain's many refusals must not use up the places in which other domains wait.
#[test]
fn one_sender_takes_one_place_in_the_line() {
    let hv = TestHost::boot();
    let [b, greedy, meek] = domains(&hv, [2, 3, 4]);
    assert_eq!(b.register(80, DomId::ANY, 64), 0);
    assert_eq!(greedy.send(b.id, 80, &[0; 32]), 32);
    for len in 0..10 * MAX_PENDING {
        assert_eq!(
            greedy.send(b.id, 80, &vec![0; len % 33]),
            Errno::AGAIN.to_return()
        );
        greedy.ask(Addr::new(b.id, 80), 8);
    }
    assert_eq!(
        meek.send(b.id, 80, b"me too"),
        Errno::AGAIN.to_return(),
        "and not EBUSY"
    );
    b.reader(80, DomId::ANY).take();
    hv.host().happened();
    b.notify();
    assert!(hv.host().signalled().contains(&meek.id));
}

/// vsock's transports queue all sockets of a guest in one list, so a socket that is not read delays the others. Here accepted
/// connections share no ring: with any of them full, the rest go on at once.
#[test]
fn accepted_connections_that_share_one_ring() {
    let [a, b] = Home::boot([1, 2]);
    let mut door = listen(&b, 8);
    let mut pairs: Vec<(Conn, Conn)> = Vec::new();
    for _ in 0..8 {
        let mut guest = connect(&a, &b).expect("somebody listens");
        let there = door.accept().expect("a request");
        pairs.push((guest.progress().expect("accepted"), there));
    }
    let mut stuck = pairs.split_off(1);
    for (client, _) in &mut stuck {
        fill(client);
        assert!(client.tx.before_sleep(&client.conn, space::SLEEPS).is_some());
    }
    let (client, server) = &mut pairs[0];
    for n in 1..2000_usize {
        let bytes = vec![n as u8; 1 + n % 900];
        assert_eq!(send(client, &bytes), Ok(bytes.len()));
        assert_eq!(recv(server, 1000).expect("bytes"), bytes);
    }
    for (client, server) in &mut stuck {
        let bytes = recv(server, 1 << 20).expect("what waited");
        assert!(bytes.iter().all(|b| *b == 7));
        assert!(send(client, b"go on").is_ok());
    }
}

/// The two directions of one connection are two rings: a side that never reads still hears nothing wrong and may go on sending.
#[test]
fn a_full_direction_does_not_block_the_other() {
    let [a, b] = Home::boot([1, 2]);
    let (mut client, mut server) = streams(&a, &b);
    fill(&mut client);
    for _ in 0..100 {
        send(&mut server, b"answer").expect("room");
        assert_eq!(recv(&mut client, 9).expect("bytes"), b"answer");
    }
    assert!(!server.poll().err);
}
