//! A program that connects, several times in a row.

use std::rc::Rc;

use v4v_ring::Addr;
use v4v_ring::layout::event;
use v4v_sock::connect::ConnOptions;
use v4v_sock::limits::CONN_RING_MIN;
use v4v_sock::{Connector, Errno, Platform, SocketKind};

use super::{Plan, Talk, Turn, User};
use crate::facts::Trust;
use crate::home::Home;
use crate::pattern::Way;
use crate::rng::Rng;
use crate::wait::On;
use crate::world::World;

/// What connections here are: rings of a page.
pub(crate) const fn options(kind: SocketKind) -> ConnOptions {
    ConnOptions {
        kind,
        ring_len: CONN_RING_MIN,
    }
}

/// A plan for an end; one in `abort` gives up early, none where `abort` is 0.
pub(crate) fn draw_plan(rng: &mut Rng, abort: usize) -> Plan {
    let abort_after = (abort > 0 && rng.one_in(abort)).then(|| rng.below(6000));
    let threads = abort_after.is_none() && rng.one_in(2);
    Plan {
        threads,
        lazy: rng.one_in(3),
        abort_after,
    }
}

/// A program that connects.
#[derive(Debug)]
pub struct Client {
    home: Home,
    to: Addr,
    kind: SocketKind,
    /// Connections still to be made.
    left: usize,
    /// One connection in so many is aborted; 0 for none.
    abort: usize,
    connector: Option<Connector<Home>>,
    rng: Rng,
}

impl Client {
    /// Connects to `to`, `times` times.
    #[must_use]
    pub fn new(world: &World, home: &Home, to: Addr, kind: SocketKind, times: usize, abort: usize) -> Self {
        let (home, rng) = (home.clone(), world.rng());
        Self {
            home,
            to,
            kind,
            left: times,
            abort,
            connector: None,
            rng,
        }
    }

    fn start(&mut self, world: &World) -> Turn {
        if self.left == 0 {
            return Turn::Done;
        }
        self.left -= 1;
        match Connector::start(self.home.clone(), self.to, options(self.kind), None) {
            Ok(connector) => self.connector = Some(connector),
            Err(e) => self.failed(world, Addr::new(self.home.domain(), 0), e),
        }
        Turn::Again
    }

    fn failed(&self, world: &World, local: Addr, e: Errno) {
        let trust = world.facts.trust(local, self.to.domain);
        let right = match trust {
            Trust::Whole => world.facts.is_short() && matches!(e, Errno::NOMEM | Errno::CONNREFUSED),
            Trust::Prefix => e == Errno::CONNREFUSED,
            Trust::Nothing => true,
        };
        assert!(right, "{e:?} for {self:?}");
        world.facts.disturb(local);
    }
}

impl User for Client {
    fn step(&mut self, world: &Rc<World>) -> Turn {
        let Some(connector) = &mut self.connector else {
            return self.start(world);
        };
        let local = connector.local();
        match connector.progress() {
            Ok(end) => {
                self.connector = None;
                let plan = draw_plan(&mut self.rng, self.abort);
                Talk::begin(world, &self.home, end, Way::There, plan);
            }
            Err(Errno::AGAIN) => {
                let Some(word) = connector.before_sleep(event::SLEEPS) else {
                    return Turn::Again;
                };
                let mut on: Vec<_> = connector
                    .ring()
                    .map(|ring| On::data(ring, word))
                    .into_iter()
                    .collect();
                if !connector.requested() {
                    on.push(On::room(&self.home));
                }
                return Turn::Sleep(on);
            }
            Err(e) => {
                self.connector = None;
                self.failed(world, local, e);
            }
        }
        Turn::Again
    }

    fn time_passes(&mut self, world: &World) -> bool {
        let Some(local) = self.connector.as_ref().map(Connector::local) else {
            return false;
        };
        let may_have_to = world.may_be_silent(local, self.to.domain) || world.facts.is_short();
        if may_have_to {
            self.connector = None;
            world.facts.disturb(local);
        }
        may_have_to
    }

    fn name(&self) -> String {
        format!("{self:?}")
    }
}
