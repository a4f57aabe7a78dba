//! Guests and a hypervisor in one process: the real socket core over the real hypervisor core, under a seeded scheduler.
//!
//! ```text
//!   users (tasks)      Talk, Client, Server, datagrams, Vandal     each step is one socket operation
//!        │
//!   v4v-sock           Listener, Connector, Established, Datagram
//!        │
//!   Home, Tx, Pages    every call a hypercall with the ABI's bytes, in three flavours
//!        │
//!   v4v-hv             Hypervisor<TestHost>
//! ```
//!
//! [`World`] lets one user do one operation at a time, or two users of two domains at once, the second at a lock boundary of
//! the first one's hypercalls. A user that would wait sleeps until it is signalled, so a lost wake-up shows as a world that
//! stands still with work undone. Every byte is checked, and in the end the hypervisor must hold nothing.
//!
//! Everything follows from the seed, which a failure prints; `V4V_SEED=7 cargo test -p v4v-world` runs that seed alone.
//!
//! | file | what it holds |
//! |---|---|
//! | `machine` | the hypervisor, and who is alive |
//! | `signals` | events, words whose sleepers were woken, doorbells |
//! | `home`, `pages`, `tx` | the socket core's platform |
//! | `wait` | what a sleeper waits for |
//! | `world`, `facts` | the scheduler, and what may go wrong for whom |
//! | `user` | the programs |
//! | `pattern`, `rng` | bytes to send, random numbers |
#![forbid(unsafe_code)]

mod facts;
mod home;
mod machine;
mod pages;
mod pattern;
mod rng;
mod signals;
mod tx;
mod user;
mod wait;
mod world;

pub use facts::{Facts, Trust};
pub use home::{Home, Process};
pub use machine::{Flavour, Machine};
pub use pages::Pages;
pub use pattern::{Pattern, Way};
pub use rng::{Rng, seeds};
pub use tx::Tx;
pub use user::{Client, Plan, Receiver, Sender, Server, Talk, Turn, User, Vandal};
pub use wait::On;
pub use world::World;
