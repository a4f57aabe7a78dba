//! V4VSockets inside Xen: the core on Xen's own services, in place of Xen's `common/argo.o`.
//!
//! ```text
//!   hypercall 39, argo_init, argo_destroy, argo_soft_reset      Xen's hooks, as upstream has them
//!        │ glue.c                                               macros of Xen turned into functions
//!        ├─ entry ─ Hypervisor<Xen> (hv-ext/core)
//!        │             └─ host, mem, lock, alloc ─┐
//!        └──────────────────────── glue.rs ◄──────┘
//! ```
//!
//! `build` turns this crate into one relocatable object and checks it; `build-xen` builds a Xen around it.
#![no_std]
#![feature(allocator_api)]

extern crate alloc;

mod entry;
mod glue;
mod heap;
mod host;
mod limits;
mod lock;
mod mem;
mod panic;
