//! The functions that a program calls in the place of the C library's.
//!
//! Each asks the table, which is a look into memory, calls the next library's function, and only where that fails as it does on a V4V
//! socket asks more: so what has nothing to do with V4V costs no system call. What need not be here is not: `read`, `write`, `send`,
//! `recv`, `readv`, `poll`, `select`, `epoll_wait`, `sendfile`, `splice`, `fork`, `exec` are the kernel's own.

mod descriptors;
mod epoll;
mod messages;
mod names;
mod options;
mod sockets;
