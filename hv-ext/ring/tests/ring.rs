//! A producer and a receiver over one ring, honest and not.

use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::VecDeque;
use v4v_ring::layout::{RING_LEN_MIN, Word, event, space};
use v4v_ring::testing::HeapMem;
use v4v_ring::{Addr, Consumer, Corrupt, DomId, InsertError, NoRoom, Producer, RingMem, wake};

const SENDER: Addr = Addr::new(DomId(1), 42);

fn take(consumer: &mut Consumer, mem: &HeapMem) -> Option<(u32, Vec<u8>)> {
    let message = consumer.peek(mem).expect("an honest producer")?;
    let mut bytes = vec![0; message.len as usize];
    message
        .copy(mem, 0, message.len, &mut bytes.as_mut_slice())
        .expect("the buffer is as long as the message");
    consumer.consume(mem, &message);
    assert_eq!(message.source, SENDER);
    Some((message.kind, bytes))
}

fn insert(producer: &mut Producer, mem: &HeapMem, kind: u32, bytes: &[u8]) -> Result<(), NoRoom> {
    let len = u32::try_from(bytes.len()).expect("short messages");
    producer
        .insert(mem, SENDER, kind, len, &mut &*bytes)
        .map_err(|e| match e {
            InsertError::NoRoom(e) => e,
            InsertError::Source(e) => panic!("{e:?}"),
        })
}

proptest! {
    /// Whatever is sent arrives once, whole and in order, however the two sides interleave.
    #[test]
    fn a_ring_is_a_queue(
        slots in 3_u32..40,
        steps in vec(prop_oneof![vec(any::<u8>(), 0..200).prop_map(Some), Just(None)], 0..200),
        publish_each in any::<bool>(),
    ) {
        let mem = HeapMem::new(slots * 16);
        let (mut producer, mut consumer) = (Producer::attach(&mem), Consumer::new());
        let mut model = VecDeque::new();
        for (kind, step) in (0..).zip(steps) {
            match step {
                Some(bytes) => match insert(&mut producer, &mem, kind, &bytes) {
                    Ok(()) => model.push_back((kind, bytes)),
                    Err(NoRoom::TooLong) => prop_assert!(16 + bytes.len().next_multiple_of(16) >= slots as usize * 16),
                    Err(NoRoom::Full { needed }) => prop_assert!(needed >= producer.free_seen(slots * 16)),
                },
                None => {
                    prop_assert_eq!(take(&mut consumer, &mem), model.pop_front());
                    if publish_each || consumer.unpublished(slots * 16) >= slots * 4 {
                        consumer.publish(&mem);
                    }
                }
            }
        }
        while let Some(expected) = model.pop_front() {
            prop_assert_eq!(take(&mut consumer, &mem), Some(expected));
        }
        prop_assert_eq!(take(&mut consumer, &mem), None);
    }

    /// Garbage in every shared byte gives messages inside the ring or an error, never a panic or an endless loop.
    #[test]
    fn garbage_is_bounded(slots in 3_u32..20, words in any::<[u32; 2]>(), data in vec(any::<u8>(), 320)) {
        let mem = HeapMem::new(slots * 16);
        mem.store(Word::Rx, words[0]);
        mem.store(Word::Tx, words[1]);
        mem.write(0, &data[..slots as usize * 16]);
        let mut consumer = Consumer::new();
        let mut messages = 0;
        while let Ok(Some(message)) = consumer.peek(&mem) {
            prop_assert!(message.len < slots * 16);
            consumer.consume(&mem, &message);
            messages += 1;
            prop_assert!(messages < slots, "at least a slot each");
        }
        let mut producer = Producer::attach(&mem);
        prop_assert!(producer.position() < slots * 16);
        let _ = insert(&mut producer, &mem, 0, &data[..100]);
    }
}

#[test]
fn the_smallest_ring_carries_one_slot_of_payload() {
    let mem = HeapMem::new(RING_LEN_MIN);
    let mut producer = Producer::attach(&mem);
    assert_eq!(insert(&mut producer, &mem, 1, &[0; 17]), Err(NoRoom::TooLong));
    assert_eq!(insert(&mut producer, &mem, 1, &[7; 16]), Ok(()));
    assert_eq!(
        insert(&mut producer, &mem, 1, &[]),
        Err(NoRoom::Full { needed: 16 })
    );
}

#[test]
fn room_is_exactly_what_fits() {
    let mem = HeapMem::new(256);
    let mut producer = Producer::attach(&mem);
    let room = producer.room(&mem, 32).expect("an empty ring");
    assert!(producer.reserve(&mem, room, 32).is_ok());
    assert_eq!(producer.reserve(&mem, room + 1, 32), Err(NoRoom::TooLong));
}

#[test]
fn a_failed_source_leaves_the_ring_as_it_was() {
    let mem = HeapMem::new(256);
    let (mut producer, mut consumer) = (Producer::attach(&mem), Consumer::new());
    assert!(
        producer
            .insert(&mem, SENDER, 1, 64, &mut &[0_u8; 10][..])
            .is_err()
    );
    assert_eq!(consumer.peek(&mem), Ok(None));
    insert(&mut producer, &mem, 2, b"next").expect("room");
    assert_eq!(take(&mut consumer, &mem), Some((2, b"next".to_vec())));
}

#[test]
fn a_message_can_be_read_in_parts() {
    let mem = HeapMem::new(64);
    let (mut producer, mut consumer) = (Producer::attach(&mem), Consumer::new());
    insert(&mut producer, &mem, 1, b"0123456789").expect("room");
    let message = consumer.peek(&mem).expect("honest").expect("one message");
    let mut part = [0; 4];
    assert_eq!(message.copy(&mem, 8, 4, &mut &mut part[..]), Ok(2));
    assert_eq!(&part[..2], b"89");
    assert_eq!(message.copy(&mem, 10, 4, &mut &mut part[..]), Ok(0));
}

#[test]
fn a_lying_producer_is_found_out() {
    let mem = HeapMem::new(64);
    mem.store(Word::Tx, 8);
    assert_eq!(Consumer::new().peek(&mem), Err(Corrupt::Cursor { tx: 8 }));
    mem.store(Word::Tx, 64);
    assert_eq!(Consumer::new().peek(&mem), Err(Corrupt::Cursor { tx: 64 }));
    mem.store(Word::Tx, 32);
    mem.write(0, &15_u32.to_le_bytes());
    assert_eq!(Consumer::new().peek(&mem), Err(Corrupt::Length { len: 15 }));
    mem.write(0, &33_u32.to_le_bytes());
    assert_eq!(Consumer::new().peek(&mem), Err(Corrupt::Length { len: 33 }));
    let mut consumer = Consumer::new();
    assert_eq!(consumer.has_message(&mem), Ok(true));
    mem.store(Word::Tx, 16);
    assert_eq!(consumer.backlog(&mem), Err(Corrupt::Shrunk));
}

#[test]
fn a_wish_is_answered_once() {
    let mem = HeapMem::new(64);
    assert!(
        wake::signal_data(&mem).sleeper() && wake::signal_data(&mem).poller(),
        "0 means always"
    );
    assert_eq!(
        wake::want_data(&mem, event::SLEEPS),
        event::SUPPRESS | event::SLEEPS
    );
    let signal = wake::signal_data(&mem);
    assert!(signal.sleeper() && !signal.poller());
    assert!(wake::signal_data(&mem).is_none());
    assert!(wake::signal_space(&mem).is_none());
    wake::want_space(&mem, space::POLLS);
    assert_eq!(
        wake::want_space(&mem, space::PENDING),
        space::POLLS | space::PENDING
    );
    let signal = wake::signal_space(&mem);
    assert!(signal.poller() && signal.pending() && !signal.sleeper());
    assert!(wake::signal_space(&mem).is_none());
}
