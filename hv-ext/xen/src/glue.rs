//! Xen's functions, as `glue.c` offers them, each behind a safe one where it can be.

use core::ffi::c_void;
use core::ptr::NonNull;

use v4v_hv::{DomId, Errno};

use crate::lock::RawLock;

/// The boot parameters (`struct v4v_params` of `glue.h`). A limit of zero stands for its default; [`crate::entry`]
/// writes back what is in force.
#[repr(C)]
pub(crate) struct Params {
    pub(crate) enabled: bool,
    pub(crate) mac_permissive: bool,
    pub(crate) max_rings: u32,
    pub(crate) max_pages: u32,
}

/// The declarations of `glue.h`, and two functions of Xen's own (`xen/xmalloc.h`). Errors are negative errnos.
mod c {
    use super::{NonNull, RawLock, c_void};

    unsafe extern "C" {
        pub(super) fn _xmalloc(size: usize, align: usize) -> *mut c_void;
        pub(super) fn xfree(memory: *mut c_void);

        pub(super) safe fn v4v_lock_init(lock: &RawLock);
        pub(super) safe fn v4v_read_lock(lock: &RawLock);
        pub(super) safe fn v4v_read_unlock(lock: &RawLock);
        pub(super) safe fn v4v_write_lock(lock: &RawLock);
        pub(super) safe fn v4v_write_unlock(lock: &RawLock);

        pub(super) safe fn v4v_wants_cpu() -> bool;
        pub(super) safe fn v4v_vcpu() -> u32;

        pub(super) safe fn v4v_range_ok(handle: u64, bytes: u64) -> bool;
        pub(super) safe fn v4v_caller_is_32bit() -> bool;
        pub(super) fn v4v_copy_from_caller(to: *mut u8, handle: u64, len: u32) -> i32;
        pub(super) fn v4v_copy_to_caller(handle: u64, from: *const u8, len: u32) -> i32;

        pub(super) fn v4v_get_page(gfn: u64, max_pages: u32, page: &mut Option<NonNull<u8>>) -> i32;
        pub(super) fn v4v_put_pages(pages: *const NonNull<u8>, count: u32);

        pub(super) safe fn v4v_domain_exists(domain: u16) -> bool;
        pub(super) safe fn v4v_may_enable(domain: u16) -> i32;
        pub(super) safe fn v4v_may_register_single(partner: u16) -> i32;
        pub(super) safe fn v4v_may_register_any() -> i32;
        pub(super) safe fn v4v_may_send(to: u16) -> i32;
        pub(super) safe fn v4v_signal(domain: u16);

        pub(super) fn v4v_panic(message: *const u8, len: u32) -> !;
    }
}

/// What a function of `glue.c` returned: zero or a negative errno.
fn check(status: i32) -> Result<(), Errno> {
    match u16::try_from(status.unsigned_abs()) {
        Ok(0) => Ok(()),
        Ok(code) => Err(Errno::from_code(code)),
        Err(_) => Err(Errno::INVAL),
    }
}

/// Memory of Xen's heap, uninitialised; null where there is none.
pub(crate) fn allocate(size: usize, align: usize) -> *mut u8 {
    // SAFETY: any size and alignment may be asked for; Xen's heap may be used wherever interrupts are on, as they are
    // in every hook and hypercall.
    unsafe { c::_xmalloc(size, align).cast() }
}

/// Gives memory back.
///
/// # Safety
/// `memory` came from [`allocate`], and nobody uses it any more.
pub(crate) unsafe fn release(memory: *mut u8) {
    // SAFETY: the caller's promise is all that xfree asks for.
    unsafe { c::xfree(memory.cast()) }
}

/// Makes a lock of what are only bytes so far.
pub(crate) fn lock_init(lock: &RawLock) {
    c::v4v_lock_init(lock);
}

pub(crate) fn read_lock(lock: &RawLock) {
    c::v4v_read_lock(lock);
}

pub(crate) fn read_unlock(lock: &RawLock) {
    c::v4v_read_unlock(lock);
}

pub(crate) fn write_lock(lock: &RawLock) {
    c::v4v_write_lock(lock);
}

pub(crate) fn write_unlock(lock: &RawLock) {
    c::v4v_write_unlock(lock);
}

/// Whether a long hypercall should stop: an interrupt, a softirq or an event waits.
pub(crate) fn wants_cpu() -> bool {
    c::v4v_wants_cpu()
}

/// The number of the virtual CPU that runs here.
pub(crate) fn vcpu() -> u32 {
    c::v4v_vcpu()
}

/// Whether the calling guest may have memory there; always true for PVH and HVM.
pub(crate) fn range_ok(handle: u64, bytes: u64) -> bool {
    c::v4v_range_ok(handle, bytes)
}

/// Whether this hypercall comes from 32-bit code.
pub(crate) fn caller_is_32bit() -> bool {
    c::v4v_caller_is_32bit()
}

/// Copies from the calling guest's memory.
pub(crate) fn copy_from_caller(handle: u64, to: &mut [u8]) -> Result<(), Errno> {
    let len = u32::try_from(to.len()).map_err(|_| Errno::FAULT)?;
    // SAFETY: `to` is valid for writes of `len` bytes.
    unsafe { copy_from_caller_raw(handle, to.as_mut_ptr(), len) }
}

/// Copies from the calling guest's memory to memory that others may use meanwhile: no reference to it is made.
///
/// # Safety
/// `to` is valid for writes of `len` bytes.
pub(crate) unsafe fn copy_from_caller_raw(handle: u64, to: *mut u8, len: u32) -> Result<(), Errno> {
    // SAFETY: the target is good by the caller's promise; the source is checked by Xen, and a fault there is caught.
    check(unsafe { c::v4v_copy_from_caller(to, handle, len) })
}

/// Copies to the calling guest's memory.
pub(crate) fn copy_to_caller(handle: u64, from: &[u8]) -> Result<(), Errno> {
    let len = u32::try_from(from.len()).map_err(|_| Errno::FAULT)?;
    // SAFETY: `from` is valid for reads of `len` bytes; the target is checked by Xen, and a fault there is caught.
    check(unsafe { c::v4v_copy_to_caller(handle, from.as_ptr(), len) })
}

/// Takes a page of the calling guest, writable, and maps it: 4096 bytes, until [`put_pages`]. It counts towards the
/// domain's `max_pages`.
///
/// # Errors
/// [`Errno::NOSPC`] (too many), [`Errno::NOMEM`], [`Errno::AGAIN`], [`Errno::PERM`], [`Errno::INVAL`].
pub(crate) fn get_page(gfn: u64, max_pages: u32) -> Result<NonNull<u8>, Errno> {
    let mut page = None;
    // SAFETY: any frame number may be asked for; `page` is where the answer goes.
    check(unsafe { c::v4v_get_page(gfn, max_pages, &mut page) })?;
    page.ok_or(Errno::NOMEM)
}

/// Unmaps pages of one domain and gives them back.
///
/// # Safety
/// Each came from [`get_page`], all for the same domain, and nobody uses them any more.
pub(crate) unsafe fn put_pages(pages: &[NonNull<u8>]) {
    // The length fits: no ring has more than 4096 pages.
    let count = u32::try_from(pages.len()).unwrap_or(0);
    if count > 0 {
        // SAFETY: by the caller's promise.
        unsafe { c::v4v_put_pages(pages.as_ptr(), count) }
    }
}

pub(crate) fn domain_exists(domain: DomId) -> bool {
    c::v4v_domain_exists(domain.0)
}

/// `xsm_argo_enable` for the calling domain.
pub(crate) fn may_enable(domain: DomId) -> Result<(), Errno> {
    check(c::v4v_may_enable(domain.0))
}

/// `xsm_argo_register_single_source` for the calling domain; ESRCH where the partner has gone.
pub(crate) fn may_register_single(partner: DomId) -> Result<(), Errno> {
    check(c::v4v_may_register_single(partner.0))
}

/// `xsm_argo_register_any_source` for the calling domain.
pub(crate) fn may_register_any() -> Result<(), Errno> {
    check(c::v4v_may_register_any())
}

/// `xsm_argo_send` for the calling domain; ESRCH where the other has gone.
pub(crate) fn may_send(to: DomId) -> Result<(), Errno> {
    check(c::v4v_may_send(to.0))
}

/// Raises `VIRQ_ARGO` in a domain, if there still is one.
pub(crate) fn signal(domain: DomId) {
    c::v4v_signal(domain.0);
}

/// Prints a message and stops the machine.
pub(crate) fn panic(message: &[u8]) -> ! {
    let len = u32::try_from(message.len()).unwrap_or(0);
    // SAFETY: `message` is valid for reads of `len` bytes.
    unsafe { c::v4v_panic(message.as_ptr(), len) }
}
