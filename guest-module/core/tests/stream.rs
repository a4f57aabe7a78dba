//! What a user of SOCK_STREAM sees.

mod common;

use common::*;
use v4v_ring::layout::{event, space};
use v4v_ring::{DomId, RingMem, Word};
use v4v_sock::{Errno, Transmit};

#[test]
fn bytes_arrive_in_order_whatever_the_sizes() {
    let (_hub, mut a, mut b) = streams();
    send(&mut a, b"hello ").unwrap();
    send(&mut a, b"world").unwrap();
    assert_eq!(recv(&mut b, 3).unwrap(), b"hel");
    assert_eq!(recv(&mut b, 5).unwrap(), b"lo wo");
    assert_eq!(recv(&mut b, 99).unwrap(), b"rld");
    assert_eq!(recv(&mut b, 99), Err(Errno::AGAIN));
}

#[test]
fn a_send_takes_what_fits_and_says_how_much() {
    let (_hub, mut a, mut b) = streams();
    let data: Vec<u8> = (0..20_000_u32).map(|i| i as u8).collect();
    let mut received = Vec::new();
    let mut sent = 0;
    while received.len() < data.len() {
        if sent < data.len() {
            match send(&mut a, &data[sent..]) {
                Ok(n) => sent += n,
                Err(e) => assert_eq!(e, Errno::AGAIN),
            }
            assert!(
                sent < data.len() || !received.is_empty(),
                "a ring of a page took 20000 bytes"
            );
        }
        received.extend(recv(&mut b, 777).unwrap_or_default());
    }
    assert_eq!(received, data);
}

#[test]
fn a_full_ring_says_would_block_and_takes_more_once_read() {
    let (_hub, mut a, mut b) = streams();
    let sent = fill(&mut a);
    assert!(!a.poll().output);
    assert_eq!(recv(&mut b, sent).unwrap().len(), sent);
    assert!(a.poll().output);
    assert_eq!(send(&mut a, b"x"), Ok(1));
}

#[test]
fn an_empty_send_is_nothing_and_an_empty_receive_returns_at_once() {
    let (_hub, mut a, mut b) = streams();
    assert_eq!(send(&mut a, b""), Ok(0));
    assert_eq!(recv(&mut b, 9), Err(Errno::AGAIN));
    assert_eq!(recv(&mut b, 0).unwrap(), b"");
}

#[test]
fn shutdown_of_writing_ends_one_direction_only() {
    let (_hub, mut a, mut b) = streams();
    send(&mut a, b"last").unwrap();
    a.tx.shutdown(&a.conn).unwrap();
    assert_eq!(send(&mut a, b"x"), Err(Errno::PIPE));
    assert_eq!(recv(&mut b, 9).unwrap(), b"last");
    assert_eq!(recv(&mut b, 9).unwrap(), b"");
    assert_eq!(recv(&mut b, 9).unwrap(), b"");
    assert_eq!(send(&mut b, b"still"), Ok(5));
    assert_eq!(recv(&mut a, 9).unwrap(), b"still");
    b.tx.shutdown(&b.conn).unwrap();
    assert_eq!(recv(&mut a, 9).unwrap(), b"");
}

#[test]
fn shutdown_twice_sends_one_fin() {
    let (_hub, mut a, mut b) = streams();
    a.tx.shutdown(&a.conn).unwrap();
    a.tx.shutdown(&a.conn).unwrap();
    assert_eq!(recv(&mut b, 9).unwrap(), b"");
    assert_eq!(b.rx.available(&b.conn), 0);
    assert!(!b.conn.is_reset());
}

#[test]
fn fin_fits_behind_a_full_ring() {
    let (_hub, mut a, mut b) = streams();
    let sent = fill(&mut a);
    assert_eq!(a.tx.shutdown(&a.conn), Ok(()));
    assert_eq!(recv(&mut b, sent + 1).unwrap().len(), sent);
    assert_eq!(recv(&mut b, 9).unwrap(), b"");
}

#[test]
fn shutdown_of_reading_reads_what_is_there_then_the_end() {
    let (_hub, mut a, mut b) = streams();
    send(&mut a, b"ab").unwrap();
    b.conn.shutdown_read();
    assert_eq!(recv(&mut b, 9).unwrap(), b"ab");
    assert_eq!(recv(&mut b, 9).unwrap(), b"");
    send(&mut a, b"cd").unwrap();
    assert_eq!(recv(&mut b, 9).unwrap(), b"cd");
    assert_eq!(send(&mut b, b"x"), Ok(1));
}

#[test]
fn close_lets_the_peer_drain_before_the_end() {
    let (hub, mut a, mut b) = streams();
    send(&mut a, b"drain me").unwrap();
    close(a);
    assert_eq!(recv(&mut b, 5).unwrap(), b"drain");
    assert_eq!(recv(&mut b, 9).unwrap(), b" me");
    assert_eq!(recv(&mut b, 9).unwrap(), b"");
    drop(b);
    assert_eq!(hub.rings(), 0);
}

#[test]
fn writing_to_a_peer_that_closed_is_a_broken_pipe() {
    let (_hub, a, mut b) = streams();
    close(a);
    assert_eq!(send(&mut b, b"x"), Err(Errno::PIPE));
    assert_eq!(recv(&mut b, 9).unwrap(), b"");
    assert!(!b.conn.is_reset());
}

#[test]
fn a_writer_finds_the_fin_behind_unread_bytes() {
    let (_hub, mut a, mut b) = streams();
    send(&mut a, b"unread").unwrap();
    send(&mut a, b"").unwrap();
    close(a);
    assert_eq!(send(&mut b, b"x"), Err(Errno::PIPE));
    assert_eq!(recv(&mut b, 9).unwrap(), b"unread");
    assert_eq!(recv(&mut b, 9).unwrap(), b"");
}

#[test]
fn a_reset_gives_the_data_first_then_the_error_once_then_the_end() {
    let (_hub, mut a, mut b) = streams();
    send(&mut a, b"data").unwrap();
    a.conn.abort();
    assert_eq!(recv(&mut b, 9).unwrap(), b"data");
    assert_eq!(recv(&mut b, 9), Err(Errno::CONNRESET));
    assert_eq!(recv(&mut b, 9).unwrap(), b"");
    assert_eq!(send(&mut b, b"x"), Err(Errno::PIPE));
    assert_eq!(b.tx.shutdown(&b.conn), Err(Errno::NOTCONN));
}

#[test]
fn a_writer_that_meets_the_reset_first_takes_the_error() {
    let (_hub, mut a, mut b) = streams();
    send(&mut a, b"data").unwrap();
    a.conn.abort();
    assert_eq!(send(&mut b, b"x"), Err(Errno::CONNRESET));
    assert_eq!(send(&mut b, b"x"), Err(Errno::PIPE));
    assert_eq!(recv(&mut b, 9).unwrap(), b"data");
    assert_eq!(recv(&mut b, 9).unwrap(), b"");
}

#[test]
fn so_error_takes_the_error_too() {
    let (_hub, a, mut b) = streams();
    drop(a);
    assert!(b.poll().err);
    assert_eq!(b.conn.take_error(), Some(Errno::CONNRESET));
    assert_eq!(b.conn.take_error(), None);
    assert_eq!(recv(&mut b, 9).unwrap(), b"");
}

#[test]
fn an_error_that_a_call_kept_to_itself_waits_for_the_next() {
    let (_hub, a, mut b) = streams();
    drop(a);
    let error = send(&mut b, b"lost").unwrap_err();
    b.conn.put_back(error);
    assert_eq!(send(&mut b, b"lost"), Err(Errno::CONNRESET));
    let after = send(&mut b, b"lost").unwrap_err();
    b.conn.put_back(after);
    assert_eq!(
        (after, b.conn.take_error()),
        (Errno::PIPE, None),
        "the state tells it anyway"
    );
}

#[test]
fn close_with_unread_bytes_resets() {
    let (hub, mut a, mut b) = streams();
    send(&mut a, b"never read").unwrap();
    send(&mut b, b"answer").unwrap();
    close(b);
    assert_eq!(recv(&mut a, 9).unwrap(), b"answer");
    assert_eq!(recv(&mut a, 9), Err(Errno::CONNRESET));
    drop(a);
    assert_eq!(hub.rings(), 0);
}

#[test]
fn close_with_half_a_message_unread_resets() {
    let (_hub, mut a, mut b) = streams();
    send(&mut a, b"never read").unwrap();
    assert_eq!(recv(&mut b, 5).unwrap(), b"never");
    close(b);
    assert_eq!(recv(&mut a, 9), Err(Errno::CONNRESET));
}

#[test]
fn close_after_reading_all_and_the_fin_is_a_clean_end() {
    let (_hub, mut a, mut b) = streams();
    send(&mut a, b"all").unwrap();
    a.tx.shutdown(&a.conn).unwrap();
    assert_eq!(recv(&mut b, 9).unwrap(), b"all");
    close(b);
    assert_eq!(recv(&mut a, 9).unwrap(), b"");
}

#[test]
fn a_dead_domain_is_a_reset_for_both_directions() {
    let (hub, a, mut b) = streams();
    hub.kill(DomId(CLIENT));
    assert_eq!(send(&mut b, b"x"), Err(Errno::CONNRESET));
    assert_eq!(recv(&mut b, 9).unwrap(), b"");
    drop((a, b));
    assert_eq!(hub.rings(), 0);
}

#[test]
fn peek_leaves_everything_where_it_is() {
    let (_hub, mut a, mut b) = streams();
    send(&mut a, b"one").unwrap();
    send(&mut a, b"two").unwrap();
    assert_eq!(peek(&mut b, 5).unwrap(), b"onetw");
    assert_eq!(recv(&mut b, 2).unwrap(), b"on");
    assert_eq!(peek(&mut b, 9).unwrap(), b"etwo");
    assert_eq!(b.rx.available(&b.conn), 4);
    assert_eq!(recv(&mut b, 9).unwrap(), b"etwo");
    assert_eq!(peek(&mut b, 9), Err(Errno::AGAIN));
    close(a);
    assert_eq!(peek(&mut b, 9).unwrap(), b"");
    assert_eq!(recv(&mut b, 9).unwrap(), b"");
}

#[test]
fn read_ring_is_given_back_by_quarters_and_before_sleep() {
    let (_hub, mut a, mut b) = streams();
    send(&mut a, &[1; 500]).unwrap();
    recv(&mut b, 500).unwrap();
    let rx = |c: &Conn| c.conn.ring().mem().load(Word::Rx);
    assert_eq!(rx(&b), 0);
    assert!(b.rx.before_sleep(&b.conn, event::SLEEPS).is_some());
    assert_eq!(rx(&b), 16 + 512);
    send(&mut a, &[1; 1000]).unwrap();
    recv(&mut b, 1000).unwrap();
    // The 1000 bytes came as 992, whose message is just a quarter of the ring, and 8.
    assert_eq!(rx(&b), 16 + 512 + 16 + 992);
}

#[test]
fn a_sender_that_waits_for_space_is_signalled_once() {
    let (_hub, mut a, mut b) = streams();
    let sent = fill(&mut a);
    assert!(a.tx.before_sleep(&a.conn, space::SLEEPS).is_some());
    recv(&mut b, sent).unwrap();
    assert_eq!(b.conn.ring().mem().freed(), 1);
    assert_eq!(a.tx.before_sleep(&a.conn, space::SLEEPS), None);
}

#[test]
fn a_reader_that_does_not_wait_is_not_signalled() {
    let (_hub, mut a, mut b) = streams();
    assert!(b.rx.before_sleep(&b.conn, event::SLEEPS).is_some());
    send(&mut a, b"1").unwrap();
    send(&mut a, b"2").unwrap();
    assert_eq!(a.tx.transmit().map(|tx| tx.signals), Some(1));
    assert_eq!(b.rx.before_sleep(&b.conn, event::SLEEPS), None);
}

#[test]
fn a_small_drained_ring_always_has_room_for_a_chunk() {
    let (_hub, mut a, mut b) = streams();
    for i in 0..500_usize {
        let n = 1 + i * 37 % a.tx.message_max() as usize;
        assert_eq!(send(&mut a, &vec![3; n]), Ok(n));
        assert_eq!(recv(&mut b, n).unwrap().len(), n);
        assert!(!a.tx.transmit().unwrap().gone());
    }
}

#[test]
fn a_buffer_that_lies_about_its_size_is_the_callers_error_and_loses_nothing() {
    let (_hub, mut a, mut b) = streams();
    send(&mut a, b"data").unwrap();
    let mut small = [0_u8; 2];
    let mut sink = small.as_mut_slice();
    assert_eq!(
        b.rx.recv(&b.conn, &mut sink, 4, v4v_sock::RecvFlags::default()),
        Err(Errno::INVAL)
    );
    assert_eq!(recv(&mut b, 4).unwrap(), b"data");
    let mut short: &[u8] = b"x";
    assert_eq!(a.tx.send(&a.conn, &mut short, 2), Err(Errno::INVAL));
    assert_eq!(recv(&mut b, 4), Err(Errno::AGAIN));
}
