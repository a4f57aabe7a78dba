//! One message through a ring on one CPU: insert, signal, peek, copy, consume.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use v4v_ring::testing::HeapMem;
use v4v_ring::{Addr, Consumer, DomId, Producer, wake};

fn round(c: &mut Criterion) {
    let mut group = c.benchmark_group("ring");
    for bytes in [0_u32, 16, 64, 1024] {
        let mem = HeapMem::new(65_536);
        let payload = vec![1; bytes as usize];
        let mut buffer = vec![0; bytes as usize];
        let (mut producer, mut consumer) = (Producer::attach(&mem), Consumer::new());
        wake::want_data(&mem, 0);
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("insert_take", bytes), |b| {
            b.iter(|| {
                let source = Addr::new(DomId(1), 1);
                producer
                    .insert(&mem, source, 1, bytes, &mut &payload[..])
                    .expect("the ring is empty");
                black_box(wake::signal_data(&mem));
                let message = consumer.peek(&mem).expect("honest").expect("just inserted");
                message
                    .copy(&mem, 0, bytes, &mut &mut buffer[..])
                    .expect("long enough");
                consumer.consume(&mem, &message);
                consumer.publish(&mem);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, round);
criterion_main!(benches);
