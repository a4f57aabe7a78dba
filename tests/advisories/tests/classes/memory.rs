//! Memory that another party can write: read once, believed never, and nothing of ours left in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use v4v_advisories::{Home, recv, send, streams};
use v4v_hv::abi::OP_SENDV;
use v4v_hv::limits::COPY_CHUNK;
use v4v_hv::testing::{Guest, TestHost, domains, interleave};
use v4v_hv::{Addr, DomId};
use v4v_ring::layout::{RING_LEN_MIN, event};
use v4v_ring::{RingMem, Word};
use v4v_sock::Errno;

/// XSA-155 (CVE-2015-8550): a backend checks a request in shared memory, reads it again, and uses what the frontend has
/// put there meanwhile. Here another CPU of the sender rewrites the structures of a sendv at each point where one can.
#[test]
fn double_fetch_of_a_hypercalls_structures() {
    let payload = vec![0x11; 3 * COPY_CHUNK as usize];
    for at in 0.. {
        let hv = TestHost::boot();
        let [a, b, c] = domains(&hv, [1, 2, 3]);
        assert_eq!(b.register(80, DomId::ANY, 1 << 20), 0);
        assert_eq!(c.register(80, DomId::ANY, 1 << 20), 0);
        let evil = a.clone();
        let rewrite = move || {
            evil.put_addr(Addr::new(c.id, 1), Addr::new(c.id, 80));
            evil.put_iovs(&[(0, u32::MAX, 1), (u64::MAX, u32::MAX, 1)]);
        };
        let (sent, ran) = interleave(at, rewrite, || a.send(b.id, 80, &payload));
        assert_eq!(sent, i64::from(3 * COPY_CHUNK), "rewritten at {at}");
        let got = b.reader(80, DomId::ANY).take().expect("a message");
        assert!(
            got.source == Addr::new(a.id, 9) && got.payload == payload,
            "rewritten at {at}"
        );
        assert_eq!(
            hv.host()
                .frame(DomId(3), Guest::gfn(80, DomId::ANY))
                .expect("a ring")
                .load(Word::Tx),
            0
        );
        if !ran {
            assert!(at > 4, "look-ups and chunks are points: {at}");
            return;
        }
    }
}

/// The same class in the receiver: a message's header says one length when it is checked and another when it is used. Here
/// every byte of the ring turns to garbage as soon as it was read, so whatever is read twice is found out.
#[test]
fn double_fetch_of_a_message_header() {
    let [a, b] = Home::boot([1, 2]);
    let (mut client, mut server) = streams(&a, &b);
    a.read_once();
    b.read_once();
    let mut position = 0_usize;
    for n in (1..900).step_by(13) {
        let bytes: Vec<u8> = (position..position + n).map(|i| (i % 251) as u8).collect();
        assert_eq!(send(&mut client, &bytes), Ok(n));
        // In two reads, so that one message is met twice.
        let mut got = recv(&mut server, n / 2 + 1).expect("bytes");
        got.extend(recv(&mut server, n).unwrap_or_default());
        assert_eq!(got, bytes);
        position += n;
    }
    client.close().expect("FIN fits");
    assert_eq!(recv(&mut server, 9), Ok(vec![]));
}

/// XSA-86 (CVE-2014-1896): libvchan believes the ring indexes that the other side wrote. Here a receiver writes nonsense into
/// its cursors and flags while others send to it: it spoils its own ring, and nobody else notices.
#[test]
fn corrupt_cursors_hurt_their_owner_alone() {
    for nonsense in [
        1,
        15,
        RING_LEN_MIN,
        4032,
        4033,
        0x7FFF_FFFF,
        u32::MAX - 14,
        u32::MAX,
    ] {
        let [a, b, c] = Home::boot([1, 2, 3]);
        let (mut to_b, mut b_end) = streams(&a, &b);
        let (mut to_c, mut c_end) = streams(&a, &c);
        let mem = b_end.conn.ring().mem();
        for word in [
            Word::Rx,
            Word::Tx,
            Word::Event,
            Word::Space,
            Word::RxCpu,
            Word::TxCpu,
        ] {
            mem.store(word, nonsense);
        }
        for _ in 0..50 {
            assert!(
                matches!(send(&mut to_b, &[1; 100]), Ok(100) | Err(Errno::AGAIN)),
                "{nonsense:#x}"
            );
            assert_eq!(send(&mut to_c, b"fine"), Ok(4));
            assert_eq!(recv(&mut c_end, 9).expect("bytes"), b"fine");
        }
        // The hypervisor's own cursor decided where A's messages went, so B may find them or lose its connection.
        mem.store(Word::Tx, nonsense);
        assert_eq!(recv(&mut b_end, 1 << 20), Err(Errno::CONNRESET), "{nonsense:#x}");
        assert!(to_b.poll().err && !to_c.poll().hup);
    }
}

/// CVE-2026-46207 (vsock hands memory to a monitor that nobody has filled): the padding behind a message, and the reserved
/// bytes of answers, hold what the receiver itself had there, never the hypervisor's or a third domain's bytes.
#[test]
fn padding_leaks_nothing() {
    let hv = TestHost::boot();
    let [a, b] = domains(&hv, [1, 2]);
    assert_eq!(b.register(80, a.id, 4032), 0);
    let mem = b.mem(80, a.id);
    mem.write(0, &[0xEE; 128]);
    mem.store(Word::Event, event::SUPPRESS);
    assert_eq!(a.send(b.id, 80, b"x"), 1);
    let mut bytes = [0; 64];
    mem.read(0, &mut bytes);
    assert_eq!(bytes[10..12], [0, 0], "the source address's padding");
    assert_eq!(bytes[16], b'x');
    assert_eq!(bytes[17..], [0xEE; 47], "behind the payload");
    a.poke(Guest::STRUCT, &[0xEE; 64]);
    assert_eq!(a.call(v4v_hv::abi::OP_CAPS, Guest::STRUCT, 0, 0, 0), 0);
    assert_eq!(
        a.peek(Guest::STRUCT + 24, 40),
        [[0; 8].as_slice(), &[0xEE; 32]].concat()
    );
}

/// A failed send is one that has not happened: bytes that were copied before its memory turned out bad are never shown, also
/// where the message was sent in chunks and the fault met its last.
#[test]
fn a_fault_in_the_middle_shows_no_half_message() {
    let hv = TestHost::boot();
    let [a, b] = domains(&hv, [1, 2]);
    assert_eq!(b.register(80, a.id, 1 << 20), 0);
    let whole = 2 * COPY_CHUNK;
    for bad in [0, 0xFFF, (1 << 20) - 1, 1 << 20, u64::MAX - 3] {
        a.put_addr(Addr::new(a.id, 9), Addr::new(b.id, 80));
        a.put_iovs(&[(Guest::DATA, whole, 0), (bad, 8, 0)]);
        assert_eq!(
            a.call(OP_SENDV, Guest::STRUCT, Guest::IOVS, 2, 7),
            v4v_hv::Errno::FAULT.to_return()
        );
        assert_eq!(b.mem(80, a.id).load(Word::Tx), 0, "{bad:#x}");
    }
    assert_eq!(hv.host().signalled(), []);
    assert_eq!(a.send(b.id, 80, b"next"), 4);
    assert_eq!(b.reader(80, a.id).take().expect("a message").payload, b"next");
}

/// A ring that goes in the middle of a copy into it: the copy must not go on into pages that its owner has back.
#[test]
fn no_byte_is_written_to_a_ring_that_is_gone() {
    let mut stopped = 0;
    for at in 0.. {
        let hv = TestHost::boot();
        let [a, b] = domains(&hv, [1, 2]);
        assert_eq!(b.register(80, a.id, 1 << 20), 0);
        let (mem, gone) = (b.mem(80, a.id), Arc::new(AtomicBool::new(false)));
        let (owner, pages, noted) = (b.clone(), mem.clone(), Arc::clone(&gone));
        let take_back = move || {
            assert_eq!(owner.unregister(80, DomId(1)), 0);
            // The owner's again: from here on every change would show.
            pages.write(0, &vec![0xAB; 1 << 20]);
            noted.store(true, Ordering::Relaxed);
        };
        let (sent, ran) = interleave(at, take_back, || {
            a.send(b.id, 80, &vec![1; 4 * COPY_CHUNK as usize])
        });
        let mut bytes = vec![0; 1 << 20];
        mem.read(0, &mut bytes);
        if !ran {
            assert!(stopped > 3, "before each chunk: {stopped}");
            return;
        }
        assert!(
            gone.load(Ordering::Relaxed) && bytes.iter().all(|b| *b == 0xAB),
            "taken back at {at}"
        );
        stopped += u32::from(sent == v4v_hv::Errno::CONNREFUSED.to_return());
    }
}
