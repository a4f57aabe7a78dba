//! The way into a partner's ring: this process is its producer, no daemon in between.

use crate::hosted::wait::this_cpu;
use std::io::IoSlice;
use std::sync::Arc;
use v4v_hosted::doorbell::Button;
use v4v_hosted::futex;
use v4v_hosted::shm::ShmRing;
use v4v_ring::layout::{Word, state};
use v4v_ring::mem::{ShortBuffer, Source};
use v4v_ring::{Addr, InsertError, NoRoom, Producer, RingMem, wake};
use v4v_sock::frame::kind::ACCEPT;
use v4v_sock::{Errno, Transmit};

/// A partner's ring, and the button of its doorbell.
#[derive(Debug)]
pub(crate) struct HostedTx {
    mem: ShmRing,
    producer: Producer,
    button: Arc<Button>,
    source: Addr,
    messages: u64,
    bytes: u64,
}

/// What a user sends: slices, one after the other.
#[derive(Debug)]
pub(crate) struct Gather<'a> {
    slices: &'a [IoSlice<'a>],
    /// Bytes of the first slice that are sent.
    skip: usize,
}

impl<'a> Gather<'a> {
    pub(crate) fn new(slices: &'a [IoSlice<'a>]) -> Self {
        Self { slices, skip: 0 }
    }

    /// Bytes in all.
    pub(crate) fn len(&self) -> usize {
        self.slices.iter().map(|s| s.len()).sum::<usize>() - self.skip
    }
}

impl Source<ShmRing> for Gather<'_> {
    type Error = ShortBuffer;

    #[inline]
    fn copy_to(&mut self, mem: &ShmRing, mut offset: u32, mut len: u32) -> Result<(), ShortBuffer> {
        while len > 0 {
            let (first, rest) = self.slices.split_first().ok_or(ShortBuffer)?;
            let left = first.get(self.skip..).unwrap_or_default();
            let n = left.len().min(len as usize);
            mem.write(offset, &left[..n]);
            if n == left.len() {
                (self.slices, self.skip) = (rest, 0);
            } else {
                self.skip += n;
            }
            // `n` is at most `len`, a u32.
            offset += n as u32;
            len -= n as u32;
        }
        Ok(())
    }
}

impl HostedTx {
    /// The mapped ring; `source` is what its messages bear.
    pub(crate) fn new(mem: ShmRing, button: Arc<Button>, source: Addr) -> Self {
        let producer = Producer::attach(&mem);
        Self {
            mem,
            producer,
            button,
            source,
            messages: 0,
            bytes: 0,
        }
    }

    /// The partner's ring, to sleep on.
    pub(crate) fn ring(&self) -> &ShmRing {
        &self.mem
    }

    #[inline]
    fn insert(
        &mut self,
        kind: u32,
        payload: &mut impl Source<ShmRing, Error = ShortBuffer>,
        len: u32,
        reserve: u32,
    ) -> Result<(), InsertError<ShortBuffer>> {
        let mut slot = self
            .producer
            .reserve(&self.mem, len, reserve)
            .map_err(InsertError::NoRoom)?;
        slot.copy(&self.mem, payload, len).map_err(InsertError::Source)?;
        self.messages += 1;
        self.bytes += u64::from(len);
        self.mem.set_totals(self.messages, self.bytes);
        self.mem
            .word(Word::TxCpu)
            .store(this_cpu(), std::sync::atomic::Ordering::Relaxed);
        self.producer.publish(&self.mem, &slot, self.source, kind);
        self.signal();
        Ok(())
    }

    #[inline]
    fn signal(&self) {
        let signal = wake::signal_data(&self.mem);
        if signal.is_none() {
            return;
        }
        if signal.sleeper() {
            futex::wake_all(self.mem.word(Word::Event));
        }
        if signal.poller() {
            self.button.light();
        }
    }

    /// Wakes this process's own senders, for a change that did not come through the ring.
    pub(crate) fn wake_senders(&self) {
        if wake::signal_space(&self.mem).sleeper() {
            futex::wake_all(self.mem.word(Word::Space));
        }
    }

    /// Nothing more will be sent: the partner's face shows the end of the stream.
    pub(crate) fn announce_end(&self) {
        self.button.end();
    }
}

fn errno(error: InsertError<ShortBuffer>) -> Errno {
    match error {
        InsertError::NoRoom(NoRoom::Full { .. }) => Errno::AGAIN,
        InsertError::NoRoom(NoRoom::TooLong) => Errno::MSGSIZE,
        InsertError::Source(ShortBuffer) => Errno::FAULT,
    }
}

impl Transmit for HostedTx {
    type Payload<'a> = Gather<'a>;

    #[inline]
    fn send(&mut self, kind: u32, payload: &mut Gather<'_>, len: u32, reserve: u32) -> Result<(), Errno> {
        if self.gone() {
            return Err(Errno::CONNREFUSED);
        }
        self.insert(kind, payload, len, reserve).map_err(errno)
    }

    fn send_control(&mut self, kind: u32, mut payload: &[u8]) -> Result<(), Errno> {
        if self.gone() {
            return Err(Errno::CONNREFUSED);
        }
        let len = u32::try_from(payload.len()).map_err(|_| Errno::MSGSIZE)?;
        self.insert(kind, &mut payload, len, 0).map_err(errno)?;
        if kind == ACCEPT {
            // A connect that does not wait shows its end as writability.
            self.button.unblock();
        }
        Ok(())
    }

    #[inline]
    fn room(&mut self, reserve: u32) -> Option<u32> {
        self.producer.room(&self.mem, reserve)
    }

    #[inline]
    fn gone(&self) -> bool {
        self.mem.load(Word::State) & state::UNREGISTERED != 0
    }

    fn want_space(&mut self, wish: u32) -> u32 {
        wake::want_space(&self.mem, wish)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use v4v_hosted::shm;
    use v4v_ring::{Consumer, DomId};

    #[test]
    fn slices_are_gathered_across_messages() {
        let mem = ShmRing::map(shm::create(4032).expect("memory"), 4032).expect("map");
        let slices = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cdef")];
        let mut gather = Gather::new(&slices);
        assert_eq!(gather.len(), 6);
        let mut producer = Producer::attach(&mem);
        let source = Addr::new(DomId(1), 1);
        producer.insert(&mem, source, 0, 3, &mut gather).expect("room");
        assert_eq!(gather.len(), 3);
        producer.insert(&mem, source, 0, 3, &mut gather).expect("room");
        assert!(gather.copy_to(&mem, 0, 1).is_err(), "nothing is left");
        let mut consumer = Consumer::new();
        for expected in [b"abc", b"def"] {
            let message = consumer.peek(&mem).expect("honest").expect("there");
            let mut bytes = [0; 3];
            message
                .copy(&mem, 0, 3, &mut &mut bytes[..])
                .expect("long enough");
            assert_eq!(&bytes, expected);
            consumer.consume(&mem, &message);
        }
    }
}
