//! What the home of this crate provides: Xen's glue, the daemon `v4vd`, or a test.
//!
//! This crate calls no hook while it holds a lock, except where a hook says otherwise; so hooks may take locks of
//! their own, but must not call back into [`Hypervisor`](crate::Hypervisor) operations from those that say so.

use alloc::vec::Vec;
use core::ops::Deref;

use v4v_ring::{Addr, DomId, RingMem, Signal};

use crate::abi::Iov;
use crate::errno::Errno;
use crate::limits::BOUNCE;

/// A ring's name: who owns it, under which port, and who may fill it ([`DomId::ANY`]: everybody).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RingId {
    /// The domain that registered it and reads it.
    pub owner: DomId,
    /// The port that senders name.
    pub port: u32,
    /// The one domain that may send, or [`DomId::ANY`].
    pub partner: DomId,
}

/// A value that one CPU at a time changes.
///
/// This crate holds at most one such lock at a time, for a bounded while (see [`limits`](crate::limits)), so a spin
/// lock will do and no lock order is needed.
pub trait Lock<T> {
    /// An unlocked value.
    fn new(value: T) -> Self;

    /// Runs `f` alone.
    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R;

    /// Runs `f` with nobody in [`with`](Self::with). A host whose lock admits several readers overrides this: the
    /// look-ups of every send go through it.
    fn read<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        self.with(|value| f(value))
    }
}

/// A page that a guest gave for its ready bits.
pub trait BitPage {
    /// Sets bits of the 64-bit word at `index` (0..512), atomically and with release order.
    fn set(&self, index: usize, bits: u64);
}

/// The machine around this crate.
pub trait Host: Sized {
    /// A counted reference, as `Arc`.
    type Shared<T>: Clone + Deref<Target = T>;
    /// A lock.
    type Lock<T>: Lock<T>;
    /// A mapped ring; clones are further handles of the same mapping, which goes with the last one.
    type Mem: RingMem + Clone;
    /// A mapped ready page; dropping it unmaps.
    type Page: BitPage;

    // ---- memory of our own ----

    /// Moves a value into counted memory.
    ///
    /// # Errors
    /// [`Errno::NOMEM`]; the value is dropped.
    fn share<T>(&self, value: T) -> Result<Self::Shared<T>, Errno>;

    /// Makes room for `more` further elements. May be called with a lock held.
    ///
    /// # Errors
    /// [`Errno::NOMEM`]; the list is unchanged.
    fn reserve<T>(&self, list: &mut Vec<T>, more: usize) -> Result<(), Errno> {
        list.try_reserve(more).map_err(|_| Errno::NOMEM)
    }

    // ---- the caller's memory ----

    /// Whether `bytes` at `handle` lie where the caller may have memory. Only PV guests are checked beforehand;
    /// for others (PVH, HVM, hosted) this is true and the copy itself fails.
    fn range_ok(&self, caller: DomId, handle: u64, bytes: u64) -> bool {
        let _ = (caller, handle, bytes);
        true
    }

    /// Fills `to` from the caller's memory.
    ///
    /// # Errors
    /// [`Errno::FAULT`]; `to` holds anything.
    fn copy_from_caller(&self, caller: DomId, handle: u64, to: &mut [u8]) -> Result<(), Errno>;

    /// Copies the descriptions of a caller's buffers. A host with 32-bit callers, whose descriptions are shorter,
    /// overrides this and widens them.
    ///
    /// # Errors
    /// [`Errno::FAULT`]; `to` holds anything.
    fn copy_iovs(&self, caller: DomId, handle: u64, to: &mut [[u8; Iov::SIZE]]) -> Result<(), Errno> {
        self.copy_from_caller(caller, handle, to.as_flattened_mut())
    }

    /// Writes `from` to the caller's memory.
    ///
    /// # Errors
    /// [`Errno::FAULT`]; a part may have been written.
    fn copy_to_caller(&self, caller: DomId, handle: u64, from: &[u8]) -> Result<(), Errno>;

    /// Copies `len` bytes of the caller's memory to a ring's data at `offset`, a range inside the ring. Called with
    /// the ring's lock held, for at most [`COPY_CHUNK`](crate::limits::COPY_CHUNK) bytes.
    ///
    /// A host that can reach both memories at once overrides this to save the second copy.
    ///
    /// # Errors
    /// [`Errno::FAULT`]; a part may have been written.
    fn copy_to_ring(
        &self,
        caller: DomId,
        handle: u64,
        mem: &Self::Mem,
        offset: u32,
        len: u32,
    ) -> Result<(), Errno> {
        let mut bounce = [0; BOUNCE];
        let mut done = 0;
        while done < len {
            let n = (len - done).min(BOUNCE as u32);
            let (part, _) = bounce.split_at_mut(n as usize);
            let from = handle.checked_add(u64::from(done)).ok_or(Errno::FAULT)?;
            self.copy_from_caller(caller, from, part)?;
            mem.write(offset + done, part);
            done += n;
        }
        Ok(())
    }

    /// Takes and maps the pages of a ring. `gfns` is a handle to `pages` frame numbers (u64 each); the mapping has
    /// `len` data bytes after its header. Hosted, where guests have no frames, the handle is ignored and the ring
    /// is fresh zeroed memory.
    ///
    /// # Errors
    /// As upstream's: [`Errno::NOMEM`], [`Errno::FAULT`] (handle), [`Errno::AGAIN`] (paged, shared or log-dirty),
    /// [`Errno::PERM`] (MMIO), [`Errno::INVAL`]. Every page taken was given back.
    fn map_ring(&self, ring: RingId, gfns: u64, pages: u32, len: u32) -> Result<Self::Mem, Errno>;

    /// Takes and maps a guest's ready page.
    ///
    /// # Errors
    /// As [`map_ring`](Self::map_ring).
    fn map_page(&self, caller: DomId, gfn: u64) -> Result<Self::Page, Errno>;

    // ---- the CPU ----

    /// Whether the CPU is wanted for something else, so that a long operation should stop and be called again. Never, unless the host
    /// says so: then [`Hypervisor::hypercall`](crate::Hypervisor::hypercall) may return [`Errno::RESTART`], and it has to call again.
    fn wants_cpu(&self) -> bool {
        false
    }

    /// The caller's virtual CPU. A domain has few of them: there is memory of ours for each.
    fn vcpu(&self) -> u32 {
        0
    }

    // ---- domains and policy ----

    /// Whether there is such a domain, with or without Argo state. False for every reserved id.
    fn domain_exists(&self, domain: DomId) -> bool;

    /// May this domain use Argo at all (`xsm_argo_enable`)?
    ///
    /// # Errors
    /// The policy's, [`Errno::ACCES`] under FLASK.
    fn may_enable(&self, domain: DomId) -> Result<(), Errno> {
        let _ = domain;
        Ok(())
    }

    /// May this ring, for one partner, be registered with `len` data bytes (`xsm_argo_register_single_source`)?
    /// Also asked when a ring is registered again.
    ///
    /// # Errors
    /// The policy's.
    fn may_register_single(&self, ring: RingId, len: u32) -> Result<(), Errno> {
        let _ = (ring, len);
        Ok(())
    }

    /// May this wildcard ring be registered (`xsm_argo_register_any_source`)? Asked only where `mac-permissive`
    /// allows wildcard rings at all.
    ///
    /// # Errors
    /// The policy's.
    fn may_register_any(&self, ring: RingId, len: u32) -> Result<(), Errno> {
        let _ = (ring, len);
        Ok(())
    }

    /// May `from` send to, ask about, or be handed the ring at `to` (`xsm_argo_send`)?
    ///
    /// # Errors
    /// The policy's.
    fn may_send(&self, from: DomId, to: Addr) -> Result<(), Errno> {
        let _ = (from, to);
        Ok(())
    }

    // ---- events, raised after all locks are dropped ----

    /// Raises the domain's event (`VIRQ_ARGO`). The domain may have died meanwhile.
    fn signal(&self, domain: DomId);

    /// A message was put into this ring, and its owner wants to know; [`signal`](Self::signal) follows. `None`: the
    /// ring does not use the header's words, so wake whoever there is.
    fn signal_data(&self, ring: RingId, wish: Option<Signal>) {
        let _ = (ring, wish);
    }

    /// A sender that found this ring full may try again (there is space, or the ring is gone); `signal(sender)` follows.
    fn signal_space(&self, ring: RingId, sender: DomId) {
        let _ = (ring, sender);
    }

    /// Bits ([`v4v_ring::layout::state`]) were set in this ring's State word and the wishes in its header were used
    /// up; a hosted home wakes both words and closes the ring's doorbell. `signal(owner)` follows where the owner is
    /// the one to be told.
    fn state_changed(&self, ring: RingId, bits: u32) {
        let _ = (ring, bits);
    }

    /// A ring of `len` data bytes now exists that did not before.
    fn ring_added(&self, ring: RingId, len: u32) {
        let _ = (ring, len);
    }

    /// A ring of `len` data bytes is no more, and its mapping was dropped. Where several threads run, another
    /// registration under the same name may already have been reported.
    fn ring_gone(&self, ring: RingId, len: u32) {
        let _ = (ring, len);
    }
}
