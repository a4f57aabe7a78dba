//! The bug classes of this field's past advisories, each as a test of V4V's own crates.
//!
//! A test is named after its class, and its first sentence says what it stands for. Advisories are cited by number where
//! there is one: Xen's (XSA), and CVEs of vsock, of netback and of QEMU's devices, which face the same adversary. Faults of
//! V4V's ancestors that never had a number are called by their name.
//!
//! | file of `tests/classes` | classes |
//! |---|---|
//! | `memory.rs` | double fetch, corrupt cursors, bytes that leak |
//! | `limits.rs` | wrapped lengths, empty messages without end, checks that a caller can trip |
//! | `accounting.rs` | counts that an error path leaks, failed calls that change something |
//! | `wakeups.rs` | lost events and lost space, waiters that are forgotten, storms of events |
//! | `identity.rs` | forged sources, reused domain ids, rings that are gone |
//! | `fairness.rs` | one sender that starves another, one connection that stalls another |
//! | `locks.rs` | locks kept on an error path, locks taken in two orders |
//! | `closing.rs` | bytes lost at close, an end that nobody hears of |
//! | `hosted.rs` | descriptors that a client adds, memory that a partner truncates, names that are no names |
//!
//! The library is what many of them stand on: [`Home`], which joins the socket core to the hypervisor core as a guest
//! kernel does, so that both layers run in one ordinary test.
#![forbid(unsafe_code)]

mod home;
mod pages;
mod sendv;
mod sockets;

pub use home::Home;
pub use pages::Pages;
pub use sendv::Sendv;
pub use sockets::{Conn, connect, fill, listen, recv, send, streams};
