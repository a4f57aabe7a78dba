//! Options of sockets, and requests.

use super::names::tcp_of;
use crate::listener::{behind, sync_cloexec};
use crate::notes::{self, Notes};
use crate::{errno, next, tcp_options};
use libc::{
    ENOPROTOOPT, EOPNOTSUPP, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, SOL_SOCKET, c_int, c_ulong, c_void,
    socklen_t,
};

/// Whether a call on this level that has just failed may be one about TCP on a V4V socket.
fn may_be_tcps(level: c_int) -> bool {
    matches!(level, IPPROTO_TCP | IPPROTO_IP | IPPROTO_IPV6)
        && matches!(errno::get(), EOPNOTSUPP | ENOPROTOOPT)
}

/// As the C library's.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn getsockopt(
    fd: c_int,
    level: c_int,
    name: c_int,
    value: *mut c_void,
    len: *mut socklen_t,
) -> c_int {
    // SAFETY: the caller's promise; what the kernel has written can be written here.
    unsafe {
        let result = next::getsockopt(tcp_of(fd), level, name, value, len);
        if result != 0 {
            if may_be_tcps(level)
                && let Some(notes) = errno::kept(|| Notes::of(fd))
            {
                return tcp_options::get(notes, level, name, value, len);
            }
            return result;
        }
        if level == SOL_SOCKET && matches!(name, libc::SO_DOMAIN | libc::SO_PROTOCOL | notes::OPTION) {
            correct(fd, name, value, *len);
        }
        result
    }
}

/// Puts what a program expects in the place of what the kernel says of a V4V socket's nature.
///
/// # Safety
/// There are `len` bytes at `value`.
unsafe fn correct(fd: c_int, name: c_int, value: *mut c_void, len: socklen_t) {
    // SAFETY: the caller's promise.
    unsafe {
        if (len as usize) < size_of::<c_int>() {
            return;
        }
        let number = value.cast::<c_int>();
        let is_ip =
            name == libc::SO_DOMAIN && matches!(number.read_unaligned(), libc::AF_INET | libc::AF_INET6);
        let has_protocol = name == libc::SO_PROTOCOL && number.read_unaligned() != 0;
        if is_ip || has_protocol {
            return;
        }
        let Some(notes) = Notes::of(fd) else { return };
        match tcp_options::identity(SOL_SOCKET, name, notes) {
            Some(seen) => number.write_unaligned(seen),
            // The notes themselves: no rate is set.
            None => value.cast::<u8>().write_bytes(0xFF, len as usize),
        }
    }
}

/// As the C library's.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn setsockopt(
    fd: c_int,
    level: c_int,
    name: c_int,
    value: *const c_void,
    len: socklen_t,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        if let Some(both) = behind(fd) {
            both.note_option();
            return next::setsockopt(both.tcp(), level, name, value, len);
        }
        if level == SOL_SOCKET && name == notes::OPTION && Notes::of(fd).is_some() {
            // V4V has no pace to keep.
            return 0;
        }
        let result = next::setsockopt(fd, level, name, value, len);
        if result != 0
            && may_be_tcps(level)
            && let Some(notes) = errno::kept(|| Notes::of(fd))
        {
            return tcp_options::set(fd, notes, level, name, value, len);
        }
        result
    }
}

/// As the C library's.
///
/// # Safety
/// As the C library's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub(super) unsafe extern "C-unwind" fn ioctl(fd: c_int, request: c_ulong, argument: c_ulong) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let result = next::ioctl(fd, request, argument);
        let Some(both) = behind(fd) else { return result };
        if matches!(request, libc::FIOCLEX | libc::FIONCLEX) {
            sync_cloexec(both);
        } else if result < 0 && matches!(errno::get(), libc::ENOTTY | libc::EINVAL) {
            return next::ioctl(both.tcp(), request, argument);
        }
        result
    }
}
