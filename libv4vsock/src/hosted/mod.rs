//! Sockets without a kernel module: the socket core in this process, rings in shared memory, the daemon for the rest.

pub(crate) mod control;
pub(crate) mod wait;
