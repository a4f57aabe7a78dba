//! AF_V4V inside the Linux kernel of a Xen guest: the socket core (`guest-module/core`) on Argo's hypercalls.
//!
//! ```text
//!   system call ─► glue/ops.c ─► ops ─► socket ─► link, dgram, connect ─► v4v_sock
//!                                                                            │ Platform, Transmit
//!   VIRQ_ARGO ─► irq ─► table ─► wakes the sockets of the rings with news    platform, hypercall, ring ─► Xen
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `ops` | the functions that C calls |
//! | `socket`, `connect` | a socket's states, and the calls that change them |
//! | `link`, `dgram`, `queued` | moving data, waiting, poll |
//! | `linger` | FINs that outlive their sockets |
//! | `platform`, `ring`, `hypercall`, `hv` | the socket core's view of Xen |
//! | `table`, `irq`, `probe`, `resume` | events, and what a stock Xen sends none for |
//! | `iter`, `pages`, `wait`, `sync`, `mem`, `glue` | the kernel's buffers, pages, wait queues, locks, heap; unsafe lives here |
//! | `list`, `show`, `stats`, `ports` | what there is, for /proc and for bind |
#![no_std]
#![feature(allocator_api)]

extern crate alloc;

mod connect;
mod dgram;
mod glue;
mod hv;
mod hypercall;
mod irq;
mod iter;
mod linger;
mod link;
mod list;
mod mem;
mod ops;
mod pages;
mod platform;
mod ports;
mod probe;
mod queued;
mod resume;
mod ring;
mod show;
mod socket;
mod stats;
mod sync;
mod table;
mod wait;
