//! What poll says in each state of a connection.

mod common;

use common::*;
use v4v_ring::layout::{MESSAGE_HEADER, event};
use v4v_ring::{Addr, MessageHeader};
use v4v_sock::frame::kind;
use v4v_sock::testing::Hub;
use v4v_sock::{PollState, SocketKind};

/// The names of the bits that are set.
fn names(p: PollState) -> String {
    let all = [
        (p.input, "in"),
        (p.output, "out"),
        (p.rdhup, "rdhup"),
        (p.hup, "hup"),
        (p.err, "err"),
    ];
    all.iter()
        .filter(|(on, _)| *on)
        .map(|(_, name)| *name)
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn a_fresh_connection_can_be_written() {
    let (_hub, mut a, mut b) = streams();
    assert_eq!((names(a.poll()), names(b.poll())), ("out".into(), "out".into()));
}

#[test]
fn data_can_be_read_until_it_is() {
    let (_hub, mut a, mut b) = streams();
    send(&mut a, b"xy").unwrap();
    assert_eq!(names(b.poll()), "in out");
    recv(&mut b, 1).unwrap();
    assert_eq!(names(b.poll()), "in out");
    recv(&mut b, 1).unwrap();
    assert_eq!(names(b.poll()), "out");
}

#[test]
fn a_full_ring_cannot_be_written() {
    let (_hub, mut a, mut b) = streams();
    let sent = fill(&mut a);
    assert_eq!(names(a.poll()), "");
    recv(&mut b, sent).unwrap();
    assert_eq!(names(a.poll()), "out");
}

#[test]
fn a_peers_shutdown_shows_before_its_data_is_read() {
    let (_hub, mut a, mut b) = streams();
    send(&mut a, b"x").unwrap();
    a.tx.shutdown(&a.conn).unwrap();
    assert_eq!(names(a.poll()), "out");
    assert_eq!(names(b.poll()), "in out rdhup");
    recv(&mut b, 1).unwrap();
    assert_eq!(names(b.poll()), "in out rdhup");
    b.tx.shutdown(&b.conn).unwrap();
    assert_eq!(names(b.poll()), "in out rdhup hup");
    assert_eq!(names(a.poll()), "in out rdhup hup");
}

/// Bytes of data that are a FIN's in each detail, in the last slot, are data.
#[test]
fn data_that_looks_like_a_shutdown_is_none() {
    let (_hub, mut a, mut b) = streams();
    let source = a.conn.ring().id().port;
    let fin = MessageHeader {
        len: MESSAGE_HEADER,
        source: Addr::new(a.conn.local().domain, source),
        kind: kind::FIN,
    };
    send(&mut a, &fin.encode()).unwrap();
    assert_eq!(names(b.poll()), "in out");
    a.tx.shutdown(&a.conn).unwrap();
    assert_eq!(names(b.poll()), "in out rdhup");
}

#[test]
fn a_peers_close_looks_like_its_shutdown() {
    let (_hub, a, mut b) = streams();
    close(a);
    assert_eq!(names(b.poll()), "in out rdhup");
}

#[test]
fn a_peers_close_behind_unread_data_keeps_that_readable() {
    let (_hub, mut a, mut b) = streams();
    send(&mut a, b"x").unwrap();
    close(a);
    assert_eq!(names(b.poll()), "in out rdhup");
    assert_eq!(recv(&mut b, 9).unwrap(), b"x");
    assert_eq!(names(b.poll()), "in out rdhup");
}

#[test]
fn a_reset_shows_everything_and_the_error_until_it_is_taken() {
    let (_hub, a, mut b) = streams();
    drop(a);
    assert_eq!(names(b.poll()), "in out rdhup hup err");
    b.conn.take_error().unwrap();
    assert_eq!(names(b.poll()), "in out rdhup hup");
}

#[test]
fn a_shutdown_of_reading_shows_as_end() {
    let (_hub, mut a, _b) = streams();
    a.conn.shutdown_read();
    assert_eq!(names(a.poll()), "in out rdhup");
    a.tx.shutdown(&a.conn).unwrap();
    assert_eq!(names(a.poll()), "in out rdhup hup");
}

#[test]
fn a_listener_can_be_read_while_somebody_waits() {
    let hub = Hub::new();
    let mut door = listen(&hub, SocketKind::Stream, 1);
    assert_eq!(names(door.poll()), "");
    let _guest = start(&hub, SocketKind::Stream).unwrap();
    assert_eq!(names(door.poll()), "in");
    let _server = door.accept().unwrap();
    assert_eq!(names(door.poll()), "");
}

#[test]
fn the_bits_are_linuxs() {
    let all = PollState {
        input: true,
        output: true,
        rdhup: true,
        hup: true,
        err: true,
    };
    assert_eq!(all.bits(), 0x1 | 0x4 | 0x8 | 0x10 | 0x2000);
    assert_eq!(PollState::default().bits(), 0);
}

#[test]
fn waiting_ends_with_each_kind_of_end() {
    for end in 0..3 {
        let (hub, mut a, mut b) = streams();
        assert!(b.rx.before_sleep(&b.conn, event::POLLS).is_some());
        match end {
            0 => a.tx.shutdown(&a.conn).unwrap(),
            1 => a.conn.abort(),
            _ => hub.kill(a.conn.local().domain),
        }
        assert_eq!(b.rx.before_sleep(&b.conn, event::POLLS), None);
        assert!(b.rx.readable(&b.conn));
    }
}
