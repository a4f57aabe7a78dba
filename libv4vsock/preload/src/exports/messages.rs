//! Calls that take or give addresses and descriptors along with bytes.
//!
//! TCP ignores an address to send to and gives none of whom bytes come from, where a Unix socket minds both. And a listener's descriptor
//! means nothing in another process, so one that is passed on is passed as its TCP socket.

use super::names::tcp_of;
use crate::listener::behind;
use crate::notes::Notes;
use crate::{errno, next};
use libc::{
    AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_UNIX, AF_UNSPEC, EISCONN, EOPNOTSUPP, SCM_RIGHTS,
    SOL_SOCKET, c_int, c_uint, c_void, cmsghdr, mmsghdr, msghdr, size_t, sockaddr, socklen_t, ssize_t,
    timespec,
};
use std::{mem, ptr};

/// Whether a call with an address, which has just failed, is one that TCP would have made without it.
fn is_without_address(fd: c_int) -> bool {
    matches!(errno::get(), EISCONN | EOPNOTSUPP) && errno::kept(|| Notes::of(fd)).is_some()
}

/// As the C library's.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn sendto(
    fd: c_int,
    bytes: *const c_void,
    len: size_t,
    flags: c_int,
    to: *const sockaddr,
    to_len: socklen_t,
) -> ssize_t {
    // SAFETY: the caller's promise.
    unsafe {
        let fd = tcp_of(fd);
        let sent = next::sendto(fd, bytes, len, flags, to, to_len);
        if sent < 0 && !to.is_null() && is_without_address(fd) {
            return next::sendto(fd, bytes, len, flags, ptr::null(), 0);
        }
        sent
    }
}

/// As the C library's.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> ssize_t {
    // SAFETY: the caller's promise; what is changed is this function's copy.
    unsafe {
        let fd = tcp_of(fd);
        if message.is_null() {
            return next::sendmsg(fd, message, flags);
        }
        let mut changed = message.read_unaligned();
        let mut control = Control::new();
        let replaced = control.replace_listeners(&mut changed);
        let message = if replaced { &raw const changed } else { message };
        let sent = next::sendmsg(fd, message, flags);
        if sent < 0 && !changed.msg_name.is_null() && is_without_address(fd) {
            changed.msg_name = ptr::null_mut();
            changed.msg_namelen = 0;
            return next::sendmsg(fd, &raw const changed, flags);
        }
        sent
    }
}

/// As the C library's. Messages of a stream's are sent one by one where one has an address or descriptors with it.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn sendmmsg(
    fd: c_int,
    messages: *mut mmsghdr,
    count: c_uint,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let fd = tcp_of(fd);
        let sent = next::sendmmsg(fd, messages, count, flags);
        if sent >= 0 || messages.is_null() || !is_without_address(fd) {
            return sent;
        }
        for at in 0..count {
            let message = messages.add(at as usize);
            let sent = sendmsg(fd, &raw const (*message).msg_hdr, flags);
            match c_uint::try_from(sent) {
                Ok(bytes) => (*message).msg_len = bytes,
                Err(_) if at == 0 => return -1,
                Err(_) => return c_int::try_from(at).unwrap_or(c_int::MAX),
            }
        }
        c_int::try_from(count).unwrap_or(c_int::MAX)
    }
}

/// Bytes of control data that a message can have of descriptors: SCM_MAX_FD of them (253) and a header, and room for other kinds.
const CONTROL_MAX: usize = 2048;

/// Control data of a message in which listeners have been replaced.
#[repr(align(8))]
struct Control {
    bytes: mem::MaybeUninit<[u8; CONTROL_MAX]>,
}

impl Control {
    const fn new() -> Self {
        Self {
            bytes: mem::MaybeUninit::uninit(),
        }
    }

    /// Has the message pass TCP sockets on in the place of listeners' descriptors; whether there was one.
    ///
    /// # Safety
    /// The message's control data is there as it says.
    unsafe fn replace_listeners(&mut self, message: &mut msghdr) -> bool {
        // SAFETY: the caller's promise; the copy is as long as what is copied.
        unsafe {
            if !any_listener(message) || message.msg_controllen > CONTROL_MAX {
                return false;
            }
            let copy = self.bytes.as_mut_ptr().cast::<u8>();
            ptr::copy_nonoverlapping(message.msg_control.cast::<u8>(), copy, message.msg_controllen);
            message.msg_control = copy.cast();
            each_descriptor(message, |place| {
                if let Some(both) = behind(place.read_unaligned()) {
                    place.write_unaligned(both.tcp());
                }
            });
            true
        }
    }
}

/// # Safety
/// The message's control data is there as it says.
unsafe fn any_listener(message: &msghdr) -> bool {
    if message.msg_control.is_null() || message.msg_controllen < size_of::<cmsghdr>() {
        return false;
    }
    let mut any = false;
    // SAFETY: the caller's promise.
    unsafe { each_descriptor(message, |place| any |= behind(place.read_unaligned()).is_some()) };
    any
}

/// Calls `see` with the place of each descriptor in the control data.
///
/// # Safety
/// The message's control data is there as it says.
unsafe fn each_descriptor(message: &msghdr, mut see: impl FnMut(*mut c_int)) {
    // SAFETY: the macros stay within the control data; the length of each part is checked against what is left.
    unsafe {
        let end = message.msg_control.cast::<u8>().add(message.msg_controllen);
        let mut part = libc::CMSG_FIRSTHDR(message);
        while let Some(header) = part.as_ref() {
            let first = libc::CMSG_DATA(part);
            let there = end.offset_from(part.cast::<u8>());
            if header.cmsg_len > usize::try_from(there).unwrap_or(0) {
                return;
            }
            if header.cmsg_level == SOL_SOCKET && header.cmsg_type == SCM_RIGHTS {
                let bytes = header.cmsg_len.saturating_sub(libc::CMSG_LEN(0) as usize);
                for at in 0..bytes / size_of::<c_int>() {
                    see(first.cast::<c_int>().add(at));
                }
            }
            part = libc::CMSG_NXTHDR(message, part);
        }
    }
}

/// Whether an address that has come with bytes may be a V4V socket's.
///
/// # Safety
/// There are `len` bytes at `address`.
unsafe fn is_suspect(address: *const sockaddr, len: socklen_t) -> bool {
    const FAMILY: usize = size_of::<libc::sa_family_t>();
    if address.is_null() || (len as usize) < FAMILY {
        return false;
    }
    // SAFETY: the caller's promise, and the lengths.
    unsafe {
        match c_int::from(address.cast::<libc::sa_family_t>().read_unaligned()) {
            AF_INET | AF_INET6 | AF_UNSPEC | AF_NETLINK | AF_PACKET => false,
            AF_UNIX => len as usize > FAMILY && address.cast::<u8>().add(FAMILY).read() == 0,
            _ => true,
        }
    }
}

/// Takes the address of a V4V socket away from what has come: TCP gives none.
///
/// # Safety
/// There are `room` bytes at `address`, and the kernel has just written to both.
unsafe fn take_address(fd: c_int, address: *const sockaddr, room: socklen_t, len: *mut socklen_t) {
    // SAFETY: the caller's promise.
    unsafe {
        if is_suspect(address, room.min(*len)) && errno::kept(|| Notes::of(fd)).is_some() {
            *len = 0;
        }
    }
}

/// Receives by `receive`, and takes the address away from what came over V4V. Without a place for one (`from`) nothing is looked at.
///
/// # Safety
/// Both places are null, or as the C library's function takes them.
unsafe fn received(
    fd: c_int,
    from: *const sockaddr,
    from_len: *mut socklen_t,
    receive: impl FnOnce() -> ssize_t,
) -> ssize_t {
    if from.is_null() || from_len.is_null() {
        return receive();
    }
    // SAFETY: the caller's promise; the length is read before and after the kernel has.
    unsafe {
        let room = *from_len;
        let count = receive();
        if count >= 0 {
            take_address(fd, from, room, from_len);
        }
        count
    }
}

/// As the C library's.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn recvfrom(
    fd: c_int,
    bytes: *mut c_void,
    len: size_t,
    flags: c_int,
    from: *mut sockaddr,
    from_len: *mut socklen_t,
) -> ssize_t {
    // SAFETY: the caller's promise.
    unsafe {
        let fd = tcp_of(fd);
        received(fd, from, from_len, || {
            next::recvfrom(fd, bytes, len, flags, from, from_len)
        })
    }
}

/// As the C library's, which calls it in programs built with `_FORTIFY_SOURCE`.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn __recvfrom_chk(
    fd: c_int,
    bytes: *mut c_void,
    len: size_t,
    size: size_t,
    flags: c_int,
    from: *mut sockaddr,
    from_len: *mut socklen_t,
) -> ssize_t {
    // SAFETY: the caller's promise.
    unsafe {
        let fd = tcp_of(fd);
        received(fd, from, from_len, || {
            next::recvfrom_chk(fd, bytes, len, size, flags, from, from_len)
        })
    }
}

/// As the C library's.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn recvmsg(fd: c_int, message: *mut msghdr, flags: c_int) -> ssize_t {
    // SAFETY: the caller's promise; the length is read before and after the kernel has.
    unsafe {
        let fd = tcp_of(fd);
        let (from, from_len) = if message.is_null() {
            (ptr::null(), ptr::null_mut())
        } else {
            (
                (*message).msg_name.cast_const().cast(),
                &raw mut (*message).msg_namelen,
            )
        };
        received(fd, from, from_len, || next::recvmsg(fd, message, flags))
    }
}

/// As the C library's.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn recvmmsg(
    fd: c_int,
    messages: *mut mmsghdr,
    count: c_uint,
    flags: c_int,
    timeout: *mut timespec,
) -> c_int {
    // SAFETY: the caller's promise; the kernel has written a length for each message that it counts.
    unsafe {
        let fd = tcp_of(fd);
        let received = next::recvmmsg(fd, messages, count, flags, timeout);
        for at in 0..usize::try_from(received).unwrap_or(0) {
            let message = &raw mut (*messages.add(at)).msg_hdr;
            if !(*message).msg_name.is_null() {
                // The kernel writes no more than there was room for, which the length says no longer: the family is enough.
                let room = (*message).msg_namelen;
                take_address(
                    fd,
                    (*message).msg_name.cast(),
                    room,
                    &raw mut (*message).msg_namelen,
                );
            }
        }
        received
    }
}
