//! A stream between two linked cores on one CPU: send, receive, nobody sleeps.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use v4v_ring::{Addr, DomId};
use v4v_sock::connect::ConnOptions;
use v4v_sock::limits::{CONN_RING_DEFAULT, CONN_RING_MIN};
use v4v_sock::testing::{Hub, TestPlatform};
use v4v_sock::{Connector, Established, Listener, RecvFlags, SocketKind};

type Conn = Established<TestPlatform>;

/// A connection: the connector's end, the listener's end.
fn pair(kind: SocketKind, ring_len: u32) -> (Conn, Conn) {
    let (hub, options) = (Hub::new(), ConnOptions { kind, ring_len });
    let mut door = Listener::listen(hub.domain(1), 80, 1, options).expect("a free port");
    let to = Addr::new(DomId(1), 80);
    let mut guest = Connector::start(hub.domain(2), to, options, None).expect("somebody listens");
    let server = door.accept().expect("a request");
    (guest.progress().expect("accepted"), server)
}

fn send_recv(c: &mut Criterion) {
    for (name, kind) in [
        ("stream", SocketKind::Stream),
        ("seqpacket", SocketKind::SeqPacket),
    ] {
        let mut group = c.benchmark_group(name);
        for bytes in [1_usize, 64, 1024, 65_536] {
            let (mut client, mut server) = pair(kind, CONN_RING_DEFAULT);
            let (payload, mut buffer) = (vec![1; bytes], vec![0; bytes]);
            group.throughput(Throughput::Bytes(bytes as u64));
            group.bench_function(BenchmarkId::new("send_recv", bytes), |bench| {
                bench.iter(|| {
                    let sent = client.tx.send(&client.conn, &mut &payload[..], bytes);
                    assert_eq!(sent, Ok(bytes));
                    let mut sink = buffer.as_mut_slice();
                    let got = server
                        .rx
                        .recv(&server.conn, &mut sink, bytes, RecvFlags::default());
                    assert_eq!(black_box(got).map(|got| got.bytes), Ok(bytes));
                });
            });
        }
        group.finish();
    }
}

/// What a home asks for each event of its poll loop.
fn poll(c: &mut Criterion) {
    let (mut client, mut server) = pair(SocketKind::Stream, CONN_RING_DEFAULT);
    c.bench_function("poll/idle", |bench| bench.iter(|| black_box(server.poll())));
    client.tx.send(&client.conn, &mut &b"data"[..], 4).expect("room");
    c.bench_function("poll/readable", |bench| bench.iter(|| black_box(server.poll())));
}

/// A connection's life: register, request, accept, and both ends dropped.
fn handshake(c: &mut Criterion) {
    c.bench_function("handshake/connect and drop", |bench| {
        // Small rings: this home zeroes a ring's memory byte by byte.
        bench.iter_with_large_drop(|| pair(SocketKind::Stream, CONN_RING_MIN));
    });
}

criterion_group!(benches, send_recv, poll, handshake);
criterion_main!(benches);
