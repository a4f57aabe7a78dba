//! What a user of SOCK_SEQPACKET sees.

mod common;

use common::*;
use v4v_sock::{Errno, Received, RecvFlags};

#[test]
fn packets_keep_their_boundaries() {
    let (_hub, mut a, mut b) = packets();
    send(&mut a, b"one").unwrap();
    send(&mut a, b"three").unwrap();
    assert_eq!(recv(&mut b, 99).unwrap(), b"one");
    assert_eq!(recv(&mut b, 99).unwrap(), b"three");
    assert_eq!(recv(&mut b, 99), Err(Errno::AGAIN));
}

#[test]
fn a_packet_that_does_not_fit_the_buffer_is_cut_and_says_so() {
    let (_hub, mut a, mut b) = packets();
    send(&mut a, b"longer").unwrap();
    send(&mut a, b"next").unwrap();
    let (bytes, got) = recv_with(&mut b, 4, RecvFlags::default()).unwrap();
    assert_eq!(
        (bytes.as_slice(), got),
        (
            &b"long"[..],
            Received {
                bytes: 4,
                full: 6,
                end: true
            }
        )
    );
    assert!(got.truncated());
    assert_eq!(recv(&mut b, 9).unwrap(), b"next");
}

#[test]
fn an_empty_packet_is_a_packet_and_not_the_end() {
    let (_hub, mut a, mut b) = packets();
    assert_eq!(send(&mut a, b""), Ok(0));
    a.tx.shutdown(&a.conn).unwrap();
    let (_, packet) = recv_with(&mut b, 9, RecvFlags::default()).unwrap();
    assert!(packet.end && packet.full == 0);
    let (_, end) = recv_with(&mut b, 9, RecvFlags::default()).unwrap();
    assert_eq!(end, Received::EOF);
}

#[test]
fn the_longest_packet_passes_a_drained_ring_and_a_longer_one_is_refused() {
    let (_hub, mut a, mut b) = packets();
    let max = a.tx.message_max() as usize;
    assert_eq!(max, 2000);
    for i in 0..100_usize {
        assert_eq!(send(&mut a, &vec![i as u8; max - i]), Ok(max - i));
        assert_eq!(recv(&mut b, max).unwrap(), vec![i as u8; max - i]);
    }
    assert_eq!(send(&mut a, &vec![0; max + 1]), Err(Errno::MSGSIZE));
    assert_eq!(send(&mut a, &vec![0; 5000]), Err(Errno::MSGSIZE));
}

#[test]
fn a_packet_goes_wholly_or_not_at_all() {
    let (_hub, mut a, mut b) = packets();
    let max = a.tx.message_max() as usize;
    send(&mut a, &vec![1; max]).unwrap();
    assert_eq!(send(&mut a, &vec![2; max]), Err(Errno::AGAIN));
    assert!(!a.poll().output);
    assert_eq!(recv(&mut b, max).unwrap().len(), max);
    assert!(a.poll().output);
    assert_eq!(send(&mut a, &vec![2; max]), Ok(max));
}

#[test]
fn peek_shows_a_packet_and_keeps_it() {
    let (_hub, mut a, mut b) = packets();
    send(&mut a, b"look").unwrap();
    send(&mut a, b"next").unwrap();
    assert_eq!(peek(&mut b, 2).unwrap(), b"lo");
    assert_eq!(b.rx.available(&b.conn), 4);
    assert_eq!(recv(&mut b, 9).unwrap(), b"look");
}

#[test]
fn a_packet_socket_drains_then_ends_and_resets_like_a_stream() {
    let (_hub, mut a, mut b) = packets();
    send(&mut a, b"last").unwrap();
    a.conn.abort();
    assert_eq!(recv(&mut b, 9).unwrap(), b"last");
    assert_eq!(recv(&mut b, 9), Err(Errno::CONNRESET));
    assert_eq!(recv(&mut b, 9).unwrap(), b"");
}
