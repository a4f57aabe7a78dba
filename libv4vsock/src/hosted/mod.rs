//! Sockets without a kernel module: the socket core in this process, rings in shared memory, the daemon for the rest.
//!
//! | file | what |
//! |---|---|
//! | `control` | the process's connection to the daemon |
//! | `rings`, `keeper` | its rings there, and the thread that looks after them between calls |
//! | `fork` | whether a socket is this process's own |
//! | `line` | whether a descriptor is still the library's own |
//! | `platform` | the hypervisor as the socket core sees it |
//! | `ring`, `tx` | an own ring and its doorbell; the way into a partner's |
//! | `wait`, `turn` | spinning and sleeping; yielding where both sides share a CPU |
//! | `socket`, `link` | a socket that connects; its connection |
//! | `listener`, `datagram` | the other two kinds of socket |
//! | `options`, `sink` | what users set; where received bytes go |

pub(crate) mod control;
pub(crate) mod datagram;
pub(crate) mod fork;
pub(crate) mod keeper;
pub(crate) mod line;
pub(crate) mod link;
pub(crate) mod listener;
pub(crate) mod options;
pub(crate) mod platform;
pub(crate) mod ring;
pub(crate) mod rings;
pub(crate) mod sink;
pub(crate) mod socket;
pub(crate) mod turn;
pub(crate) mod tx;
pub(crate) mod wait;
