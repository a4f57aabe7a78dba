//! The language of the lab: what the host asks the agents in dom0 and in the guests, and what they answer.
//!
//! ```text
//!   host (cargo xtask lab) ── second serial port ── agent in dom0 ── TCP over the guests' network ── agent in a guest
//! ```
//!
//! Each message is one line of JSON. A request names the agent that it is for, an event the agent that it comes from; dom0's
//! agent passes on what is not its own.

pub mod bytes;
pub mod protocol;

/// The name of dom0's agent.
pub const DOM0: &str = "dom0";

/// The TCP port at which a guest's agent waits for dom0's.
pub const GUEST_PORT: u16 = 7000;
