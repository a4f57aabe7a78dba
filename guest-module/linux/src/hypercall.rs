//! Argo's operations (`xen/include/public/argo.h`) and ours, as this domain calls them.
//!
//! Structures live on this stack or in this module's heap while Xen reads them. Nothing here sleeps; Xen copies what it
//! is given before the call returns.

use crate::glue::{Iov, raw};
use v4v_ring::{Addr, DomId};
use v4v_sock::{Errno, RingId};

const OP_REGISTER: u32 = 1;
const OP_UNREGISTER: u32 = 2;
const OP_SENDV: u32 = 3;
const OP_NOTIFY: u32 = 4;
const OP_CAPS: u32 = 16;
const OP_RING_SETUP: u32 = 17;
const OP_READY_SETUP: u32 = 18;

/// `XEN_ARGO_REGISTER_FLAG_FAIL_EXIST`.
const FAIL_EXIST: u64 = 1;
/// `XEN_ARGO_MAXIOV`.
pub(crate) const IOVS_MAX: usize = 8;
/// Entries of one notify (`MAX_NOTIFY_COUNT` of upstream's `argo.c`).
pub(crate) const NOTIFY_MAX: usize = 256;

/// Flags of our operation 17 (`hv-ext/core/src/abi.rs`).
pub(crate) mod setup {
    /// The ring gets a bit in the ready page.
    pub(crate) const READY: u32 = 1;
    /// The ring watches a ring of its partner's.
    pub(crate) const WATCH: u32 = 2;
    /// The Event and Space words of the ring's header count.
    pub(crate) const FLAGS: u32 = 4;
}

/// Flags of a notify's answer.
pub(crate) mod answer {
    /// The ring exists.
    pub(crate) const EXISTS: u16 = 1;
    /// The space that was asked for is there.
    pub(crate) const SUFFICIENT: u16 = 8;
    /// So much space is never there.
    pub(crate) const TOO_LONG: u16 = 0x10;
    /// The space is not there, and Xen could not note that this domain waits for it.
    pub(crate) const BUSY: u16 = 0x20;
}

/// `xen_argo_register_ring_t`, and with `len` left out `xen_argo_unregister_ring_t`.
#[repr(C)]
struct Register {
    port: u32,
    partner: u16,
    pad: u16,
    len: u32,
}

/// `xen_argo_send_addr_t`.
#[repr(C)]
struct SendAddr {
    src: [u8; Addr::SIZE],
    dst: [u8; Addr::SIZE],
}

/// The argument of our operation 17.
#[repr(C)]
struct Setup {
    port: u32,
    partner: u16,
    pad: u16,
    flags: u32,
    ready_slot: u32,
    watch_port: u32,
}

/// The answer of our operation 16, its last words reserved.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Caps {
    pub(crate) version: u32,
    /// 1 ready page, 2 watching, 4 the header's words.
    pub(crate) features: u32,
    pub(crate) max_rings: u32,
    pub(crate) ready_slots: u32,
    max_pending: u32,
    copy_chunk: u32,
    reserved: [u32; 2],
}

/// One question of a notify (`xen_argo_ring_data_ent_t`), and its answer.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct Question {
    port: u32,
    domain: u16,
    pad: u16,
    pub(crate) flags: u16,
    pad2: u16,
    space_required: u32,
    max_message_size: u32,
}

impl Question {
    /// Whether `ring` exists and has room for a message of `space` bytes; where it has not, Xen notes that this domain waits.
    pub(crate) fn new(ring: Addr, space: u32) -> Self {
        Self {
            port: ring.port,
            domain: ring.domain.0,
            space_required: space,
            ..Self::default()
        }
    }
}

const _: () = assert!(
    size_of::<Register>() == 12
        && size_of::<SendAddr>() == 16
        && size_of::<Setup>() == 20
        && size_of::<Caps>() == 32
        && size_of::<Question>() == 20
);

fn outcome(result: i64) -> Result<u32, Errno> {
    // Upstream's sendv gives a negative errno as 32 bits: the sign is in the lower half either way.
    let low = result as i32;
    u32::try_from(low).map_err(|_| Errno(low.wrapping_neg()))
}

fn call<A, B>(op: u32, arg1: *const A, arg2: *const B, arg3: u64, arg4: u64) -> Result<u32, Errno> {
    // SAFETY: the callers below pass pointers to live structures of theirs of the types that the operation takes; Xen reads
    // (and for op 16 and notify writes) no more than those.
    outcome(unsafe { raw::v4v_c_argo(op, arg1.addr() as u64, arg2.addr() as u64, arg3, arg4) })
}

const NOTHING: *const u8 = core::ptr::null();

/// Registers a ring in the pages with these frame numbers.
pub(crate) fn register(ring: RingId, len: u32, gfns: &[u64]) -> Result<(), Errno> {
    let args = Register {
        port: ring.port,
        partner: ring.partner.0,
        pad: 0,
        len,
    };
    call(
        OP_REGISTER,
        &raw const args,
        gfns.as_ptr(),
        gfns.len() as u64,
        FAIL_EXIST,
    )
    .map(drop)
}

/// Unregisters an own ring.
pub(crate) fn unregister(ring: RingId) -> Result<(), Errno> {
    let args = Register {
        port: ring.port,
        partner: ring.partner.0,
        pad: 0,
        len: 0,
    };
    call(OP_UNREGISTER, &raw const args, NOTHING, 0, 0).map(drop)
}

/// Sends one message. With `user`, the pieces are the current process's memory.
pub(crate) fn sendv(from: u32, to: Addr, kind: u32, pieces: &[Iov], user: bool) -> Result<(), Errno> {
    let args = SendAddr {
        src: Addr::new(DomId::ANY, from).encode(),
        dst: to.encode(),
    };
    let (addr, iovs) = ((&raw const args).addr() as u64, pieces.as_ptr().addr() as u64);
    let (count, kind) = (pieces.len() as u64, u64::from(kind));
    // SAFETY: the structures are ours and live. Pieces of kernel memory are described by slices that their callers hold;
    // pieces of user memory were checked to be user addresses when the iov_iter was made, and Xen checks each access.
    outcome(unsafe {
        if user {
            raw::v4v_c_argo_user(OP_SENDV, addr, iovs, count, kind)
        } else {
            raw::v4v_c_argo(OP_SENDV, addr, iovs, count, kind)
        }
    })
    .map(drop)
}

/// Tells senders that wait for space in own rings to look again.
pub(crate) fn notify() {
    // It cannot fail for a domain that has a ring.
    let _ = call(OP_NOTIFY, NOTHING, NOTHING, 0, 0);
}

/// The argument of a notify: questions, at most [`NOTIFY_MAX`].
#[repr(C)]
pub(crate) struct Questions<const N: usize> {
    count: u32,
    pad: u32,
    pub(crate) entry: [Question; N],
}

impl<const N: usize> Questions<N> {
    /// No questions yet.
    pub(crate) fn new(entry: [Question; N]) -> Self {
        Self {
            count: 0,
            pad: 0,
            entry,
        }
    }

    /// Asks the first `count` questions; the answers are in their flags afterwards.
    pub(crate) fn ask(&mut self, count: usize) -> Result<(), Errno> {
        self.count = count.min(N).min(NOTIFY_MAX) as u32;
        // Xen writes the answers: the pointer has to allow that.
        call(OP_NOTIFY, (&raw mut *self).cast_const(), NOTHING, 0, 0).map(drop)
    }
}

/// Whether `ring` has room for a message of `space` bytes. Where it has not, Xen has noted that this domain waits for some.
///
/// # Errors
/// [`Errno::BUSY`] where it could not note that, [`Errno::NOENT`] without such a ring, [`Errno::MSGSIZE`] where there never is
/// so much room.
pub(crate) fn has_room(ring: Addr, space: u32) -> Result<bool, Errno> {
    let mut questions = Questions::new([Question::new(ring, space)]);
    questions.ask(1)?;
    // SAFETY: a pointer to a live local's aligned field; Xen wrote it behind the compiler's back.
    let flags = unsafe { (&raw const questions.entry[0].flags).read_volatile() };
    if flags & answer::EXISTS == 0 {
        Err(Errno::NOENT)
    } else if flags & answer::TOO_LONG != 0 {
        Err(Errno::MSGSIZE)
    } else if flags & answer::BUSY != 0 {
        Err(Errno::BUSY)
    } else {
        Ok(flags & answer::SUFFICIENT != 0)
    }
}

/// What this Xen can do beyond upstream; [`Errno::OPNOTSUPP`] on an upstream one.
pub(crate) fn caps() -> Result<Caps, Errno> {
    let mut caps = Caps::default();
    let to = &raw mut caps;
    call(OP_CAPS, to.cast_const(), NOTHING, 0, 0)?;
    // SAFETY: a pointer to a live local, any bits of which are a Caps; Xen wrote it behind the compiler's back.
    Ok(unsafe { to.read_volatile() })
}

/// Our operation 17 on an own ring.
pub(crate) fn ring_setup(ring: RingId, flags: u32, ready_slot: u32, watch_port: u32) -> Result<(), Errno> {
    let args = Setup {
        port: ring.port,
        partner: ring.partner.0,
        pad: 0,
        flags,
        ready_slot,
        watch_port,
    };
    call(OP_RING_SETUP, &raw const args, NOTHING, 0, 0).map(drop)
}

/// Gives Xen the ready page, or takes it back.
pub(crate) fn ready_setup(gfn: Option<u64>) -> Result<(), Errno> {
    match gfn {
        Some(gfn) => call(OP_READY_SETUP, &raw const gfn, NOTHING, 0, 0),
        None => call(OP_READY_SETUP, NOTHING, NOTHING, 0, 0),
    }
    .map(drop)
}
