//! The policy in force: read once, when the library is loaded, and never changed.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use v4v_wrapper_policy::Policy;

static POLICY: AtomicPtr<Policy> = AtomicPtr::new(ptr::null_mut());

/// Puts a policy in force, for good.
pub(crate) fn set(policy: Policy) {
    POLICY.store(Box::into_raw(Box::new(policy)), Ordering::Release);
}

/// The policy; `None` before it was read, and where the program runs without V4V.
#[inline]
pub(crate) fn policy() -> Option<&'static Policy> {
    // SAFETY: null, or what `set` leaked, which nobody changes.
    unsafe { POLICY.load(Ordering::Acquire).as_ref() }
}
