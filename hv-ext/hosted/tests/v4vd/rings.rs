//! Rings between two clients.

use crate::{Client, Daemon};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::{AsFd, OwnedFd};
use v4v_hosted::shm::ShmRing;
use v4v_hosted::wire::{RingRecord, op};
use v4v_ring::layout::{Word, state};
use v4v_ring::{Addr, Consumer, DomId, RingMem};

const LEN: u32 = 4032;
const RING: u32 = 1 << 31 | 5;

fn polls(face: &OwnedFd) -> PollFlags {
    let mut fds = [PollFd::new(face.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO).expect("poll");
    fds[0].revents().expect("known flags")
}

/// Memory and face of a ring that was just registered.
fn own(mut fds: Vec<OwnedFd>) -> (ShmRing, OwnedFd) {
    assert_eq!(fds.len(), 3, "memory, face, button");
    (ShmRing::map(&fds[0], LEN).expect("a ring"), fds.swap_remove(1))
}

#[test]
fn a_message_to_a_wildcard_ring_arrives_with_its_true_source() {
    let daemon = Daemon::start();
    let (a, b) = (Client::join(&daemon, "a"), Client::join(&daemon, "b"));
    let (mem, face) = own(a.register(5000, DomId::ANY, LEN).fds);
    assert_eq!(polls(&face), PollFlags::empty());
    let to = Addr::new(a.id, 5000);
    assert_eq!(b.sendv(a.id, to, b"forged").result, -i64::from(libc::EPERM));
    assert_eq!(b.sendv(DomId::ANY, to, b"hello").result, 5);
    assert_eq!(polls(&face), PollFlags::POLLIN);
    let message = Consumer::new().peek(&mem).expect("sound").expect("one");
    assert_eq!(
        (message.source, message.len, message.kind),
        (Addr::new(b.id, 1), 5, 3)
    );
}

#[test]
fn nobody_there_is_a_refusal_at_once() {
    let daemon = Daemon::start();
    let (a, b) = (Client::join(&daemon, "a"), Client::join(&daemon, "b"));
    assert_eq!(
        a.sendv(a.id, Addr::new(b.id, 5000), b"x").result,
        -i64::from(libc::ECONNREFUSED)
    );
    assert_eq!(
        a.sendv(a.id, Addr::new(DomId(999), 5000), b"x").result,
        -i64::from(libc::ESRCH)
    );
}

#[test]
fn a_ring_is_handed_to_its_partner_and_to_nobody_else() {
    let daemon = Daemon::start();
    let (a, b, c) = (
        Client::join(&daemon, "a"),
        Client::join(&daemon, "b"),
        Client::join(&daemon, "c"),
    );
    let (mem, _face) = own(a.register(RING, b.id, LEN).fds);
    assert_eq!(c.attach(a.id, RING, 0).result, -i64::from(libc::ECONNREFUSED));
    let theirs = b.attach(a.id, RING, 0);
    assert_eq!((theirs.result, theirs.fds.len()), (LEN.into(), 2));
    let theirs = ShmRing::map(&theirs.fds[0], LEN).expect("the same ring");
    theirs.store(Word::Tx, 64);
    assert_eq!(mem.load(Word::Tx), 64);
    assert_eq!(
        b.sendv(b.id, Addr::new(a.id, RING), b"x").result,
        -i64::from(libc::EBUSY),
        "its partner fills it"
    );
}

#[test]
fn the_end_of_a_watched_ring_hangs_up() {
    let daemon = Daemon::start();
    let (a, b) = (Client::join(&daemon, "a"), Client::join(&daemon, "b"));
    let (mem, face) = own(a.register(RING, b.id, LEN).fds);
    let _theirs = own(b.register(RING, a.id, LEN).fds);
    assert_eq!(b.attach(a.id, RING, RING).result, i64::from(LEN));
    assert_eq!(b.unregister(RING, a.id).result, 0);
    assert_eq!(mem.load(Word::State), state::PEER_GONE);
    assert!(polls(&face).contains(PollFlags::POLLHUP));
}

#[test]
fn a_listener_that_ends_does_not_hang_up_what_goes_on_as_a_connection() {
    let daemon = Daemon::start();
    let (a, b) = (Client::join(&daemon, "a"), Client::join(&daemon, "b"));
    assert_eq!(b.register(5000, DomId::ANY, LEN).result, 0);
    let (mem, face) = own(a.register(RING, b.id, LEN).fds);
    assert_eq!(a.watch(RING, b.id, 5000).result, 0);
    assert_eq!(b.unregister(5000, DomId::ANY).result, 0);
    assert_eq!(mem.load(Word::State), state::PEER_GONE);
    assert_eq!(polls(&face), PollFlags::POLLIN, "its owner is to look");
    let _theirs = own(b.register(RING, a.id, LEN).fds);
    assert_eq!(b.attach(a.id, RING, RING).result, i64::from(LEN));
    assert_eq!(mem.load(Word::State), 0, "the watch took the end back");
    assert!(!polls(&face).contains(PollFlags::POLLHUP));
    assert_eq!(b.unregister(RING, a.id).result, 0);
    assert!(polls(&face).contains(PollFlags::POLLHUP));
}

#[test]
fn a_ring_lives_as_long_as_the_process_that_registered_it() {
    let daemon = Daemon::start();
    let (stays, goes) = (Client::join(&daemon, "a"), Client::join(&daemon, "a"));
    let b = Client::join(&daemon, "b");
    assert_eq!(stays.id, goes.id, "two processes of one domain");
    assert_eq!(goes.register(5000, DomId::ANY, LEN).result, 0);
    assert_eq!(stays.register(5001, DomId::ANY, LEN).result, 0);
    let to = |port| Addr::new(stays.id, port);
    drop(goes);
    // The daemon serves in the order in which it hears; its own clients' answers come after the end of `goes`.
    while b.sendv(b.id, to(5000), b"x").result != -i64::from(libc::ECONNREFUSED) {}
    assert_eq!(b.sendv(b.id, to(5001), b"x").result, 1);
    let _mem = stays.register(RING, b.id, LEN);
    let id = stays.id;
    drop(stays);
    while b.sendv(b.id, Addr::new(id, 5001), b"x").result != -i64::from(libc::ESRCH) {}
}

#[test]
fn figures_say_what_went_through() {
    let daemon = Daemon::start();
    let (a, b) = (Client::join(&daemon, "a"), Client::join(&daemon, "b"));
    let _ring = a.register(5000, DomId::ANY, LEN);
    assert_eq!(b.sendv(b.id, Addr::new(a.id, 5000), b"hello").result, 5);
    let blob = a.call(op::LIST_RINGS, [a.id.0.into(), 0, 0, 0], &[]).blob;
    let record = RingRecord::decode_all(&blob).next().expect("one ring");
    assert_eq!(
        (record.port, record.partner, record.delegated),
        (5000, DomId::ANY, false)
    );
    assert_eq!((record.messages, record.bytes, record.used), (1, 5, 32));
    assert!(
        a.call(op::LIST_RINGS, [a.id.0.into(), 1, 0, 0], &[])
            .blob
            .is_empty(),
        "that was all"
    );
}
