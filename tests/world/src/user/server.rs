//! A program that listens.

use std::rc::Rc;

use v4v_ring::layout::event;
use v4v_sock::{Errno, Listener, SocketKind};

use super::client::{draw_plan, options};
use super::{Talk, Turn, User};
use crate::home::Home;
use crate::pattern::Way;
use crate::rng::Rng;
use crate::wait::On;
use crate::world::World;

/// A program that listens until nobody is left who could connect.
#[derive(Debug)]
pub struct Server {
    home: Home,
    port: u32,
    kind: SocketKind,
    listener: Option<Listener<Home>>,
    /// It closes its listener once in so many operations and opens another; 0 for never.
    fickle: usize,
    abort: usize,
    rng: Rng,
}

impl Server {
    /// Listens on `port`. One connection in `abort` is aborted, one operation in `fickle` closes the listener; 0 for none.
    ///
    /// # Panics
    /// Where the port is taken.
    #[must_use]
    pub fn new(world: &World, home: &Home, port: u32, kind: SocketKind, [fickle, abort]: [usize; 2]) -> Self {
        let mut server = Self {
            home: home.clone(),
            port,
            kind,
            listener: None,
            fickle,
            abort,
            rng: world.rng(),
        };
        server.listen().expect("the port is free");
        server
    }

    fn listen(&mut self) -> Result<(), Errno> {
        let backlog = 1 + self.rng.below(3);
        self.listener = Some(Listener::listen(
            self.home.clone(),
            self.port,
            backlog,
            options(self.kind),
        )?);
        Ok(())
    }

    fn accept(&mut self, world: &World) -> Option<Turn> {
        let listener = self.listener.as_mut()?;
        let promised = self.rng.one_in(3) && listener.poll().input;
        match listener.accept() {
            Ok(end) => {
                world.facts.accept(end.conn.remote());
                let plan = draw_plan(&mut self.rng, self.abort);
                Talk::begin(world, &self.home, end, Way::Back, plan);
                Some(Turn::Again)
            }
            Err(e) => {
                assert!(e == Errno::AGAIN && !promised, "{e:?}");
                None
            }
        }
    }
}

impl User for Server {
    fn step(&mut self, world: &Rc<World>) -> Turn {
        if self.listener.is_none() {
            if let Err(e) = self.listen() {
                assert!(world.facts.passes(e), "{e:?}");
            }
            return Turn::Again;
        }
        if self.fickle > 0 && !world.facts.is_evening() && self.rng.one_in(self.fickle) {
            self.listener = None;
            return Turn::Again;
        }
        if let Some(turn) = self.accept(world) {
            return turn;
        }
        if world.facts.is_evening() {
            return Turn::Done;
        }
        let Some(listener) = &mut self.listener else {
            return Turn::Again;
        };
        match listener.before_sleep(event::SLEEPS) {
            Some(word) => Turn::Sleep(vec![On::data(listener.ring(), word)]),
            None => Turn::Again,
        }
    }

    fn name(&self) -> String {
        format!("server of port {}", self.port)
    }
}
