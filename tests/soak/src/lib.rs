//! What the soak is made of: a daemon, child processes in roles, and messages whose content tells whether they are right.
//!
//! | module | what |
//! |---|---|
//! | [`daemon`] | a `v4vd` of our own, and what it holds |
//! | `knock` | a domain that floods a port with requests |
//! | [`pattern`] | messages that check themselves |
//! | [`roles`] | what the child processes do |

mod crowd;
pub mod daemon;
mod forker;
mod knock;
mod outlive;
pub mod pattern;
pub mod roles;
mod starve;
