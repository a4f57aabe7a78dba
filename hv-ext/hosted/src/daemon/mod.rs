//! The daemon `v4vd`: the hypervisor's core, with processes for domains.
//!
//! One thread, one [`epoll`](server) loop; a request is answered before the next one is read, and each client gets one
//! request a round, so that none keeps the others waiting.
//!
//! ```text
//!   listener ─► admission ─► server ─ one packet ─► service ─┬─ membership   who is which domain
//!                (limits)      ▲                             ├─ hypercalls   Argo's operations and ours, ring hand-over
//!                              └──── one answer ◄────────────┼─ broker       descriptors: listen, connect
//!                                                            └─ lookup       names and figures
//!                                                                 │
//!                                 machine (the core's Host) ◄─────┘  domains, rings, policy
//! ```

pub mod admission;
pub mod broker;
pub mod domains;
pub mod endpoint;
pub mod hypercalls;
pub mod limits;
pub mod listener;
pub mod listeners;
pub mod lookup;
pub mod machine;
pub mod membership;
pub mod memory;
pub mod policy;
pub mod refusal;
pub mod ring;
pub mod rings;
pub mod server;
pub mod service;
pub mod throttle;

pub use listener::Listener;
pub use policy::{BadPolicy, Policy};
pub use server::Server;
