//! The programs.

mod client;
mod datagram;
mod server;
mod talk;
mod vandal;

use std::rc::Rc;

pub use client::Client;
pub use datagram::{Receiver, Sender};
pub use server::Server;
pub use talk::{Plan, Talk};
pub use vandal::Vandal;

use crate::wait::On;
use crate::world::World;

/// What a user does next.
#[derive(Debug)]
pub enum Turn {
    /// It has more to do.
    Again,
    /// It sleeps until one of these.
    Sleep(Vec<On>),
    /// Its work is done.
    Done,
}

/// A program's thread.
pub trait User {
    /// One socket operation.
    fn step(&mut self, world: &Rc<World>) -> Turn;

    /// More time has gone by than any answer takes. Whether the user gives up what it waits for: only where it may have to.
    fn time_passes(&mut self, world: &World) -> bool {
        let _ = world;
        false
    }

    /// Whether its own program has ended what it works on, which the program tells its sleeping threads itself.
    fn is_over(&self) -> bool {
        false
    }

    /// What it is, for people.
    fn name(&self) -> String;
}
