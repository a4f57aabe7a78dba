//! Programs that know nothing of V4V, with the wrapper and without.
//!
//! | test | what |
//! |---|---|
//! | `conformance` | the conformance suite's TCP pairs, whose sockets the wrapper makes V4V's |
//! | `differential` | sequences of calls, generated, whose every result is compared with plain TCP's |
//! | `cases` | what descriptors go through in real programs: fork, exec, dup, closing all, signals, threads, epoll |
//! | `cost` | system calls of a program that has nothing to do with V4V, counted |
//! | `programs` | Debian's servers and their clients, beside TCP over the loopback interface |
//!
//! All hosted: domains are processes, and a `v4vd` of the test's own stands for the hypervisor.

mod built;
mod process;
mod rig;
pub mod script;
mod wire;

pub use built::{built, folder};
pub use process::{Server, finish, finish_within, output};
pub use rig::Rig;
pub use wire::{CLIENT, SERVER, Wire};
