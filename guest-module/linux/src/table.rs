//! Which rings there are, for the interrupt: by slot, and those whose sockets wait for space.
//!
//! Slots are given out and taken back under a mutex; what the interrupt looks at changes under the spin lock, so once
//! [`remove`] or [`assign`] has returned it does not touch the ring, or its former socket, any more.

use crate::glue::{Sk, wake};
use crate::ring::{KernelRing, RingCore};
use crate::sync::{Class, Global, Mutex, TableLock};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use v4v_ring::layout::state;
use v4v_sock::{Errno, RingId};

/// The rings.
struct Table {
    /// Pointers to the rings; null where a slot is free. A ring takes itself out before it goes.
    slots: Vec<AtomicPtr<RingCore>>,
    names: Mutex<Names>,
    /// One more than the greatest slot that was ever taken.
    high: AtomicU32,
    /// Rings whose sockets wait for space.
    blocked: AtomicU32,
    /// Counts events, each of which may say that space came free somewhere.
    events: AtomicU32,
}

/// The same rings, for those who may sleep and keep one.
struct Names {
    slots: Vec<Option<(RingId, Weak<RingCore>)>>,
    /// Where to look for a free slot first.
    next: usize,
}

static TABLE: Global<Table> = Global::new();

/// Makes a table for so many rings.
///
/// # Errors
/// [`Errno::NOMEM`].
///
/// # Safety
/// As [`Global::set`].
pub(crate) unsafe fn init(rings: u32) -> Result<(), Errno> {
    let (mut slots, mut names) = (Vec::new(), Vec::new());
    slots.try_reserve_exact(rings as usize)?;
    slots.resize_with(rings as usize, AtomicPtr::default);
    names.try_reserve_exact(rings as usize)?;
    names.resize_with(rings as usize, || None);
    let names = Mutex::new(
        Class::Table,
        Names {
            slots: names,
            next: 0,
        },
    )?;
    let (high, blocked, events) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    // SAFETY: the caller's.
    unsafe {
        TABLE.set(Some(Table {
            slots,
            names,
            high,
            blocked,
            events,
        }))
    };
    Ok(())
}

/// # Safety
/// As [`Global::set`], and no ring is left.
pub(crate) unsafe fn exit() {
    // SAFETY: the caller's.
    unsafe { TABLE.set(None) };
}

/// Gives a ring a slot; from now on events reach it.
///
/// # Errors
/// [`Errno::NOSPC`].
pub(crate) fn insert(ring: &KernelRing) -> Result<u32, Errno> {
    let table = TABLE.get().ok_or(Errno::NODEV)?;
    let mut names = table.names.lock();
    let (from, count) = (names.next, names.slots.len());
    let free = (0..count)
        .map(|i| (from + i) % count)
        .find(|at| matches!(names.slots.get(*at), Some(None)));
    let at = free.ok_or(Errno::NOSPC)?;
    names.next = at + 1;
    if let Some(place) = names.slots.get_mut(at) {
        *place = Some((ring.0.id, Arc::downgrade(&ring.0)));
    }
    // At most READY_SLOTS of them.
    let slot = at as u32;
    ring.0.slot.store(slot, Ordering::Release);
    let _lock = TableLock::take();
    if let Some(place) = table.slots.get(at) {
        place.store(Arc::as_ptr(&ring.0).cast_mut(), Ordering::Release);
    }
    table.high.fetch_max(slot + 1, Ordering::AcqRel);
    Ok(slot)
}

/// Takes a ring out, where it is in.
pub(crate) fn remove(ring: &RingCore) {
    let Some(table) = TABLE.get() else { return };
    let slot = ring.slot.load(Ordering::Acquire) as usize;
    let Some(place) = table.slots.get(slot) else {
        return;
    };
    let mut names = table.names.lock();
    {
        let _lock = TableLock::take();
        place.store(core::ptr::null_mut(), Ordering::Release);
        table.unblock(ring);
    }
    if let Some(name) = names.slots.get_mut(slot) {
        *name = None;
    }
}

/// The own ring of this name.
pub(crate) fn find(id: RingId) -> Option<KernelRing> {
    let names = TABLE.get()?.names.lock();
    let mut all = names.slots.iter().flatten();
    all.find(|(name, _)| *name == id)
        .and_then(|(_, ring)| ring.upgrade())
        .map(KernelRing)
}

/// The next ring from `slot` on, with its slot.
pub(crate) fn next(slot: u32) -> Option<(u32, KernelRing)> {
    let names = TABLE.get()?.names.lock();
    let all = names.slots.iter().enumerate().skip(slot as usize);
    all.filter_map(|(at, name)| Some((at, name.as_ref()?)))
        .find_map(|(at, (_, ring))| Some((u32::try_from(at).ok()?, KernelRing(ring.upgrade()?))))
}

impl Table {
    fn ring(&self, slot: u32) -> Option<&RingCore> {
        let ring = self.slots.get(slot as usize)?.load(Ordering::Acquire);
        // SAFETY: what is in the table is alive while the table's lock is held, which all callers do.
        unsafe { ring.as_ref() }
    }

    fn rings(&self) -> impl Iterator<Item = &RingCore> {
        (0..self.high.load(Ordering::Acquire)).filter_map(|slot| self.ring(slot))
    }

    /// Nothing of this ring's socket waits any more; whether something did.
    fn unblock(&self, ring: &RingCore) -> bool {
        let was = ring.blocked.swap(false, Ordering::AcqRel);
        if was {
            self.blocked.fetch_sub(1, Ordering::AcqRel);
        }
        was
    }

    /// Space came free, perhaps: all that wait for it try again.
    fn wake_blocked(&self) {
        self.events.fetch_add(1, Ordering::AcqRel);
        if self.blocked.load(Ordering::Acquire) == 0 {
            return;
        }
        for ring in self.rings() {
            if self.unblock(ring) {
                let work = if ring.fin_waits.load(Ordering::Acquire) {
                    wake::WORK
                } else {
                    0
                };
                tell(ring, wake::WRITE | work);
            }
        }
    }

    /// Something came into a ring, or its peer went.
    fn wake_ring(&self, ring: &RingCore) {
        let mut what = wake::READ;
        if ring.state() & state::PEER_GONE != 0 {
            self.unblock(ring);
            // The work notes the reset, for SO_ERROR.
            what |= wake::WRITE | wake::WORK;
        }
        if ring.serves.load(Ordering::Acquire) {
            what |= wake::WORK;
        }
        tell(ring, what);
    }
}

fn tell(ring: &RingCore, what: u32) {
    let sk = Sk(ring.sk.load(Ordering::Acquire));
    if sk != Sk::NONE {
        sk.wake(what);
    }
}

/// The events of one interrupt: `ready` names slots, or is `None` where Xen does not.
pub(crate) fn events(ready: Option<&mut dyn Iterator<Item = u32>>) {
    let Some(table) = TABLE.get() else { return };
    let _lock = TableLock::take();
    table.wake_blocked();
    match ready {
        Some(slots) => slots
            .filter_map(|slot| table.ring(slot))
            .for_each(|ring| table.wake_ring(ring)),
        None => {
            for ring in table.rings() {
                let tx = ring.tx();
                if ring.seen.swap(tx, Ordering::AcqRel) != tx {
                    table.wake_ring(ring);
                }
            }
        }
    }
}

/// Wakes a ring's socket for something that came without an interrupt.
pub(crate) fn wake(ring: &KernelRing) {
    let Some(table) = TABLE.get() else { return };
    let _lock = TableLock::take();
    table.wake_ring(&ring.0);
}

/// Wakes all that wait for space.
pub(crate) fn retry_blocked() {
    let Some(table) = TABLE.get() else { return };
    let _lock = TableLock::take();
    table.wake_blocked();
}

/// Events of this ring wake `sk` from now on.
pub(crate) fn assign(ring: &KernelRing, sk: Sk) {
    let _lock = TableLock::take();
    ring.0.sk.store(sk.0, Ordering::Release);
}

/// The number of events so far: read before a send, it tells [`block`] whether space may have come free since.
pub(crate) fn event_count() -> u32 {
    TABLE
        .get()
        .map_or(0, |table| table.events.load(Ordering::Acquire))
}

/// Notes that a send of this ring's socket waits; whether it does. Where an event came since `events`, it is to try again.
pub(crate) fn block(ring: &KernelRing, events: u32) -> bool {
    let Some(table) = TABLE.get() else { return false };
    let _lock = TableLock::take();
    if table.events.load(Ordering::Acquire) != events {
        return false;
    }
    if !ring.0.blocked.swap(true, Ordering::AcqRel) {
        table.blocked.fetch_add(1, Ordering::AcqRel);
    }
    true
}
