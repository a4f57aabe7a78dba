//! `libv4vsock-preload.so`: has an unmodified program's TCP connections go over V4V where both ends are domains of one host.
//!
//! The loader puts it before the C library (`LD_PRELOAD`, which `v4v run` sets), so that the functions in `exports` are called in
//! the place of the C library's. Three ideas keep it small:
//!
//! - **A connection is a kernel descriptor.** A connect that the policy sends over V4V makes a V4V socket and puts it under the
//!   program's descriptor number (`connect`). From then on nothing stands between program and kernel: `read`, `write`, `poll`,
//!   `epoll`, `dup`, `fork`, `exec`, `sendfile`, `SCM_RIGHTS` are not looked at.
//! - **What there is to know of a connection, the kernel keeps**: its addresses are those of the V4V socket (`names`), and a word of
//!   notes is stored in an option of the socket that V4V does not use (`notes`). It is there after `fork` and `exec`, in whatever
//!   process the descriptor gets to.
//! - **A listener is two sockets behind one descriptor that polls** (`listener`), the one thing that needs a table (`table`).
//!   The table is made of atomic words, so that no call waits for another, in signal handlers and after `fork` too.
//!
//! Everything here may run in a signal handler, in a child after `vfork`, or before `main`: no call panics, none of those that POSIX
//! calls async-signal-safe takes a lock or allocates on the way of a descriptor that is not V4V's. (A connect to a peer, and what asks for a
//! domain's name, take the library's lock around a question to `v4vd`, hosted.)

// A unit test is a program of its own, whose calls these functions must not take over: so they are not exported there, nor used.
#![cfg_attr(test, allow(dead_code))]

mod active;
mod address;
mod carry;
mod connect;
mod errno;
mod exports;
mod fdinfo;
mod hidden;
mod listener;
mod log;
mod names;
mod next;
mod notes;
mod process;
mod restart;
mod setup;
mod socket;
mod swap;
mod table;
mod tcp_options;
mod v4v;
