//! The four operations, as a caller that may get everything wrong makes them.

use crate::bytes::{Addr, Iov, RingData, answer, question, register, send};
use crate::device::hypercall;
use std::fs::{File, OpenOptions};
use std::io;

/// `__HYPERVISOR_argo_op`.
const ARGO: u64 = 39;
pub(crate) const REGISTER: u64 = 1;
pub(crate) const UNREGISTER: u64 = 2;
pub(crate) const SENDV: u64 = 3;
pub(crate) const NOTIFY: u64 = 4;
/// Our operation 18 (`hv-ext/core/src/abi.rs`).
pub(crate) const READY_SETUP: u64 = 18;

/// `XEN_ARGO_DOMID_ANY`.
pub(crate) const ANY: u16 = 0x7FF4;

/// An address at which no process has memory.
pub(crate) const NOWHERE: u64 = 0x1000;

/// The way to the hypervisor.
pub(crate) struct Argo {
    privcmd: File,
    /// This domain.
    pub(crate) me: u16,
    /// Another domain that runs.
    pub(crate) other: u16,
}

impl Argo {
    pub(crate) fn open(me: u16, other: u16) -> io::Result<Self> {
        let privcmd = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/xen/privcmd")?;
        Ok(Self { privcmd, me, other })
    }

    /// Any operation with any arguments. An ioctl returns an int, so upstream's sendv, which does not extend the sign of its
    /// errors to 64 bits, looks right from here.
    pub(crate) fn call(&self, op: u64, arg: [u64; 4]) -> i64 {
        hypercall(&self.privcmd, ARGO, [op, arg[0], arg[1], arg[2], arg[3]])
    }

    /// Registers a ring of `len` bytes on `frames`.
    pub(crate) fn register(&self, ring: Addr, len: u32, frames: &[u64], flags: u64) -> i64 {
        let ring = register(ring, len);
        self.call(
            REGISTER,
            [
                ring.as_ptr() as u64,
                frames.as_ptr() as u64,
                frames.len() as u64,
                flags,
            ],
        )
    }

    pub(crate) fn unregister(&self, ring: Addr) -> i64 {
        let ring = ring.encode();
        self.call(UNREGISTER, [ring.as_ptr() as u64, 0, 0, 0])
    }

    /// Sends what the buffers hold, as a message of type `kind`.
    pub(crate) fn sendv(&self, source: Addr, destination: Addr, buffers: &[Iov], kind: u32) -> i64 {
        let ends = send(source, destination);
        let buffers: Vec<[u8; 16]> = buffers.iter().map(|iov| iov.encode()).collect();
        self.call(
            SENDV,
            [
                ends.as_ptr() as u64,
                buffers.as_ptr() as u64,
                buffers.len() as u64,
                kind.into(),
            ],
        )
    }

    /// Sends bytes from a port of this domain's.
    pub(crate) fn send(&self, destination: Addr, data: &[u8]) -> i64 {
        self.sendv(Addr::new(9, self.me), destination, &[Iov::of(data)], 7)
    }

    /// Tells the hypervisor that this domain's rings may have room again.
    pub(crate) fn notify(&self) -> i64 {
        self.call(NOTIFY, [0; 4])
    }

    /// Asks about rings: what the call returned, and the answers.
    pub(crate) fn ask(&self, wanted: &[(Addr, u32)]) -> (i64, Vec<RingData>) {
        let mut bytes = question(wanted);
        let returned = self.call(NOTIFY, [bytes.as_mut_ptr() as u64, 0, 0, 0]);
        (
            returned,
            (0..wanted.len()).map(|entry| answer(&bytes, entry)).collect(),
        )
    }
}
