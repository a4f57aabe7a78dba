//! A hostile domain: writes garbage into every byte that it shares with somebody, and sends nonsense.

use std::rc::Rc;

use v4v_ring::{Addr, RingMem, Word};
use v4v_sock::Platform;
use v4v_sock::frame::kind;

use super::{Turn, User};
use crate::home::Home;
use crate::rng::Rng;
use crate::world::World;

/// Words of a ring's header that anybody looks at.
const WORDS: [Word; 7] = [
    Word::Rx,
    Word::Tx,
    Word::Event,
    Word::Space,
    Word::State,
    Word::RxCpu,
    Word::TxCpu,
];

/// A hostile program.
#[derive(Debug)]
pub struct Vandal {
    home: Home,
    /// Sockets to which it sends nonsense.
    victims: Vec<Addr>,
    rng: Rng,
}

impl Vandal {
    /// A program that goes on until its domain is destroyed.
    #[must_use]
    pub fn new(world: &World, home: &Home, victims: Vec<Addr>) -> Self {
        Self {
            home: home.clone(),
            victims,
            rng: world.rng(),
        }
    }

    /// One ring that it can write is no more what it was.
    fn scribble(&mut self) {
        let reach = self.home.machine().reach(self.home.guest().id);
        let Some(mem) = reach.get(self.rng.below(reach.len())) else {
            return;
        };
        for _ in 0..=self.rng.below(3) {
            let value = self.value(mem.data_len());
            let word = WORDS[self.rng.below(WORDS.len())];
            // Now, or under the hands of whoever reads it next.
            if self.rng.one_in(2) {
                mem.store(word, value)
            } else {
                mem.script([(word, value)])
            }
        }
        let n = self.rng.below(200);
        let garbage: Vec<u8> = (0..n).map(|_| self.rng.next() as u8).collect();
        let offset = self.rng.below(mem.data_len() as usize - n);
        mem.write(offset as u32, &garbage);
    }

    /// A value for a word: anything, or something that could be one.
    fn value(&mut self, len: u32) -> u32 {
        match self.rng.below(4) {
            0 => self.rng.next() as u32,
            1 => self.rng.below(8) as u32,
            2 => u32::MAX,
            _ => self.rng.below(len as usize / 16) as u32 * 16,
        }
    }

    /// A message that nobody asked for.
    fn send_nonsense(&mut self) {
        let Some(to) = self.victims.get(self.rng.below(self.victims.len())).copied() else {
            return;
        };
        let kind = kind::BASE + self.rng.below(8) as u32;
        let n = self.rng.below(60);
        let bytes: Vec<u8> = (0..n).map(|_| self.rng.below(4) as u8).collect();
        // It does not care what becomes of it.
        let _ = self
            .home
            .send_message(self.rng.next() as u32, to, kind, &[&bytes]);
    }
}

impl User for Vandal {
    fn step(&mut self, _: &Rc<World>) -> Turn {
        match self.rng.below(4) {
            0 => self.send_nonsense(),
            1 => self.home.machine().knock(),
            _ => self.scribble(),
        }
        Turn::Again
    }

    fn name(&self) -> String {
        format!("{self:?}")
    }
}
