//! Long messages that stop on their way, because the CPU is wanted.

use v4v_hv::abi::OP_SENDV;
use v4v_hv::limits::COPY_CHUNK;
use v4v_hv::testing::{Guest, TestHost, domains};
use v4v_hv::{Errno, Hypervisor};

use std::sync::Arc;

/// Chunks of the messages here.
const CHUNKS: usize = 5;
const LEN: usize = CHUNKS * COPY_CHUNK as usize;

fn world() -> (Arc<Hypervisor<TestHost>>, Guest, Guest) {
    let hv = TestHost::boot();
    let [a, b] = domains(&hv, [1, 2]);
    assert_eq!(b.register(80, a.id, 4 * LEN as u32), 0);
    (hv, a, b)
}

/// Bytes of which no two places within a chunk are alike for long.
fn payload(seed: u8) -> Vec<u8> {
    (0..LEN)
        .map(|i| (i % 251) as u8 ^ (i >> 13) as u8 ^ seed)
        .collect()
}

/// The call that [`Guest::send`] made, once more.
fn again(guest: &Guest) -> i64 {
    guest.call(OP_SENDV, Guest::STRUCT, Guest::IOVS, 1, 7)
}

#[test]
fn it_stops_after_each_chunk_and_arrives_whole() {
    let (hv, a, b) = world();
    hv.host().want_cpu(true);
    let restart = Errno::RESTART.to_return();
    assert_eq!(a.send(b.id, 80, &payload(1)), restart);
    for _ in 2..CHUNKS {
        assert!(b.reader(80, a.id).take().is_none(), "a part is nothing yet");
        assert_eq!(again(&a), restart);
    }
    assert_eq!(again(&a), LEN as i64);
    assert_eq!(hv.host().signalled(), [b.id]);
    assert_eq!(b.reader(80, a.id).take().expect("it").payload, payload(1));
}

#[test]
fn a_short_one_does_not_stop() {
    let (hv, a, b) = world();
    hv.host().want_cpu(true);
    let short = vec![7; COPY_CHUNK as usize];
    assert_eq!(a.send(b.id, 80, &short), i64::from(COPY_CHUNK));
}

#[test]
fn one_that_lost_its_place_starts_again() {
    let (hv, a, b) = world();
    hv.host().want_cpu(true);
    assert_eq!(a.send(b.id, 80, &payload(1)), Errno::RESTART.to_return());
    // Another virtual CPU of the same domain is quicker.
    hv.host().run_vcpu(1);
    hv.host().want_cpu(false);
    assert_eq!(a.send(b.id, 80, b"quick"), 5);
    hv.host().run_vcpu(0);
    a.poke(Guest::DATA, &payload(1));
    a.put_iovs(&[(Guest::DATA, LEN as u32, 0)]);
    assert_eq!(again(&a), LEN as i64);
    let mut reader = b.reader(80, a.id);
    assert_eq!(reader.take().expect("the quick one").payload, b"quick");
    assert_eq!(reader.take().expect("the long one").payload, payload(1));
    assert!(reader.take().is_none());
}

#[test]
fn each_virtual_cpu_goes_on_with_its_own() {
    let (hv, a, b) = world();
    hv.host().want_cpu(true);
    for vcpu in [0, 1] {
        hv.host().run_vcpu(vcpu);
        assert_eq!(a.send(b.id, 80, &payload(1)), Errno::RESTART.to_return());
    }
    hv.host().want_cpu(false);
    for vcpu in [1, 0] {
        hv.host().run_vcpu(vcpu);
        assert_eq!(again(&a), LEN as i64);
    }
    let mut reader = b.reader(80, a.id);
    for _ in 0..2 {
        assert_eq!(reader.take().expect("both").payload, payload(1));
    }
}

#[test]
fn another_call_is_another_message() {
    let (hv, a, b) = world();
    hv.host().want_cpu(true);
    assert_eq!(a.send(b.id, 80, &payload(1)), Errno::RESTART.to_return());
    // The guest's interrupt sends something long itself; then the first call comes again and is not that one's rest.
    a.poke(Guest::DATA, &payload(2));
    assert_eq!(
        a.call(OP_SENDV, Guest::STRUCT, Guest::IOVS, 1, 8),
        Errno::RESTART.to_return()
    );
    hv.host().want_cpu(false);
    assert_eq!(a.call(OP_SENDV, Guest::STRUCT, Guest::IOVS, 1, 8), LEN as i64);
    assert_eq!(again(&a), LEN as i64);
    let mut reader = b.reader(80, a.id);
    for kind in [8, 7] {
        let got = reader.take().expect("both");
        assert_eq!((got.kind, got.payload), (kind, payload(2)));
    }
}

#[test]
fn the_ring_that_went_meanwhile_takes_nothing() {
    let (hv, a, b) = world();
    hv.host().want_cpu(true);
    assert_eq!(a.send(b.id, 80, &payload(1)), Errno::RESTART.to_return());
    assert_eq!(b.unregister(80, a.id), 0);
    assert_eq!(again(&a), Errno::CONNREFUSED.to_return());
    // A new ring of that name gets the message from its first byte.
    assert_eq!(b.register(80, a.id, 4 * LEN as u32), 0);
    hv.host().want_cpu(false);
    a.put_addr(v4v_hv::Addr::new(a.id, 9), v4v_hv::Addr::new(b.id, 80));
    assert_eq!(again(&a), LEN as i64);
    assert_eq!(b.reader(80, a.id).take().expect("it").payload, payload(1));
}

#[test]
fn descriptions_that_change_meanwhile_are_another_message() {
    let (hv, a, b) = world();
    hv.host().want_cpu(true);
    assert_eq!(a.send(b.id, 80, &payload(1)), Errno::RESTART.to_return());
    let short = COPY_CHUNK + 1;
    a.put_iovs(&[(Guest::DATA, short, 0)]);
    hv.host().want_cpu(false);
    assert_eq!(again(&a), i64::from(short));
    let got = b.reader(80, a.id).take().expect("it").payload;
    assert_eq!(got, payload(1).split_at(short as usize).0);
}

#[test]
fn one_that_ended_on_another_virtual_cpu_is_not_gone_on_with() {
    let (hv, a, b) = world();
    hv.host().want_cpu(true);
    // A task is moved to another virtual CPU between its call and the call that comes again.
    assert_eq!(a.send(b.id, 80, &payload(1)), Errno::RESTART.to_return());
    hv.host().want_cpu(false);
    hv.host().run_vcpu(1);
    assert_eq!(again(&a), LEN as i64);
    // Back on the first it sends from the same memory what is not the same.
    hv.host().run_vcpu(0);
    assert_eq!(a.send(b.id, 80, &payload(2)), LEN as i64);
    let mut reader = b.reader(80, a.id);
    assert_eq!(reader.take().expect("the first").payload, payload(1));
    assert_eq!(reader.take().expect("the second").payload, payload(2));
}

#[test]
fn without_memory_to_remember_it_goes_on() {
    let (hv, a, b) = world();
    hv.host().want_cpu(true);
    hv.host().fail_allocation(Some(0));
    // The first stop fails and the send goes on, so there is one stop less than in `it_stops_after_each_chunk`.
    let restart = Errno::RESTART.to_return();
    assert_eq!(a.send(b.id, 80, &payload(1)), restart);
    assert!(!hv.host().failure_is_due());
    for _ in 3..CHUNKS {
        assert_eq!(again(&a), restart);
    }
    assert_eq!(again(&a), LEN as i64);
    assert_eq!(b.reader(80, a.id).take().expect("it").payload, payload(1));
}
