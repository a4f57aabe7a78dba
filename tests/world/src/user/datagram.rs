//! Programs that send and receive datagrams.

use std::collections::BTreeMap;
use std::rc::Rc;

use v4v_ring::Addr;
use v4v_ring::layout::event;
use v4v_sock::limits::CONN_RING_MIN;
use v4v_sock::{Datagram, DatagramRx, Errno, RecvFlags};

use super::{Turn, User};
use crate::facts::Trust;
use crate::home::Home;
use crate::pattern::{Pattern, Way};
use crate::wait::On;
use crate::world::World;

/// Longest datagram in bytes: three of them fill a ring.
const LONGEST: usize = 1200;

/// Sends its pattern's packets to one receiver.
#[derive(Debug)]
pub struct Sender {
    home: Home,
    socket: Datagram<Home>,
    to: Addr,
    done: usize,
}

/// Receives from everybody.
#[derive(Debug)]
pub struct Receiver {
    socket: Datagram<Home>,
    rx: DatagramRx<Home>,
    /// Datagrams that came, by sender.
    got: BTreeMap<Addr, usize>,
}

impl Sender {
    /// A sender at `port`.
    ///
    /// # Panics
    /// Where the port is taken.
    #[must_use]
    pub fn new(home: &Home, port: u32, to: Addr) -> Self {
        let (socket, _) = Datagram::bind(home.clone(), port, CONN_RING_MIN).expect("the port is free");
        Self {
            home: home.clone(),
            socket,
            to,
            done: 0,
        }
    }
}

impl User for Sender {
    fn step(&mut self, world: &Rc<World>) -> Turn {
        let from = self.socket.local();
        let pattern = Pattern::new(from, Way::There);
        if self.done == pattern.packets() {
            return Turn::Done;
        }
        let packet = pattern.packet(self.done, LONGEST);
        let (head, tail) = packet.split_at(packet.len() / 3);
        match self.socket.send(Some(self.to), &[head, tail]) {
            Ok(n) => {
                assert_eq!(n, packet.len());
                self.done += 1;
                world.facts.datagram_sent(from, self.to);
            }
            Err(Errno::AGAIN) => return Turn::Sleep(vec![On::room(&self.home)]),
            Err(e) if world.facts.passes(e) => {}
            Err(e) => {
                let lost = world.facts.trust(from, self.to.domain) != Trust::Whole && e == Errno::CONNREFUSED;
                assert!(lost, "{e:?} for {self:?}");
                return Turn::Done;
            }
        }
        Turn::Again
    }

    fn name(&self) -> String {
        format!("{self:?}")
    }
}

impl Receiver {
    /// A receiver at `port`.
    ///
    /// # Panics
    /// Where the port is taken.
    #[must_use]
    pub fn new(home: &Home, port: u32) -> Self {
        let (socket, rx) = Datagram::bind(home.clone(), port, CONN_RING_MIN).expect("the port is free");
        Self {
            socket,
            rx,
            got: BTreeMap::new(),
        }
    }

    /// A datagram came: it is the next of its sender's.
    fn check(&mut self, world: &World, from: Addr, bytes: &[u8], full: usize) {
        let next = self.got.entry(from).or_default();
        let may_miss = match world.facts.trust(from, self.socket.local().domain) {
            Trust::Whole => 0,
            // A receiver that follows another of the same address begins in the middle.
            Trust::Prefix => Pattern::PACKETS_MAX,
            Trust::Nothing => return,
        };
        let pattern = Pattern::new(from, Way::There);
        let is_it = |i: &usize| {
            let expected = pattern.packet(*i, LONGEST);
            expected.len() == full && expected[..bytes.len()] == *bytes
        };
        let this = (*next..=*next + may_miss).find(is_it);
        *next = this.expect("a datagram of its sender's, and no earlier one") + 1;
    }

    /// Nothing more will come: what the hypervisor took has arrived.
    fn check_all(&self, world: &World) {
        let local = self.socket.local();
        for (from, n) in world.facts.datagrams_to(local) {
            if world.facts.trust(from, local.domain) == Trust::Whole {
                assert_eq!(self.got.get(&from), Some(&n), "from {from:?}");
            }
        }
    }
}

impl User for Receiver {
    fn step(&mut self, world: &Rc<World>) -> Turn {
        let mut buffer = [0; LONGEST];
        let max = if self.got.len().is_multiple_of(2) {
            LONGEST
        } else {
            LONGEST / 2
        };
        match self
            .rx
            .recv(&self.socket, &mut &mut buffer[..], max, RecvFlags::default())
        {
            Ok((got, from)) => {
                self.check(world, from, &buffer[..got.bytes], got.full);
                return Turn::Again;
            }
            Err(e) => assert_eq!(e, Errno::AGAIN),
        }
        if world.facts.is_evening() {
            self.check_all(world);
            return Turn::Done;
        }
        match self.rx.before_sleep(&self.socket, event::SLEEPS) {
            Some(word) => Turn::Sleep(vec![On::data(self.socket.ring(), word)]),
            None => Turn::Again,
        }
    }

    fn name(&self) -> String {
        format!("{self:?}")
    }
}
