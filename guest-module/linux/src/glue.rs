//! The kernel's C as Rust sees it: `glue/glue.h`, and a safe function for each that has no precondition left.
//!
//! All functions here may sleep unless they say otherwise.

use core::ffi::c_void;
use v4v_ring::Addr;
use v4v_sock::Errno;

/// Opaque: a caller's buffers (`struct iov_iter`).
#[repr(C)]
pub(crate) struct IovIter([u8; 0]);
/// Opaque: a kernel socket (`struct sock`).
#[repr(C)]
pub(crate) struct RawSock([u8; 0]);
/// Opaque: a file that is being read in /proc (`struct seq_file`).
#[repr(C)]
pub(crate) struct SeqFile([u8; 0]);

/// `struct v4v_iov`, which is Xen's `xen_argo_iov_t`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct Iov {
    pub(crate) base: u64,
    pub(crate) len: u32,
    pub(crate) pad: u32,
}

/// `struct sockaddr_v4v`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct SockaddrV4v {
    family: u16,
    pad: u16,
    port: u32,
    domain: u16,
    pad2: u16,
}

impl From<Addr> for SockaddrV4v {
    fn from(addr: Addr) -> Self {
        Self {
            port: addr.port,
            domain: addr.domain.0,
            ..Self::default()
        }
    }
}

impl From<SockaddrV4v> for Addr {
    fn from(raw: SockaddrV4v) -> Self {
        Self::new(v4v_ring::DomId(raw.domain), raw.port)
    }
}

/// `struct v4v_received`.
#[repr(C)]
pub(crate) struct RawReceived {
    pub(crate) from: SockaddrV4v,
    pub(crate) full: u32,
    pub(crate) has_from: bool,
    pub(crate) end: bool,
}

/// `struct v4v_params`.
#[repr(C)]
pub(crate) struct Params {
    ring_kib: u32,
    spin_us: u32,
    probe_ms: u32,
    park: bool,
}

/// Bits of `v4v_c_wake`.
pub(crate) mod wake {
    pub(crate) const READ: u32 = 1;
    pub(crate) const WRITE: u32 = 2;
    pub(crate) const WORK: u32 = 4;
}

/// Words of a wait queue's entry.
pub(crate) const WAIT_WORDS: usize = 8;

const _: () =
    assert!(size_of::<SockaddrV4v>() == 12 && size_of::<Iov>() == 16 && size_of::<RawReceived>() == 20);

pub(crate) mod raw {
    use super::{Iov, IovIter, Params, RawSock, SeqFile, c_void};

    unsafe extern "C" {
        pub(crate) static v4v_params: Params;
        pub(crate) fn v4v_c_alloc(size: usize, align: usize, zeroed: bool) -> *mut u8;
        pub(crate) fn v4v_c_free(memory: *mut u8);
        pub(crate) fn v4v_c_log(level: u32, text: *const u8, len: usize);
        pub(crate) fn v4v_c_bug(text: *const u8, len: usize) -> !;
        pub(crate) fn v4v_c_random() -> u64;

        pub(crate) fn v4v_c_mutex_new(class: u32) -> *mut c_void;
        pub(crate) fn v4v_c_mutex_free(mutex: *mut c_void);
        pub(crate) fn v4v_c_mutex_lock(mutex: *mut c_void);
        pub(crate) fn v4v_c_mutex_unlock(mutex: *mut c_void);
        pub(crate) fn v4v_c_table_lock() -> usize;
        pub(crate) fn v4v_c_table_unlock(flags: usize);

        pub(crate) fn v4v_c_pages_new(count: u32) -> *mut c_void;
        pub(crate) fn v4v_c_pages_free(pages: *mut c_void);
        pub(crate) fn v4v_c_pages_address(pages: *mut c_void) -> *mut u8;
        pub(crate) fn v4v_c_pages_gfns(pages: *mut c_void, gfns: *mut u64);

        pub(crate) fn v4v_c_argo(op: u32, arg1: u64, arg2: u64, arg3: u64, arg4: u64) -> i64;
        pub(crate) fn v4v_c_argo_user(op: u32, arg1: u64, arg2: u64, arg3: u64, arg4: u64) -> i64;
        pub(crate) fn v4v_c_domain_id() -> i32;

        pub(crate) fn v4v_c_iter_pieces(iter: *const IovIter, len: u32, out: *mut Iov, max: u32) -> i32;
        pub(crate) fn v4v_c_iter_advance(iter: *mut IovIter, len: usize);
        pub(crate) fn v4v_c_iter_rewind(iter: *mut IovIter, len: usize);
        pub(crate) fn v4v_c_iter_count(iter: *const IovIter) -> usize;
        pub(crate) fn v4v_c_iter_fault_in(iter: *const IovIter, len: usize) -> bool;
        pub(crate) fn v4v_c_iter_copy_from(to: *mut u8, len: usize, iter: *mut IovIter) -> bool;
        pub(crate) fn v4v_c_iter_copy_to(from: *const u8, len: usize, iter: *mut IovIter) -> bool;

        pub(crate) fn v4v_c_wake(sk: *mut RawSock, what: u32);
        pub(crate) fn v4v_c_work(sk: *mut RawSock);
        pub(crate) fn v4v_c_tick(after_ms: u32);
        pub(crate) fn v4v_c_wait_begin(sk: *mut RawSock, entry: *mut u64);
        pub(crate) fn v4v_c_wait_end(sk: *mut RawSock, entry: *mut u64);
        pub(crate) fn v4v_c_wait(sk: *mut RawSock, entry: *mut u64, timeout: i64, parked: *mut bool) -> i64;
        pub(crate) fn v4v_c_signal_pending() -> bool;
        pub(crate) fn v4v_c_interrupted(timeout: i64) -> i32;
        pub(crate) fn v4v_c_jiffies(ms: u32) -> i64;
        pub(crate) fn v4v_c_clock_ns() -> u64;
        pub(crate) fn v4v_c_relax();
        pub(crate) fn v4v_c_need_resched() -> bool;
        pub(crate) fn v4v_c_receive_timeout(sk: *mut RawSock, nonblock: bool) -> i64;
        pub(crate) fn v4v_c_send_timeout(sk: *mut RawSock, nonblock: bool) -> i64;
        pub(crate) fn v4v_c_low_water(sk: *mut RawSock, all: bool, len: u32) -> u32;
        pub(crate) fn v4v_c_receive_buffer(sk: *mut RawSock) -> u32;
        pub(crate) fn v4v_c_set_send_buffer(sk: *mut RawSock, bytes: u32);
        pub(crate) fn v4v_c_lingers_not(sk: *mut RawSock) -> bool;
        pub(crate) fn v4v_c_set_state(sk: *mut RawSock, listening: bool, connected: bool);
        pub(crate) fn v4v_c_set_error(sk: *mut RawSock, error: i32);
        pub(crate) fn v4v_c_take_error(sk: *mut RawSock) -> i32;
        pub(crate) fn v4v_c_has_error(sk: *mut RawSock) -> bool;
        pub(crate) fn v4v_c_sigpipe();
        pub(crate) fn v4v_c_may_bind_low() -> bool;
        pub(crate) fn v4v_c_seq_write(m: *mut SeqFile, text: *const u8, len: usize);
    }
}

/// Why a function is safe to call: it takes plain numbers and touches no memory of ours.
macro_rules! plain {
    ($($(#[$doc:meta])* $name:ident = $raw:ident ( $($arg:ident : $type:ty),* ) $(-> $ret:ty)?;)*) => {
        $($(#[$doc])*
        pub(crate) fn $name($($arg: $type),*) $(-> $ret)? {
            // SAFETY: the C function takes no pointer and may be called in any state of the module.
            unsafe { raw::$raw($($arg),*) }
        })*
    };
}

plain! {
    /// 64 bits from the kernel's generator; does not sleep.
    random = v4v_c_random() -> u64;
    /// Runs the module's tick within so long, or when it is due anyhow where that is sooner. Does not sleep.
    tick = v4v_c_tick(after_ms: u32);
    /// Whether the current process has a signal to handle; does not sleep.
    signal_pending = v4v_c_signal_pending() -> bool;
    /// Jiffies in so many milliseconds; does not sleep.
    jiffies = v4v_c_jiffies(ms: u32) -> i64;
    /// This CPU's clock in nanoseconds; does not sleep.
    clock_ns = v4v_c_clock_ns() -> u64;
    /// The CPU's hint for a loop that waits; does not sleep.
    relax = v4v_c_relax();
    /// Whether somebody else should run on this CPU; does not sleep.
    need_resched = v4v_c_need_resched() -> bool;
    /// Whether the current process may bind ports below 1024.
    may_bind_low = v4v_c_may_bind_low() -> bool;
    /// SIGPIPE to the current process.
    sigpipe = v4v_c_sigpipe();
}

/// The errno of a wait that a signal ended, by the timeout that it had.
pub(crate) fn interrupted(timeout: i64) -> Errno {
    // SAFETY: takes a number only.
    Errno(unsafe { raw::v4v_c_interrupted(timeout) }.wrapping_neg())
}

/// The own domain's id, or Xen's errno.
pub(crate) fn domain_id() -> Result<u16, Errno> {
    // SAFETY: takes nothing; the buffers of its hypercalls are its own.
    let id = unsafe { raw::v4v_c_domain_id() };
    u16::try_from(id).map_err(|_| {
        if id < 0 {
            Errno(id.wrapping_neg())
        } else {
            Errno::PROTO
        }
    })
}

macro_rules! params {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        $($(#[$doc])*
        pub(crate) fn $name() -> u32 {
            // SAFETY: a static of C's, which root may change at any time: one volatile read of one aligned word.
            unsafe { (&raw const raw::v4v_params.$name).read_volatile() }
        })*
    };
}

params! {
    /// Microseconds to spin before a sleep.
    spin_us;
    /// Milliseconds between looks for lost peers.
    probe_ms;
}

/// A kernel socket. The pointer stays valid while the Rust socket that it belongs to does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sk(pub(crate) *mut RawSock);

/// Each of these only needs the socket to live, which the holder of an [`Sk`] sees to.
macro_rules! on_socket {
    ($($(#[$doc:meta])* $name:ident = $raw:ident ( $($arg:ident : $type:ty),* ) $(-> $ret:ty)?;)*) => {
        impl Sk {
            $($(#[$doc])*
            pub(crate) fn $name(self, $($arg: $type),*) $(-> $ret)? {
                // SAFETY: `self.0` is a live socket: an Sk is made for a Rust socket, which C frees before it puts the
                // socket, and what else holds one is cut off at release.
                unsafe { raw::$raw(self.0, $($arg),*) }
            })*
        }
    };
}

on_socket! {
    /// Wakes waiters and pollers; bits of [`wake`]. Does not sleep.
    wake = v4v_c_wake(what: u32);
    /// Queues the socket's work. Does not sleep.
    work = v4v_c_work();
    /// Jiffies that a receive may wait.
    receive_timeout = v4v_c_receive_timeout(nonblock: bool) -> i64;
    /// Jiffies that a send may wait.
    send_timeout = v4v_c_send_timeout(nonblock: bool) -> i64;
    /// Bytes that a receive of `len` waits for (`SO_RCVLOWAT`, `MSG_WAITALL`).
    low_water = v4v_c_low_water(all: bool, len: u32) -> u32;
    /// `SO_RCVBUF` in bytes.
    receive_buffer = v4v_c_receive_buffer() -> u32;
    /// Sets what `SO_SNDBUF` says.
    set_send_buffer = v4v_c_set_send_buffer(bytes: u32);
    /// Whether close is to be a reset (`SO_LINGER` with time 0).
    lingers_not = v4v_c_lingers_not() -> bool;
    /// Sets what `SO_ACCEPTCONN` and the tools see.
    set_state = v4v_c_set_state(listening: bool, connected: bool);
    /// Sets `SO_ERROR`.
    set_error = v4v_c_set_error(error: i32);
    /// Whether `SO_ERROR` holds one.
    has_error = v4v_c_has_error() -> bool;
}

impl Sk {
    /// No socket: what a ring leads to that belongs to none.
    pub(crate) const NONE: Self = Self(core::ptr::null_mut());

    /// Takes `SO_ERROR`.
    pub(crate) fn take_error(self) -> Option<Errno> {
        // SAFETY: as above.
        let e = unsafe { raw::v4v_c_take_error(self.0) };
        (e != 0).then_some(Errno(e))
    }
}
