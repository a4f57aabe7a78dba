//! Which TCP connections of an unmodified program go over V4V.
//!
//! A [`Policy`] says which IP addresses are domains of this host, what happens where such a domain has no V4V, and on which
//! ports a listening program serves V4V besides TCP. It comes from a TOML file, from environment variables and, on Xen, from
//! the host's table in xenstore ([`load`]). Everything here is plain data: the wrapper and `v4v run` act on it.

#![forbid(unsafe_code)]

mod address;
mod environment;
mod file;
mod load;
mod peer;
mod policy;
mod ports;
pub mod xenstore;

pub use address::canonical;
pub use environment::{LISTEN_VAR, MODE_VAR, ON_ERROR_VAR, PEERS_VAR, POLICY_VAR};
pub use load::{DEFAULT_FILE, Loaded, Sources, load};
pub use peer::{Domain, Peer};
pub use policy::{Mode, NotListened, OnError, Policy, Route, Stay};
pub use ports::Ports;

/// Why a policy is none: a sentence that names the file and the line, or the variable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadPolicy(String);
