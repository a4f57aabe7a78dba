//! What a socket user may rely on, as named pairs of a server and a client that run in two processes.
//!
//! A pair is written once, against the traits of [`backend`], and runs on V4V and on the sockets whose behaviour it
//! claims: TCP with UDP, and AF_UNIX. Each pair says on which of the two its expectation holds, so that the expectation
//! itself is checked. Beside the tested sockets the two sides have a control channel ([`control`]) on which they tell each
//! other "listening at …" or "now closed".
//!
//! ```text
//!   runner ── spawns ──► server process ◄── tested socket ──► client process ◄── spawns ── runner
//!                              ▲  └──────── control channel ────────┘  ▲
//!                              └── 20 s, then both are killed ─────────┘
//! ```
//!
//! `cargo test -p v4v-conformance` runs every pair as a test of its own ([`suite`]). The binary `v4v-conformance` lists and runs
//! them by name, and with `side` plays one side alone, so that the two may run in two virtual machines.

pub mod backend;
pub mod control;
#[cfg(feature = "v4v")]
mod daemon;
mod names;
mod pair;
pub mod pairs;
mod pattern;
pub mod runner;
mod side;
pub mod suite;
mod sys;
mod transfer;
mod wait;

pub use pair::{On, Pair, Role};
pub use side::{Side, Verdict, play};

/// How long a pair may take before both of its processes are killed.
pub const PAIR_LIMIT: std::time::Duration = std::time::Duration::from_secs(20);
