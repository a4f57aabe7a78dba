//! The entry points: what C calls. Each turns pointers into references and errors into negative numbers, and no more.
#![allow(clippy::missing_safety_doc)]

use crate::glue::{IovIter, RawReceived, RawSock, SeqFile, Sk, SockaddrV4v};
use crate::iter::Buffers;
use crate::link::Want;
use crate::mem::error;
use crate::show::Page;
use crate::socket::Socket;
use crate::{hv, irq, linger, list, ports, probe, resume, show, table};
use alloc::boxed::Box;
use core::ffi::c_void;
use core::ptr::null_mut;
use v4v_ring::{Addr, DomId};
use v4v_sock::{Errno, SocketKind};

fn status(outcome: Result<(), Errno>) -> i32 {
    outcome.map_or_else(|e| e.0.wrapping_neg(), |()| 0)
}

fn number(outcome: Result<usize, Errno>) -> i64 {
    outcome.map_or_else(|e| i64::from(e.0.wrapping_neg()), |n| n as i64)
}

/// # Safety
/// `socket` came from [`v4v_rs_new`] and was not freed.
unsafe fn socket<'a>(socket: *mut c_void) -> &'a Socket {
    // SAFETY: the caller's.
    unsafe { &*socket.cast() }
}

/// Finds out about Xen and makes the module's tables.
#[unsafe(no_mangle)]
pub extern "C" fn v4v_rs_init() -> i32 {
    status(hv::probe().and_then(|rings| {
        // SAFETY: the module is being loaded; nothing else of it runs.
        unsafe {
            table::init(rings)
                .and_then(|()| list::init())
                .and_then(|()| linger::init())
                .and_then(|()| ports::init())
        }
    }))
}

/// Offers the ready page; the interrupt is bound already and finds nothing until then.
#[unsafe(no_mangle)]
pub extern "C" fn v4v_rs_start() -> i32 {
    // SAFETY: there is no socket yet, so no interrupt comes.
    let outcome = unsafe { irq::init() };
    status(outcome.inspect_err(|e| error!("Xen does not take the ready page: error {}", e.0)))
}

/// Takes all back. The interrupt is unbound and no socket is left.
#[unsafe(no_mangle)]
pub extern "C" fn v4v_rs_exit() {
    // SAFETY: nothing else of the module runs any more.
    unsafe {
        linger::exit();
        irq::exit();
        list::exit();
        ports::exit();
        table::exit();
    }
}

/// VIRQ_ARGO.
#[unsafe(no_mangle)]
pub extern "C" fn v4v_rs_irq() {
    irq::interrupt();
}

/// The delayed work.
#[unsafe(no_mangle)]
pub extern "C" fn v4v_rs_tick() {
    probe::tick();
}

/// The domain runs again after a suspend.
#[unsafe(no_mangle)]
pub extern "C" fn v4v_rs_resume() {
    resume::resume();
}

/// /proc/net/v4v.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn v4v_rs_show(m: *mut SeqFile) {
    // SAFETY: C passes the file that it shows.
    let mut page = unsafe { Page::new(m) };
    // The page itself never fails.
    let _ = show::show(&mut page);
}

/// A new socket; null without memory.
#[unsafe(no_mangle)]
pub extern "C" fn v4v_rs_new(sk: *mut RawSock, kind: u32) -> *mut c_void {
    let kind = u16::try_from(kind).ok().and_then(SocketKind::from_number);
    let made = kind
        .and_then(|kind| Socket::new(Sk(sk), kind).ok())
        .and_then(|s| Box::try_new(s).ok());
    let Some(socket) = made else { return null_mut() };
    let socket = Box::into_raw(socket);
    // SAFETY: the box does not move, and v4v_rs_free takes the socket out first.
    if unsafe { list::add(socket) }.is_ok() {
        return socket.cast();
    }
    // SAFETY: it was a box just now, and nobody else knows of it.
    drop(unsafe { Box::from_raw(socket) });
    null_mut()
}

/// The last descriptor is closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn v4v_rs_release(s: *mut c_void) {
    // SAFETY: C's contract.
    unsafe { socket(s) }.release();
}

/// The socket's memory goes; its work is not under way any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn v4v_rs_free(s: *mut c_void) {
    let s: *mut Socket = s.cast();
    list::remove(s);
    // SAFETY: it was a box in v4v_rs_new, and C gives it up with this call.
    drop(unsafe { Box::from_raw(s) });
}

/// The socket's work.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn v4v_rs_work(s: *mut c_void) {
    // SAFETY: C's contract.
    unsafe { socket(s) }.work();
}

/// bind(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn v4v_rs_bind(s: *mut c_void, domain: u16, port: u32) -> i32 {
    // SAFETY: C's contract.
    status(unsafe { socket(s) }.bind(DomId(domain), port))
}

/// connect(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn v4v_rs_connect(s: *mut c_void, domain: u16, port: u32, nonblock: bool) -> i32 {
    // SAFETY: C's contract.
    status(unsafe { socket(s) }.connect(Addr::new(DomId(domain), port), nonblock))
}

/// connect(2) with AF_UNSPEC: a datagram socket forgets its peer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn v4v_rs_disconnect(s: *mut c_void) -> i32 {
    // SAFETY: C's contract.
    status(
        unsafe { socket(s) }
            .dgram()
            .and_then(|dgram| dgram.socket.connect(None)),
    )
}

/// socketpair(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn v4v_rs_pair(one: *mut c_void, other: *mut c_void) -> i32 {
    // SAFETY: C's contract, twice.
    status(unsafe { socket(one).pair(socket(other)) })
}

/// listen(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn v4v_rs_listen(s: *mut c_void, backlog: i32) -> i32 {
    // SAFETY: C's contract.
    status(unsafe { socket(s) }.listen(backlog))
}

/// accept(2), into a new socket.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn v4v_rs_accept(listener: *mut c_void, s: *mut c_void, nonblock: bool) -> i32 {
    // SAFETY: C's contract, twice.
    status(unsafe { socket(listener).accept(socket(s), nonblock) })
}

/// getsockname(2), getpeername(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn v4v_rs_name(s: *mut c_void, peer: bool, out: *mut SockaddrV4v) -> i32 {
    // SAFETY: C's contract.
    match unsafe { socket(s) }.name(peer) {
        Ok(addr) => {
            // SAFETY: C passes a variable of its own.
            unsafe { out.write(addr.into()) };
            0
        }
        Err(e) => status(Err(e)),
    }
}

/// poll(2): the bits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn v4v_rs_poll(s: *mut c_void) -> u32 {
    // SAFETY: C's contract.
    unsafe { socket(s) }.poll().bits()
}

/// shutdown(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn v4v_rs_shutdown(s: *mut c_void, read: bool, write: bool) -> i32 {
    // SAFETY: C's contract.
    status(unsafe { socket(s) }.shutdown(read, write))
}

/// FIONREAD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn v4v_rs_available(s: *mut c_void) -> i64 {
    // SAFETY: C's contract.
    number(unsafe { socket(s) }.available())
}

/// SIOCOUTQ.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn v4v_rs_queued(s: *mut c_void) -> i64 {
    // SAFETY: C's contract.
    number(unsafe { socket(s) }.queued())
}

/// sendmsg(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn v4v_rs_send(
    s: *mut c_void,
    from: *mut IovIter,
    to: *const SockaddrV4v,
    nonblock: bool,
    nosignal: bool,
) -> i64 {
    // SAFETY: C's contract; the iov_iter is that of the system call under way.
    let (s, mut from) = unsafe { (socket(s), Buffers::new(from)) };
    // SAFETY: null, or a variable of C's.
    let to = unsafe { to.as_ref() }.map(|to| Addr::from(*to));
    number(s.send(&mut from, to, nonblock, nosignal))
}

/// recvmsg(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn v4v_rs_receive(
    s: *mut c_void,
    to: *mut IovIter,
    nonblock: bool,
    peek: bool,
    all: bool,
    out: *mut RawReceived,
) -> i64 {
    // SAFETY: C's contract; the iov_iter is that of the system call under way.
    let (s, mut to) = unsafe { (socket(s), Buffers::new(to)) };
    number(
        s.receive(&mut to, Want { nonblock, peek, all })
            .map(|(got, from)| {
                let out_value = RawReceived {
                    from: from.map(Into::into).unwrap_or_default(),
                    // A message is at most 16 MiB; a stream's receive does not use it.
                    full: u32::try_from(got.full).unwrap_or(u32::MAX),
                    has_from: from.is_some(),
                    end: got.end,
                };
                // SAFETY: C passes a variable of its own.
                unsafe { out.write(out_value) };
                got.bytes
            }),
    )
}
