//! What the daemon makes of requests that are not as they should be.

use crate::{Client, Daemon};
use std::os::fd::AsFd;
use v4v_hosted::packet;
use v4v_hosted::wire::{BLOB_BASE, BLOB_MAX, MAGIC, PACKET_MAX, Request, VERSION, op};
use v4v_hv::abi::{Caps, OP_CAPS, OP_REGISTER};
use v4v_ring::{Addr, DomId};

#[test]
fn another_version_is_told_what_to_do() {
    let daemon = Daemon::start();
    let reply = Client::connect(&daemon).call(op::HELLO, [MAGIC, u64::from(VERSION) + 1, 0, 0], b"a");
    reply.assert_refused(libc::EPROTONOSUPPORT, "install both from one release");
}

#[test]
fn another_program_is_refused() {
    let daemon = Daemon::start();
    Client::connect(&daemon)
        .call(op::HELLO, [1, 1, 0, 0], b"a")
        .assert_refused(libc::EPROTO, "v4vd's socket");
}

#[test]
fn hello_comes_first_and_once() {
    let daemon = Daemon::start();
    let client = Client::connect(&daemon);
    client
        .call(op::RESOLVE, [0; 4], b"a")
        .assert_refused(libc::ENOTCONN, "hello");
    assert!(client.hello("a").result > 0);
    client.hello("b").assert_refused(libc::EISCONN, "already");
}

#[test]
fn an_observer_may_only_look() {
    let daemon = Daemon::start();
    let client = Client::connect(&daemon);
    assert_eq!(client.hello("").result, 0);
    assert_eq!(client.call(op::LIST_DOMAINS, [0; 4], &[]).result, 0);
    client
        .register(5000, DomId::ANY, 4032)
        .assert_refused(libc::ENODEV, "no domain");
    client
        .attach(DomId(1), 1, 0)
        .assert_refused(libc::ENODEV, "no domain");
}

#[test]
fn an_impossible_name_is_explained() {
    let daemon = Daemon::start();
    for name in ["a b", "7", "any", &"x".repeat(64)] {
        Client::connect(&daemon)
            .hello(name)
            .assert_refused(libc::EINVAL, "V4V_DOMAIN");
    }
}

#[test]
fn an_unknown_operation_is_refused_and_the_next_one_served() {
    let daemon = Daemon::start();
    let client = Client::join(&daemon, "a");
    client
        .call(0x1FFF, [0; 4], &[])
        .assert_refused(libc::EOPNOTSUPP, "0x1fff");
    assert_eq!(
        client.call(99, [0; 4], &[]).result,
        -i64::from(libc::EOPNOTSUPP),
        "as a hypercall that Xen lacks"
    );
    let caps = client.call(OP_CAPS, [BLOB_BASE, 0, 0, 0], &[0; Caps::SIZE]);
    assert_eq!(caps.result, 0);
    assert_eq!(
        Caps::decode(caps.blob.first_chunk().expect("written back")).version,
        1
    );
}

#[test]
fn memory_outside_of_the_blob_is_a_fault() {
    let daemon = Daemon::start();
    let client = Client::join(&daemon, "a");
    for handle in [0, 1, BLOB_BASE + 1, u64::MAX] {
        let reply = client.call(OP_REGISTER, [handle, 0, 1, 0], &[0; 12]);
        assert_eq!(reply.result, -i64::from(libc::EFAULT), "{handle:#x}");
    }
}

#[test]
fn a_malformed_packet_ends_its_client_and_no_other() {
    let daemon = Daemon::start();
    let steady = Client::join(&daemon, "steady");
    let long = vec![0; PACKET_MAX + 1];
    for bytes in [&[1_u8][..], &[0; 39], &long] {
        let client = Client::join(&daemon, "fool");
        client.send_raw(bytes);
        assert!(client.receive().is_none(), "{} bytes", bytes.len());
    }
    assert!(steady.call(op::RESOLVE, [0; 4], b"steady").result > 0);
}

#[test]
fn descriptors_that_nobody_asked_for_do_not_stay() {
    let daemon = Daemon::start();
    let steady = Client::join(&daemon, "steady");
    let at_rest = daemon.descriptors();
    let gift = std::io::stdin();
    for _ in 0..8 {
        let client = Client::join(&daemon, "donor");
        let head = Request {
            op: op::LIST_DOMAINS,
            sequence: 7,
            args: [0; 4],
        };
        match packet::send(client.socket(), &[&head.encode()], &[gift.as_fd(), gift.as_fd()]) {
            // Since Linux 6.16 they do not even get to the daemon.
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => {}
            sent => {
                sent.expect("sent");
                assert!(client.receive().is_none());
            }
        }
    }
    // An answer proves that the daemon is done with all before it.
    assert!(steady.call(op::RESOLVE, [0; 4], b"steady").result > 0);
    assert_eq!(daemon.descriptors(), at_rest);
}

#[test]
fn the_greatest_blob_is_taken() {
    let daemon = Daemon::start();
    let client = Client::join(&daemon, "a");
    let reply = client.call(op::NAME_OF, [client.id.0.into(), 0, 0, 0], &vec![7; BLOB_MAX]);
    assert_eq!((reply.result, &reply.blob[..]), (0, &b"a"[..]));
}

#[test]
fn a_client_that_takes_no_answers_is_dropped() {
    let daemon = Daemon::start();
    let steady = Client::join(&daemon, "steady");
    let client = Client::join(&daemon, "deaf");
    // Each answer is short; enough of them fill any socket buffer. The daemon must not wait for room in it.
    let mut sent = 0;
    while sent < 100_000 {
        let head = Request {
            op: op::NAME_OF,
            sequence: 7,
            args: [client.id.0.into(), 0, 0, 0],
        };
        let Ok(()) = packet::send(client.socket(), &[&head.encode()], &[]) else {
            break;
        };
        sent += 1;
    }
    assert!(sent < 100_000, "it is still served");
    assert!(
        steady.call(op::RESOLVE, [0; 4], b"steady").result > 0,
        "the others are served as before"
    );
}

#[test]
fn a_client_that_leaves_descriptors_unread_is_dropped_and_the_others_are_served() {
    let daemon = Daemon::start();
    let steady = Client::join(&daemon, "steady");
    let hoarder = Client::join(&daemon, "hoarder");
    let request = |port: u32| {
        let blob = [&Addr::new(DomId::ANY, port).encode()[..], &4032_u32.to_le_bytes()].concat();
        hoarder.send(OP_REGISTER, [BLOB_BASE, 0, 1, 0], &blob, &[]);
    };
    request(5000);
    request(5001);
    // A client has one request a round: after these the daemon has seen both.
    for _ in 0..3 {
        steady.call(op::RESOLVE, [0; 4], b"steady");
    }
    assert_eq!(
        hoarder.receive().map(|r| r.fds.len()),
        Some(3),
        "it had asked in turn"
    );
    assert!(hoarder.receive().is_none(), "and asked on with that unread");
    assert_eq!(steady.register(5000, DomId::ANY, 4032).fds.len(), 3);
    assert_eq!(
        steady.register(5001, DomId::ANY, 4032).fds.len(),
        3,
        "it takes them in turn"
    );
}
