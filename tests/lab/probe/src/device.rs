//! The two devices that Linux gives user space for hypercalls and event channels.
//!
//! Sources: `include/uapi/xen/privcmd.h`, `include/uapi/xen/evtchn.h` of Linux 6.1.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// `IOCTL_PRIVCMD_HYPERCALL`: `_IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_hypercall))`.
const HYPERCALL: libc::c_ulong = 48 << 16 | 0x50 << 8;
/// `IOCTL_EVTCHN_BIND_VIRQ`: `_IOC(_IOC_NONE, 'E', 0, sizeof(struct ioctl_evtchn_bind_virq))`.
const BIND_VIRQ: libc::c_ulong = 4 << 16 | 0x45 << 8;

/// `struct privcmd_hypercall`.
#[repr(C)]
struct Call {
    op: u64,
    arg: [u64; 5],
}

/// Makes a hypercall; what it returned, as the int that an ioctl returns.
pub(crate) fn hypercall(privcmd: &File, op: u64, arg: [u64; 5]) -> i64 {
    let call = Call { op, arg };
    // SAFETY: the descriptor is privcmd's, whose ioctl reads one `privcmd_hypercall` at the pointer and writes nothing there.
    // The arguments are numbers to the kernel; what the hypervisor writes through them goes to buffers of pages.rs and
    // bytes.rs, which outlive the call, or to addresses that are not mapped.
    let returned = unsafe { libc::ioctl(privcmd.as_raw_fd(), HYPERCALL, &raw const call) };
    if returned != -1 {
        return returned.into();
    }
    i64::from(-io::Error::last_os_error().raw_os_error().unwrap_or(0))
}

/// Binds a virtual interrupt of the first CPU; the event channel's number.
pub(crate) fn bind_virq(evtchn: &File, virq: u32) -> io::Result<u32> {
    // SAFETY: the descriptor is evtchn's, whose ioctl reads one `ioctl_evtchn_bind_virq`, which is one u32.
    let port = unsafe { libc::ioctl(evtchn.as_raw_fd(), BIND_VIRQ, &raw const virq) };
    u32::try_from(port).map_err(|_| io::Error::last_os_error())
}
