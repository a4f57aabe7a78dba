//! See the library for the list.

mod accounting;
mod closing;
mod fairness;
mod hosted;
mod identity;
mod limits;
mod locks;
mod memory;
mod wakeups;
