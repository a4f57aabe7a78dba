//! The message ring that a receiver owns and a hypervisor (or, hosted, its one partner) fills.
//!
//! Pure code without I/O: it runs inside Xen, inside the Linux kernel and in plain processes, and never holds a
//! reference into memory that another party can write. Everything that it needs from such memory goes through
//! [`RingMem`].
//!
//! ```text
//!          producer                                         consumer
//!   Producer::reserve → Slot::write → publish      Consumer::peek → Message → consume → publish
//!        │ tx_ptr, then wake::signal_data               │ rx_ptr, then wake::signal_space
//!        └──────────────► header │ data (a circle of 16-byte slots) ◄──────────┘
//! ```
//!
//! The layout of the header and of a message is Xen's Argo ABI (`xen/include/public/argo.h`); the header's
//! reserved bytes carry our own words, described in [`layout`].
#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(test, feature = "testing"))]
extern crate std;

pub mod addr;
pub mod cursor;
pub mod insert;
pub mod layout;
pub mod mem;
pub mod take;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod wake;

pub use addr::{Addr, DomId};
pub use insert::{InsertError, NoRoom, Producer, Slot};
pub use layout::{MessageHeader, Word};
pub use mem::RingMem;
pub use take::{Consumer, Corrupt, Message};
pub use wake::Signal;
