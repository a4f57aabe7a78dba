//! A ring, both its ends, and somebody who writes to it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use v4v_ring::cursor::footprint;
use v4v_ring::layout::{MESSAGE_HEADER, SLOT, event, space};
use v4v_ring::{Addr, Consumer, DomId, InsertError, Message, NoRoom, Producer, RingMem, Word, wake};

use crate::input::{Input, scramble};

const SENDER: Addr = Addr::new(DomId(1), 42);
const WORDS: [Word; 7] = [
    Word::Rx,
    Word::Tx,
    Word::Event,
    Word::Space,
    Word::State,
    Word::RxCpu,
    Word::TxCpu,
];

/// Memory that insists on its bounds, and that may change whenever somebody looks.
struct Memory {
    words: [Cell<u32>; 16],
    data: RefCell<Vec<u8>>,
    /// State of whoever changes it; 0: nobody does.
    meddler: Cell<u64>,
}

impl Memory {
    fn new(len: u32) -> Self {
        let words = std::array::from_fn(|_| Cell::new(0));
        Self {
            words,
            data: RefCell::new(vec![0; len as usize]),
            meddler: Cell::new(0),
        }
    }

    fn word(&self, word: Word) -> &Cell<u32> {
        &self.words[word as usize / 4]
    }

    fn is_quiet(&self) -> bool {
        self.meddler.get() == 0
    }

    /// Perhaps changes something.
    fn meddle(&self) {
        if self.is_quiet() {
            return;
        }
        let x = scramble(self.meddler.get());
        self.meddler.set(x);
        let value = (x >> 32) as u32;
        match x % 8 {
            0 => self.word(WORDS[x as usize / 8 % 7]).set(value),
            1 => self
                .word(WORDS[x as usize / 8 % 7])
                .set(value % (self.data_len() + 32)),
            2 => {
                let at = x as usize / 8 % self.data.borrow().len();
                self.data.borrow_mut()[at] = value as u8;
            }
            _ => {}
        }
    }
}

impl RingMem for Memory {
    fn data_len(&self) -> u32 {
        self.data.borrow().len() as u32
    }
    fn load(&self, word: Word) -> u32 {
        self.meddle();
        self.word(word).get()
    }
    fn store(&self, word: Word, value: u32) {
        self.word(word).set(value);
    }
    fn swap(&self, word: Word, value: u32) -> u32 {
        self.meddle();
        self.word(word).replace(value)
    }
    fn fetch_or(&self, word: Word, bits: u32) -> u32 {
        self.meddle();
        self.word(word).replace(self.word(word).get() | bits)
    }
    fn fence(&self) {}
    fn write(&self, offset: u32, from: &[u8]) {
        // An index out of bounds is a range outside of the ring, and panics.
        self.data.borrow_mut()[offset as usize..][..from.len()].copy_from_slice(from);
    }
    fn read(&self, offset: u32, to: &mut [u8]) {
        to.copy_from_slice(&self.data.borrow()[offset as usize..][..to.len()]);
        self.meddle();
    }
}

struct World {
    mem: Memory,
    len: u32,
    producer: Producer,
    consumer: Consumer,
    /// What is in the ring while nobody but its two ends has written to it.
    model: Option<VecDeque<(u32, Vec<u8>)>>,
    kind: u32,
}

/// Fuzz target: see the crate's table.
///
/// # Panics
/// Where a ring is touched outside of its bounds, a message is lost, doubled or changed between two honest ends, a message is
/// longer than what was written, a failed insertion leaves a trace, or a wish is answered twice.
pub fn ring_take(data: &[u8]) {
    let mut input = Input::new(data);
    let len = (3 + u32::from(input.u8()) % 61) * SLOT;
    let mem = Memory::new(len);
    let (producer, consumer) = (Producer::attach(&mem), Consumer::new());
    let mut world = World {
        mem,
        len,
        producer,
        consumer,
        model: Some(VecDeque::new()),
        kind: 0,
    };
    while !input.is_empty() {
        world.step(&mut input);
    }
}

impl World {
    fn step(&mut self, input: &mut Input<'_>) {
        match input.u8() % 16 {
            0..=3 => self.insert(input.u8().into(), false),
            4 => self.insert(input.u16().into(), input.one_in(2)),
            5..=7 => drop(self.take(input)),
            8 => self.publish(),
            9 => self.look(),
            10 => self.room(u32::from(input.u8() % 64) * SLOT),
            11 => self.wishes(input.u8().into()),
            12 => self.drain(input),
            13 => self.attach_again(),
            14 => {
                self.model = None;
                let word = input.pick(&WORDS);
                self.mem.store(word, input.u32());
            }
            _ => {
                self.model = None;
                if input.one_in(4) {
                    self.mem.meddler.set(input.u64());
                } else {
                    let at = u32::from(input.u16()) % self.len;
                    let bytes = input.bytes((self.len - at).min(16) as usize);
                    self.mem.write(at, bytes);
                }
            }
        }
        assert!(self.producer.position() < self.len && self.producer.position().is_multiple_of(SLOT));
        assert!(self.consumer.unpublished(self.len) < self.len);
    }

    /// One message of `n` bytes; with `short`, from a source that has one byte less.
    fn insert(&mut self, n: u32, short: bool) {
        self.kind += 1;
        let bytes: Vec<u8> = (0..n).map(|i| (i ^ self.kind) as u8).collect();
        let mut source = &bytes[usize::from(short && n > 0)..];
        let (at, shown) = (self.producer.position(), self.mem.word(Word::Tx).get());
        let outcome = self.producer.insert(&self.mem, SENDER, self.kind, n, &mut source);
        match outcome {
            Ok(()) => {
                assert!(!short || n == 0);
                assert_eq!(self.mem.word(Word::Tx).get(), self.producer.position());
                if let Some(model) = &mut self.model {
                    model.push_back((self.kind, bytes));
                }
                return;
            }
            Err(InsertError::NoRoom(NoRoom::TooLong)) => assert!(footprint(n) >= self.len),
            Err(InsertError::NoRoom(NoRoom::Full { needed })) => {
                assert!(needed == footprint(n) && needed < self.len);
                assert!(needed >= self.producer.free_seen(self.len));
            }
            Err(InsertError::Source(_)) => assert!(short && n > 0),
        }
        assert_eq!(self.producer.position(), at);
        assert!(!self.mem.is_quiet() || self.mem.word(Word::Tx).get() == shown);
    }

    /// The message in front, looked at twice where nobody changes it meanwhile.
    fn peek(&mut self) -> Option<Message> {
        let first = self.consumer.peek(&self.mem);
        if self.mem.is_quiet() {
            assert_eq!(self.consumer.peek(&self.mem), first);
        }
        assert!(self.model.is_none() || first.is_ok(), "{first:?}");
        let message = first.ok()??;
        assert!(message.len <= self.len - MESSAGE_HEADER - SLOT);
        Some(message)
    }

    /// Takes a message in two parts; whether there was one.
    fn take(&mut self, input: &mut Input<'_>) -> bool {
        let message = self.peek();
        let expected = self.model.as_mut().map(VecDeque::pop_front);
        let Some(message) = message else {
            assert!(matches!(expected, None | Some(None)), "a message was lost");
            return false;
        };
        let cut = u32::from(input.u8());
        let mut bytes = vec![0; message.len as usize];
        let mut sink = bytes.as_mut_slice();
        let first = message.copy(&self.mem, 0, cut, &mut sink).expect("long enough");
        assert_eq!(first, cut.min(message.len));
        let second = message
            .copy(&self.mem, first, u32::MAX, &mut sink)
            .expect("long enough");
        assert_eq!(first + second, message.len);
        assert_eq!(message.copy(&self.mem, message.len, 1, &mut sink), Ok(0));
        if let Some(expected) = expected {
            assert_eq!(Some((message.kind, bytes)), expected);
            assert_eq!(message.source, SENDER);
        }
        self.consumer.consume(&self.mem, &message);
        true
    }

    fn publish(&mut self) {
        self.consumer.publish(&self.mem);
        assert_eq!(self.consumer.unpublished(self.len), 0);
        assert!(self.mem.word(Word::Rx).get() < self.len);
    }

    fn look(&mut self) {
        let there = self.consumer.has_message(&self.mem);
        let backlog = self.consumer.backlog(&self.mem);
        assert!(!backlog.is_ok_and(|n| n >= self.len));
        if let Some(model) = &self.model {
            let bytes = model.iter().map(|(_, m)| footprint(m.len() as u32)).sum::<u32>();
            assert_eq!((there, backlog), (Ok(bytes > 0), Ok(bytes)));
        }
    }

    /// `reserve`: whole slots, as all users of it have.
    fn room(&mut self, reserve: u32) {
        let room = self.producer.room(&self.mem, reserve);
        if !self.mem.is_quiet() {
            return;
        }
        let fits = |producer: &mut Producer, n| producer.reserve(&self.mem, n, reserve).is_ok();
        match room {
            Some(n) => assert!(fits(&mut self.producer, n) && !fits(&mut self.producer, n + 1)),
            None => assert!(!fits(&mut self.producer, 0)),
        }
    }

    fn wishes(&self, bits: u32) {
        let data = wake::want_data(&self.mem, bits);
        let room = wake::want_space(&self.mem, bits);
        let told = (wake::signal_data(&self.mem), wake::signal_space(&self.mem));
        if !self.mem.is_quiet() {
            return;
        }
        assert_eq!(told.0.sleeper(), data & event::SLEEPS != 0);
        assert_eq!(told.0.poller(), data & event::POLLS != 0);
        assert_eq!(told.1.pending(), room & space::PENDING != 0);
        assert!(wake::signal_data(&self.mem).is_none() && wake::signal_space(&self.mem).is_none());
    }

    /// Takes all there is: at most a message per slot up to the cursor that was seen before, and as many up to the one that is
    /// there now.
    fn drain(&mut self, input: &mut Input<'_>) {
        let (mut taken, slots) = (0, self.len / SLOT);
        while taken < 3 * slots && self.take(input) {
            taken += 1;
        }
        assert!(taken <= 2 * (slots - 1) || !self.mem.is_quiet());
    }

    /// The producer starts anew from what the page says, as at a second registration.
    fn attach_again(&mut self) {
        let again = Producer::attach(&self.mem);
        if self.model.is_some() {
            assert_eq!(again.position(), self.producer.position());
        }
        self.producer = again;
    }
}
