//! The machine around the core: Xen.
//!
//! Every hypercall is made by the domain that runs on this CPU, so "the caller" and "the calling domain" of `glue.rs` are
//! the same one.

use alloc::sync::Arc;

use v4v_hv::abi::{GFN_SIZE, Iov};
use v4v_hv::{Addr, DomId, Errno, Host, RingId};

use crate::glue;
use crate::lock::XenLock;
use crate::mem::{GuestPage, GuestRing};

/// Xen.
pub(crate) struct Xen {
    /// Pages that one domain may give, over all its rings.
    pub(crate) max_pages: u32,
}

/// Bytes of a 32-bit guest's `xen_argo_iov_t`: a handle of 4, a length, padding.
const IOV_SIZE_32: usize = 12;

/// The description of a buffer as a 64-bit guest would have written it.
fn widen([a, b, c, d, rest @ ..]: [u8; IOV_SIZE_32]) -> [u8; Iov::SIZE] {
    let mut wide = [0; Iov::SIZE];
    let (handle, len_and_pad) = wide.split_at_mut(8);
    for (to, byte) in handle.iter_mut().zip([a, b, c, d]) {
        *to = byte;
    }
    len_and_pad.copy_from_slice(&rest);
    wide
}

impl Host for Xen {
    type Shared<T> = Arc<T>;
    type Lock<T> = XenLock<T>;
    type Mem = GuestRing;
    type Page = GuestPage;

    fn share<T>(&self, value: T) -> Result<Arc<T>, Errno> {
        Arc::try_new(value).map_err(|_| Errno::NOMEM)
    }

    fn wants_cpu(&self) -> bool {
        glue::wants_cpu()
    }

    fn vcpu(&self) -> u32 {
        glue::vcpu()
    }

    fn range_ok(&self, _: DomId, handle: u64, bytes: u64) -> bool {
        glue::range_ok(handle, bytes)
    }

    fn copy_from_caller(&self, _: DomId, handle: u64, to: &mut [u8]) -> Result<(), Errno> {
        glue::copy_from_caller(handle, to)
    }

    fn copy_to_caller(&self, _: DomId, handle: u64, from: &[u8]) -> Result<(), Errno> {
        glue::copy_to_caller(handle, from)
    }

    fn copy_iovs(&self, caller: DomId, handle: u64, to: &mut [[u8; Iov::SIZE]]) -> Result<(), Errno> {
        if !glue::caller_is_32bit() {
            return self.copy_from_caller(caller, handle, to.as_flattened_mut());
        }
        let mut from = handle;
        for iov in to {
            let mut narrow = [0; IOV_SIZE_32];
            self.copy_from_caller(caller, from, &mut narrow)?;
            *iov = widen(narrow);
            from = from.checked_add(IOV_SIZE_32 as u64).ok_or(Errno::FAULT)?;
        }
        Ok(())
    }

    fn copy_to_ring(
        &self,
        _: DomId,
        handle: u64,
        ring: &GuestRing,
        offset: u32,
        len: u32,
    ) -> Result<(), Errno> {
        let mut from = handle;
        ring.pieces(offset, len, |to, n| {
            // SAFETY: `to` is valid for writes of `n` bytes.
            unsafe { glue::copy_from_caller_raw(from, to.as_ptr(), n) }?;
            from = from.checked_add(u64::from(n)).ok_or(Errno::FAULT)?;
            Ok(())
        })
    }

    fn map_ring(&self, _: RingId, gfns: u64, pages: u32, len: u32) -> Result<GuestRing, Errno> {
        GuestRing::take(pages, len, self.max_pages, |at| {
            let from = u64::from(at)
                .checked_mul(GFN_SIZE as u64)
                .and_then(|offset| gfns.checked_add(offset))
                .ok_or(Errno::FAULT)?;
            let mut gfn = [0; GFN_SIZE];
            glue::copy_from_caller(from, &mut gfn)?;
            Ok(u64::from_le_bytes(gfn))
        })
    }

    fn map_page(&self, _: DomId, gfn: u64) -> Result<GuestPage, Errno> {
        GuestPage::take(gfn, self.max_pages)
    }

    fn domain_exists(&self, domain: DomId) -> bool {
        glue::domain_exists(domain)
    }

    fn may_enable(&self, domain: DomId) -> Result<(), Errno> {
        glue::may_enable(domain)
    }

    fn may_register_single(&self, ring: RingId, _: u32) -> Result<(), Errno> {
        glue::may_register_single(ring.partner)
    }

    fn may_register_any(&self, _: RingId, _: u32) -> Result<(), Errno> {
        glue::may_register_any()
    }

    fn may_send(&self, _: DomId, to: Addr) -> Result<(), Errno> {
        glue::may_send(to.domain)
    }

    fn signal(&self, domain: DomId) {
        glue::signal(domain);
    }
}
