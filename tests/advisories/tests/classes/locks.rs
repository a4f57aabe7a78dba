//! Locks: dropped on every way out, never two at once, and never held while the world goes round.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use v4v_hv::abi::{OP_NOTIFY, OP_REGISTER, OP_SENDV, OP_UNREGISTER};
use v4v_hv::abi::{setup_flags::SET_WATCH, setup_flags::USE_FLAGS};
use v4v_hv::testing::{Guest, TestHost, domains};
use v4v_hv::{Addr, DomId, Errno};
use v4v_ring::{RingMem, Word};

type Call = fn(&Guest, &Guest) -> i64;

/// A call for each errno that is found while, or just after, a lock was held.
const FAILING: [(Call, Errno); 14] = [
    (|a, b| a.send(b.id, 99, b"x"), Errno::CONNREFUSED),
    (|a, b| a.send(b.id, 81, b"x"), Errno::AGAIN),
    (|a, b| a.send(b.id, 80, &[0; 4000]), Errno::MSGSIZE),
    (
        |a, b| a.send_iovs(b.id, 80, &[(Guest::DATA, 8, 0), (0, 8, 0)]),
        Errno::FAULT,
    ),
    (|a, b| a.send_iovs(b.id, 80, &[(Guest::DATA, 8, 1)]), Errno::INVAL),
    (|a, b| b.register(80, a.id, 128), Errno::EXIST),
    (|a, b| b.register_on(80, a.id, 64, 99, 0), Errno::PERM),
    (|a, b| b.register(90, DomId(9), a.id.0.into()), Errno::INVAL),
    (|_, b| b.register(90, DomId(9), 64), Errno::SRCH),
    (|a, _| a.unregister(99, DomId::ANY), Errno::NOENT),
    (|a, b| a.set(70, b.id, SET_WATCH, 99), Errno::CONNREFUSED),
    (|a, b| a.set(99, b.id, USE_FLAGS, 0), Errno::NOENT),
    (|a, _| a.call(OP_NOTIFY, 8, 0, 0, 0), Errno::FAULT),
    (|a, _| a.give_ready_page(99), Errno::INVAL),
];

/// XSA-277: a look-up returns on its error path with its lock held, and the next caller waits for ever. The locks of these tests
/// panic when one is taken on top of another; so each failing call is followed by others that take every lock there is.
#[test]
fn lock_kept_on_an_error_path() {
    let hv = TestHost::boot();
    let [a, b] = domains(&hv, [1, 2]);
    hv.host().spoil_frame(b.id, 99, Errno::PERM);
    hv.host().spoil_frame(a.id, 99, Errno::INVAL);
    assert_eq!(a.register(70, b.id, 64), 0);
    assert_eq!(b.register(80, a.id, 64), 0);
    assert_eq!(b.register(81, DomId::ANY, 64), 0);
    assert_eq!(a.send(b.id, 81, &[0; 32]), 32);
    for (case, (call, errno)) in FAILING.into_iter().enumerate() {
        assert_eq!(call(&a, &b), errno.to_return(), "case {case}");
        assert_eq!(a.send(b.id, 80, b"x"), 1, "case {case}");
        b.mem(80, a.id).store(Word::Rx, b.mem(80, a.id).load(Word::Tx));
        assert_eq!(b.ask(Addr::new(a.id, 70), 1).0, 0, "case {case}");
        assert_eq!((b.notify(), a.notify()), (0, 0), "case {case}");
        assert_eq!(b.set(80, a.id, SET_WATCH | USE_FLAGS, 70), 0, "case {case}");
        assert_eq!(b.register(80, a.id, 64), 0, "case {case}");
        let [c] = domains(&hv, [100 + case as u16]);
        hv.domain_destroy(c.id);
    }
}

/// Two operations that need the same two domains, in either order, on two CPUs: with locks taken in two orders they stop each
/// other (an old fault of V4V's list of domains). Real threads, both directions of everything, for a while.
#[test]
fn lock_order_inversion() {
    let hv = TestHost::boot();
    let guests = domains(&hv, [1, 2]);
    let done = Arc::new(AtomicBool::new(false));
    let work = |me: Guest, peer: DomId, done: Arc<AtomicBool>| {
        move || {
            let mut rounds = 0_u64;
            while !done.load(Ordering::Relaxed) {
                me.register(80, peer, 64);
                me.register(81, DomId::ANY, 64);
                me.set(80, peer, SET_WATCH, 80);
                while me.send(peer, 81, &[1; 16]) >= 0 {}
                me.ask(Addr::new(peer, 80), 20);
                me.notify();
                me.unregister(80, peer);
                me.unregister(81, DomId::ANY);
                if rounds.is_multiple_of(16) {
                    me.hv.soft_reset(me.id).expect("memory");
                }
                rounds += 1;
            }
            rounds
        }
    };
    let [a, b] = guests.clone();
    let threads = [
        thread::spawn(work(a.clone(), b.id, Arc::clone(&done))),
        thread::spawn(work(b.clone(), a.id, Arc::clone(&done))),
    ];
    thread::sleep(Duration::from_millis(400));
    done.store(true, Ordering::Relaxed);
    let limit = Instant::now() + Duration::from_secs(60);
    while !threads.iter().all(thread::JoinHandle::is_finished) {
        assert!(Instant::now() < limit, "two CPUs wait for each other");
        thread::sleep(Duration::from_millis(1));
    }
    for thread in threads {
        assert!(thread.join().expect("no lock was taken on top of another") > 0);
    }
    guests.iter().for_each(|guest| hv.domain_destroy(guest.id));
    assert_eq!((hv.host().live(), hv.host().mappings()), (0, 0));
}

/// XSA-344 (CVE-2020-25601): a loop whose length a guest chooses runs to its end and nobody else runs meanwhile. The greatest that
/// a caller can ask of one call is a number here: entries of a notify, buffers, pages, bytes under one lock.
#[test]
fn loops_whose_length_a_guest_chooses() {
    let hv = TestHost::boot();
    let [a, b] = domains(&hv, [1, 2]);
    assert_eq!(b.register(80, a.id, 1 << 20), 0);
    a.poke(Guest::STRUCT, &257_u32.to_le_bytes());
    assert_eq!(
        a.call(OP_NOTIFY, Guest::STRUCT, 0, 0, 0),
        Errno::ACCES.to_return()
    );
    assert_eq!(
        a.call(OP_SENDV, Guest::STRUCT, Guest::IOVS, 9, 0),
        Errno::INVAL.to_return()
    );
    assert_eq!(
        a.call(OP_REGISTER, Guest::STRUCT, Guest::GFNS, 4097, 0),
        Errno::INVAL.to_return()
    );
    assert_eq!(
        a.call(OP_UNREGISTER, Guest::STRUCT, 1, 0, 0),
        Errno::INVAL.to_return()
    );
    hv.host().reads();
    assert_eq!(a.send(b.id, 80, &vec![1; 800_000]), 800_000);
    let longest = hv.host().reads().iter().map(|r| r.end - r.start).max();
    assert_eq!(
        longest,
        Some(u64::from(v4v_hv::limits::COPY_CHUNK)),
        "bytes copied in one hold of the lock"
    );
}
