//! Addresses, and the names of domains.

use crate::failure::{mistake, returned};
use std::ffi::{CStr, c_char, c_int};
use std::io;
use std::ptr;
use v4vsock::{Backend, ToV4vAddr, V4vAddr, backend};

/// `struct sockaddr_v4v`, the kernel's (`guest-module/linux`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SockaddrV4v {
    family: libc::sa_family_t,
    pad: u16,
    port: u32,
    domain: u16,
    pad2: u16,
}

const _: () = assert!(size_of::<SockaddrV4v>() == 12 && align_of::<SockaddrV4v>() == 4);

/// `V4V_BACKEND_KERNEL`.
const KERNEL: c_int = 1;
/// `V4V_BACKEND_HOSTED`.
const HOSTED: c_int = 2;

impl SockaddrV4v {
    /// The address in C's form, with this machine's family.
    pub(crate) fn new(addr: V4vAddr) -> io::Result<Self> {
        Ok(Self {
            family: family()?,
            port: addr.port(),
            domain: addr.domain(),
            ..Self::default()
        })
    }

    /// The address that C gave.
    pub(crate) fn decode(self) -> io::Result<V4vAddr> {
        let family = family()?;
        if self.family != family && self.family != libc::AF_UNSPEC as libc::sa_family_t {
            return Err(mistake("sv_family is neither v4v_family() nor AF_UNSPEC"));
        }
        Ok(V4vAddr::new(self.domain, self.port))
    }
}

fn family() -> io::Result<libc::sa_family_t> {
    match backend()? {
        Backend::Kernel { family } => {
            libc::sa_family_t::try_from(family).map_err(|_| io::Error::from_raw_os_error(libc::EAFNOSUPPORT))
        }
        Backend::Hosted => Ok(libc::AF_UNSPEC as libc::sa_family_t),
    }
}

/// The number of the kernel's AF_V4V; 0 (`AF_UNSPEC`) where sockets are hosted. -1: neither can be.
#[unsafe(no_mangle)]
pub extern "C" fn v4v_family() -> c_int {
    returned(family().map(Into::into))
}

/// `V4V_BACKEND_KERNEL` or `V4V_BACKEND_HOSTED`; -1: neither can be.
#[unsafe(no_mangle)]
pub extern "C" fn v4v_backend() -> c_int {
    returned(backend().map(|backend| match backend {
        Backend::Kernel { .. } => KERNEL,
        Backend::Hosted => HOSTED,
    }))
}

/// This domain's id, or -1.
#[unsafe(no_mangle)]
pub extern "C" fn v4v_getdomid() -> c_int {
    returned(v4vsock::local_domain().map(Into::into))
}

/// `DOMAIN:PORT` as an address; 0 or -1.
///
/// # Safety
/// `text` is null or ends with a zero; `addr` is null or a `struct sockaddr_v4v` may be written there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn v4v_parse(text: *const c_char, addr: *mut SockaddrV4v) -> c_int {
    // SAFETY: the caller's promise.
    let outcome = unsafe { text_of(text) }
        .and_then(|text| text.to_v4v_addr())
        // SAFETY: the caller's promise.
        .and_then(|parsed| unsafe { give(addr, parsed) });
    returned(outcome)
}

/// An address as text in `buffer`, which it returns; NULL where it does not fit.
///
/// # Safety
/// `addr` is null or points to a `struct sockaddr_v4v`; `buffer` is null or `size` bytes may be written there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn v4v_format(
    addr: *const SockaddrV4v,
    buffer: *mut c_char,
    size: usize,
) -> *mut c_char {
    // SAFETY: the caller's promise.
    let outcome = unsafe { addr.as_ref() }
        .ok_or_else(|| mistake("the address is NULL"))
        .and_then(|addr| addr.decode())
        // SAFETY: the caller's promise.
        .and_then(|addr| unsafe { put(&addr.to_string(), buffer, size) });
    if returned(outcome) < 0 {
        ptr::null_mut()
    } else {
        buffer
    }
}

/// The id of the domain with this name (or number), or -1.
///
/// # Safety
/// `name` is null or ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn v4v_domain_by_name(name: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    let outcome = unsafe { text_of(name) }
        .and_then(|name| format!("{name}:0").to_v4v_addr())
        .map(|addr| addr.domain().into());
    returned(outcome)
}

/// The name of a domain in `buffer`; 0 or -1.
///
/// # Safety
/// `buffer` is null or `size` bytes may be written there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn v4v_domain_name(domain: u16, buffer: *mut c_char, size: usize) -> c_int {
    let outcome = V4vAddr::new(domain, 0)
        .domain_name()
        .and_then(|name| name.ok_or_else(|| io::Error::from_raw_os_error(libc::ENOENT)))
        // SAFETY: the caller's promise.
        .and_then(|name| unsafe { put(&name, buffer, size) });
    returned(outcome)
}

/// # Safety
/// `text` is null or ends with a zero, and stays as it is while the result is used.
pub(crate) unsafe fn text_of<'a>(text: *const c_char) -> io::Result<&'a str> {
    if text.is_null() {
        return Err(mistake("the text is NULL"));
    }
    // SAFETY: not null, and the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map_err(|_| mistake("the text is not UTF-8"))
}

/// # Safety
/// `to` is null or a `struct sockaddr_v4v` may be written there.
pub(crate) unsafe fn give(to: *mut SockaddrV4v, addr: V4vAddr) -> io::Result<c_int> {
    if to.is_null() {
        return Err(mistake("the address is NULL"));
    }
    let addr = SockaddrV4v::new(addr)?;
    // SAFETY: not null, and the caller's promise.
    unsafe { to.write(addr) };
    Ok(0)
}

/// # Safety
/// `buffer` is null or `size` bytes may be written there.
unsafe fn put(text: &str, buffer: *mut c_char, size: usize) -> io::Result<c_int> {
    if buffer.is_null() {
        return Err(mistake("the buffer is NULL"));
    }
    if text.len() >= size {
        return Err(io::Error::from_raw_os_error(libc::ENOSPC));
    }
    // SAFETY: `buffer` has `size` bytes by the caller's promise, and those of the text and a zero are no more.
    unsafe {
        ptr::copy_nonoverlapping(text.as_ptr(), buffer.cast(), text.len());
        *buffer.add(text.len()) = 0;
    }
    Ok(0)
}
