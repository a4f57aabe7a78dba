//! What `glue.c` calls: the boot parameters, the hypercall, the life of domains.

use alloc::sync::Arc;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use v4v_hv::limits::{MAX_RINGS_DEFAULT, MAX_RINGS_LIMIT};
use v4v_hv::{DomId, Errno, Hypervisor};

use crate::glue::Params;
use crate::host::Xen;
use crate::limits::MAX_PAGES_DEFAULT;

/// The one state of this machine; null until [`v4v_start`] has run, and then for ever the same.
static HYPERVISOR: AtomicPtr<Hypervisor<Xen>> = AtomicPtr::new(ptr::null_mut());

/// Compiles only where several CPUs may use it at once.
const fn shared_by_all_cpus<T: Send + Sync>() {}
const _: () = shared_by_all_cpus::<Hypervisor<Xen>>();

fn hypervisor() -> Option<&'static Hypervisor<Xen>> {
    // SAFETY: null, or what `v4v_start` put there whole, which is never freed nor changed but through its own locks.
    unsafe { HYPERVISOR.load(Ordering::Acquire).as_ref() }
}

/// A limit as it was given, or its default where it was not.
const fn given_or(given: u32, default: u32) -> u32 {
    if given == 0 { default } else { given }
}

/// Zero, or a negative errno.
fn status(result: Result<(), Errno>) -> i32 {
    result.map_or_else(|errno| -i32::from(errno.code()), |()| 0)
}

/// Boot, before any domain and any other CPU: takes the parameters and writes back what is in force.
///
/// # Errors
/// -ENOMEM; there is no Argo then.
#[unsafe(no_mangle)]
extern "C" fn v4v_start(params: &mut Params) -> i32 {
    params.max_rings = given_or(params.max_rings, MAX_RINGS_DEFAULT).min(MAX_RINGS_LIMIT);
    params.max_pages = given_or(params.max_pages, MAX_PAGES_DEFAULT);
    let host = Xen {
        max_pages: params.max_pages,
    };
    let params = v4v_hv::Params {
        enabled: params.enabled,
        mac_permissive: params.mac_permissive,
        max_rings: params.max_rings,
    };
    let Ok(hypervisor) = Arc::try_new(Hypervisor::new(host, params)) else {
        return status(Err(Errno::NOMEM));
    };
    HYPERVISOR.store(Arc::into_raw(hypervisor).cast_mut(), Ordering::Release);
    0
}

/// Hypercall 39, by the domain that runs here.
#[unsafe(no_mangle)]
extern "C" fn v4v_hypercall(caller: u16, cmd: u32, arg1: u64, arg2: u64, arg3: u64, arg4: u64) -> i64 {
    match hypervisor() {
        Some(hypervisor) => hypervisor.hypercall(DomId(caller), cmd, arg1, arg2, arg3, arg4),
        None => Errno::OPNOTSUPP.to_return(),
    }
}

/// A domain comes into being. XSM has allowed it Argo.
#[unsafe(no_mangle)]
extern "C" fn v4v_domain_create(domain: u16) -> i32 {
    hypervisor().map_or(0, |hypervisor| status(hypervisor.domain_create(DomId(domain))))
}

/// A domain dies.
#[unsafe(no_mangle)]
extern "C" fn v4v_domain_destroy(domain: u16) {
    if let Some(hypervisor) = hypervisor() {
        hypervisor.domain_destroy(DomId(domain));
    }
}

/// A domain starts anew; the domain has no state where this fails.
#[unsafe(no_mangle)]
extern "C" fn v4v_domain_reset(domain: u16) -> i32 {
    hypervisor().map_or(0, |hypervisor| status(hypervisor.soft_reset(DomId(domain))))
}
