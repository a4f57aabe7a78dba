//! V4V on a machine without Xen: what the daemon `v4vd` and its clients share.
//!
//! A *domain* is one or more processes that are attached to `v4vd`. The daemon runs the hypervisor's core (`hv-ext/core`)
//! for them: registration, policy, names, wildcard rings, clean-up. A ring that is registered for one partner is handed to
//! that partner, whose sends then run without the daemon.
//!
//! | module | what |
//! |---|---|
//! | [`wire`] | requests and responses, as bytes |
//! | [`packet`] | those bytes and descriptors over a Unix socket |
//! | [`shm`] | a ring in a sealed memfd |
//! | [`futex`] | sleeping on a word of a ring's header, and waking who sleeps there |
//! | [`names`] | who is at the ends of a brokered socket |
//! | [`doorbell`] | a descriptor that polls like a socket |
//! | [`paths`] | where the daemon listens |
//! | [`spawn`] | a daemon of one's own |

#[cfg(feature = "daemon")]
pub mod daemon;
pub mod doorbell;
pub mod futex;
pub mod names;
pub mod packet;
pub mod paths;
pub mod shm;
pub mod spawn;
pub mod wire;
