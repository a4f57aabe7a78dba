//! Hypercalls on one CPU, through the entry, over the machine of the tests.
//!
//! That machine keeps each guest's memory behind a mutex and records every hook, so the figures compare revisions of this crate; they
//! are no hypervisor's speed.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use v4v_hv::abi::{OP_NOTIFY, OP_SENDV};
use v4v_hv::testing::{Guest, TestHost, domains};
use v4v_hv::{Addr, DomId, Errno};
use v4v_ring::{RingMem, Word};

const PORT: u32 = 80;
/// Data bytes of the rings: 16 pages with the header.
const RING: u32 = 16 * 4096 - 64;
/// Calls after which what the machine recorded is thrown away.
const FORGET_AFTER: u32 = 1024;

/// Throws the machine's records away now and then: it keeps each hook and each copy otherwise.
struct Calls<'a> {
    host: &'a TestHost,
    made: u32,
}

impl<'a> Calls<'a> {
    fn of(guest: &'a Guest) -> Self {
        Self {
            host: guest.hv.host(),
            made: 0,
        }
    }

    fn count(&mut self) {
        self.made += 1;
        if self.made.is_multiple_of(FORGET_AFTER) {
            self.host.happened();
            self.host.reads();
        }
    }
}

/// A receiver that has read everything: its cursor is where the producer's is.
fn read_all(ring: &impl RingMem) {
    ring.store(Word::Rx, ring.load(Word::Tx));
}

/// sendv of one buffer, and the receiver's cursor following.
fn sendv(c: &mut Criterion) {
    let mut group = c.benchmark_group("sendv");
    for bytes in [64_u32, 4096] {
        let [a, b] = domains(&TestHost::boot(), [1, 2]);
        assert_eq!(b.register(PORT, a.id, RING), 0);
        let ring = b.mem(PORT, a.id);
        a.put_addr(Addr::new(a.id, 9), Addr::new(b.id, PORT));
        a.put_iovs(&[(Guest::DATA, bytes, 0)]);
        let mut calls = Calls::of(&a);
        group.throughput(Throughput::Bytes(bytes.into()));
        group.bench_function(BenchmarkId::from_parameter(bytes), |bench| {
            bench.iter(|| {
                let sent = a.call(OP_SENDV, Guest::STRUCT, Guest::IOVS, 1, 7);
                assert_eq!(black_box(sent), i64::from(bytes));
                read_all(&ring);
                calls.count();
            });
        });
    }
    group.finish();
}

/// notify without a question: of a receiver for whom nobody waits, and of one for whom a sender does, who then sends.
fn notify(c: &mut Criterion) {
    let mut group = c.benchmark_group("notify");
    let [a, b] = domains(&TestHost::boot(), [1, 2]);
    assert_eq!(b.register(PORT, a.id, 64), 0);
    let ring = b.mem(PORT, a.id);
    let mut calls = Calls::of(&a);
    group.bench_function("nobody waits", |bench| {
        bench.iter(|| {
            black_box(b.call(OP_NOTIFY, 0, 0, 0, 0));
            calls.count();
        });
    });
    a.put_addr(Addr::new(a.id, 9), Addr::new(b.id, PORT));
    a.put_iovs(&[(Guest::DATA, 32, 0)]);
    let send = || a.call(OP_SENDV, Guest::STRUCT, Guest::IOVS, 1, 7);
    assert_eq!(send(), 32);
    group.bench_function("a refused send, notify, the send", |bench| {
        bench.iter(|| {
            assert_eq!(send(), Errno::AGAIN.to_return());
            read_all(&ring);
            black_box(b.notify());
            assert_eq!(send(), 32);
            calls.count();
        });
    });
    b.put_questions(&[(Addr::new(a.id, PORT), 0); 16]);
    assert_eq!(a.register(PORT, DomId::ANY, 4032), 0);
    group.bench_function("sixteen questions", |bench| {
        bench.iter(|| {
            assert_eq!(b.call(OP_NOTIFY, Guest::STRUCT, 0, 0, 0), 0);
            calls.count();
        });
    });
    group.finish();
}

/// A ring's life, in a domain that has as many others as a busy server.
fn register(c: &mut Criterion) {
    let mut group = c.benchmark_group("register and unregister");
    for others in [0_u32, 1000] {
        let [a, b] = domains(&TestHost::boot(), [1, 2]);
        for port in 0..others {
            assert_eq!(b.register(1000 + port, a.id, 48), 0);
        }
        let mut calls = Calls::of(&b);
        group.bench_function(BenchmarkId::new("beside", others), |bench| {
            bench.iter(|| {
                assert_eq!(b.register(PORT, a.id, 4032), 0);
                assert_eq!(b.unregister(PORT, a.id), 0);
                calls.count();
            });
        });
    }
    group.finish();
}

criterion_group!(benches, sendv, notify, register);
criterion_main!(benches);
