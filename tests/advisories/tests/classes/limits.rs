//! Lengths, counts and arguments at and beyond every edge.

use v4v_advisories::{Home, recv, send, streams};
use v4v_hv::abi::{OP_CAPS, OP_NOTIFY, OP_READY_SETUP, OP_REGISTER, OP_RING_SETUP, OP_SENDV, OP_UNREGISTER};
use v4v_hv::testing::{Guest, TestHost, domains};
use v4v_hv::{Addr, Errno};
use v4v_ring::layout::{MESSAGE_MAX, Word};
use v4v_ring::testing::HeapMem;
use v4v_ring::{Consumer, Corrupt, RingMem};
use v4v_sock::frame::kind;
use v4v_sock::{Platform, SocketKind};

/// XSA-212 (CVE-2017-7228) and CVE-2016-7422: lengths and handles are checked one by one, and their sum or product wraps. Here
/// each is near the end of its type, alone and added to others.
#[test]
fn wrapped_lengths() {
    let hv = TestHost::boot();
    let [a, b] = domains(&hv, [1, 2]);
    assert_eq!(b.register(80, a.id, 4032), 0);
    let (inval, size, fault) = (
        Errno::INVAL.to_return(),
        Errno::MSGSIZE.to_return(),
        Errno::FAULT.to_return(),
    );
    let half = 1 << 31;
    for (iovs, expected) in [
        (&[(Guest::DATA, u32::MAX, 0)][..], inval),
        (&[(Guest::DATA, MESSAGE_MAX + 1, 0)], inval),
        (&[(Guest::DATA, half, 0), (Guest::DATA, half, 0)], inval),
        (&[(Guest::DATA, MESSAGE_MAX, 0); 8], size),
        (&[(Guest::DATA, 16, 0), (Guest::DATA, MESSAGE_MAX, 0)], size),
        (&[(Guest::DATA, MESSAGE_MAX, 0)], size),
        (&[(u64::MAX, 16, 0)], fault),
        (&[(u64::MAX - 15, 16, 0)], fault),
        (&[(Guest::DATA, 16, 0), (u64::MAX - 7, 16, 0)], fault),
    ] {
        assert_eq!(a.send_iovs(b.id, 80, iovs), expected, "{iovs:x?}");
        assert_eq!(b.mem(80, a.id).load(Word::Tx), 0, "{iovs:x?}");
    }
    for len in [u32::MAX, u32::MAX - 15, 0x8000_0000, 0x0100_0010] {
        for pages in [0, 1, 4096, 4097, u64::from(u32::MAX)] {
            a.put_register(81, b.id, 0, len, 7);
            assert_eq!(
                a.call(OP_REGISTER, Guest::STRUCT, Guest::GFNS, pages, 0),
                inval,
                "{len:#x}"
            );
        }
    }
    // The header lies at the very end of the address space, so its entries lie beyond.
    for handle in [u64::MAX, u64::MAX - 7, u64::MAX - 20] {
        assert_eq!(a.call(OP_NOTIFY, handle, 0, 0, 0), fault);
    }
    let (_, flags, max) = a.ask(Addr::new(b.id, 80), u32::MAX);
    assert_eq!(
        (flags & v4v_hv::abi::ring_flags::EMSGSIZE != 0, max),
        (true, 4000)
    );
    let mut left = 0;
    hv.for_each_ring(b.id, |ring| left += ring.pending);
    assert_eq!(left, 0, "nothing of all this waits for space");
}

/// The same at the receiver: a message's header claims a length that wraps when it is rounded up or added to a position.
#[test]
fn wrapped_message_length() {
    for len in [0, 15, 65, 4033, 0x7FFF_FFF0, u32::MAX - 15, u32::MAX] {
        let mem = HeapMem::new(4032);
        mem.write(0, &len.to_le_bytes());
        mem.store(Word::Tx, 64);
        assert_eq!(Consumer::new().peek(&mem), Err(Corrupt::Length { len }));
    }
}

/// CVE-2014-9718 (a QEMU device loops over descriptors without sectors): work that costs its giver nothing must end. Every
/// empty message takes a slot of the ring, so a ring bounds them; and a stream, to which they mean nothing, ends at the first.
#[test]
fn unbounded_zero_length_messages() {
    let [a, b] = Home::boot([1, 2]);
    assert_eq!(b.guest.register(80, a.guest.id, 4032), 0);
    let empties = (0..)
        .take_while(|_| a.guest.send_iovs(b.guest.id, 80, &[(0, 0, 0); 8]) == 0)
        .count();
    assert_eq!(empties, 4032 / 16 - 1);
    let (mut client, mut server) = streams(&a, &b);
    let to = Addr::new(b.guest.id, server.conn.ring().id().port);
    let from = client.conn.ring().id().port;
    for _ in 0..10 {
        a.send_message(from, to, kind::DATA, &[]).expect("the guest may");
    }
    assert_eq!(recv(&mut server, 9), Err(v4v_sock::Errno::CONNRESET));
    assert_eq!(server.rx.available(&server.conn), 0);
    assert_eq!(send(&mut client, b"x"), Err(v4v_sock::Errno::CONNRESET));
    assert_eq!(server.conn.kind(), SocketKind::Stream);
}

/// XSA-454 (CVE-2023-46842) and XSA-338 (CVE-2020-25597): a check that was meant for bugs of the hypervisor's own is one that a
/// guest can trip, and the host stops. Here arguments have their high halves set, handles are odd, numbers are huge: an errno.
#[test]
fn reachable_assert() {
    let hv = TestHost::boot();
    let [a, b] = domains(&hv, [1, 2]);
    assert_eq!(b.register(80, a.id, 4032), 0);
    let odd = [
        0,
        1,
        0xFFF,
        0x1000,
        1 << 31,
        u64::from(u32::MAX),
        1 << 32,
        1 << 63,
        u64::MAX,
    ];
    let ops = [
        OP_REGISTER,
        OP_UNREGISTER,
        OP_SENDV,
        OP_NOTIFY,
        OP_CAPS,
        OP_RING_SETUP,
        OP_READY_SETUP,
    ];
    for op in ops.into_iter().chain([0, 5, 15, 19, u32::MAX]) {
        for arg1 in odd {
            for arg2 in odd {
                for (arg3, arg4) in odd.into_iter().flat_map(|arg3| odd.map(|arg4| (arg3, arg4))) {
                    let returned = a.call(op, arg1, arg2, arg3, arg4);
                    assert!(
                        (-4095..=0).contains(&returned),
                        "{op} {arg1:x} {arg2:x} {arg3:x} {arg4:x}"
                    );
                    let high = arg3 > u64::from(u32::MAX) || arg4 > u64::from(u32::MAX);
                    assert!(!high || returned == Errno::INVAL.to_return());
                }
            }
        }
    }
    assert_eq!(a.send(b.id, 80, b"alive"), 5);
}
