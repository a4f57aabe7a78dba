//! Ends: what was sent before them arrives, and they are heard of.

use v4v_advisories::{Home, connect, fill, listen, recv, send, streams};
use v4v_ring::layout::event;
use v4v_sock::Errno;

/// A close that frees its socket's queue loses what the peer had not taken yet (the early vsock transports). Here the sender's
/// whole domain ends right after its last byte, and the reader still has all of it, then the end.
#[test]
fn close_that_loses_queued_data() {
    for crash in [false, true] {
        let [a, b] = Home::boot([1, 2]);
        let (mut client, mut server) = streams(&a, &b);
        let data: Vec<u8> = (0..3000_u32).map(|i| i as u8).collect();
        assert_eq!(send(&mut client, &data), Ok(3000));
        client.close().expect("FIN fits");
        if crash {
            a.guest.hv.domain_destroy(a.guest.id);
        }
        drop(client);
        let mut got = Vec::new();
        while let Some(part) = recv(&mut server, 700).ok().filter(|part| !part.is_empty()) {
            got.extend(part);
        }
        assert_eq!(got, data);
        assert_eq!(recv(&mut server, 9), Ok(vec![]), "the end, and no error");
    }
}

/// The same with a ring so full that FIN finds no room: close says so, and works when there is space.
#[test]
fn close_behind_a_full_ring() {
    let [a, b] = Home::boot([1, 2]);
    let (mut client, mut server) = streams(&a, &b);
    let mut sent = fill(&mut client);
    while send(&mut client, b"x") == Ok(1) {
        sent += 1;
    }
    assert_eq!(client.close(), Err(Errno::AGAIN));
    assert_eq!(
        send(&mut client, b"x"),
        Err(Errno::PIPE),
        "the direction is shut already"
    );
    a.host().happened();
    assert_eq!(recv(&mut server, 1 << 20).map(|bytes| bytes.len()), Ok(sent));
    assert!(server.rx.before_sleep(&server.conn, event::SLEEPS).is_some());
    assert!(a.signalled(), "the space that FIN waits for");
    assert_eq!(client.close(), Ok(()));
    assert_eq!(recv(&mut server, 9), Ok(vec![]));
}

/// A listener that ends right after it accepted: its end is told to the ring that watched it, and must not use up the one telling
/// that the connection's own end needs.
#[test]
fn an_end_that_nobody_hears_of() {
    let [a, b] = Home::boot([1, 2]);
    let mut door = listen(&b, 1);
    let mut guest = connect(&a, &b).expect("somebody listens");
    let server = door.accept().expect("a request");
    // The connector has not looked yet: its ring still watches the listener.
    drop(door);
    let mut client = guest.progress().expect("it was accepted");
    assert_eq!(recv(&mut client, 9), Err(Errno::AGAIN));
    assert!(client.rx.before_sleep(&client.conn, event::SLEEPS).is_some());
    a.host().happened();
    server.conn.abort();
    assert!(a.signalled(), "a reader would sleep for ever");
    assert_eq!(recv(&mut client, 9), Err(Errno::CONNRESET));
    assert_eq!(recv(&mut client, 9), Ok(vec![]));
}
