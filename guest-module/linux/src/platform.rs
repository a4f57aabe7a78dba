//! The hypervisor as the socket core sees it.

use crate::glue::{self, Iov, Sk};
use crate::hv;
use crate::hypercall::{self, IOVS_MAX, setup};
use crate::iter::Buffers;
use crate::mem::warning;
use crate::probe;
use crate::ring::{KernelRing, RingCore};
use crate::stats::{self, Counter};
use crate::table;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use v4v_ring::layout::{event, state};
use v4v_ring::{Addr, DomId, RingMem, Word};
use v4v_sock::limits::send_low_water;
use v4v_sock::{Errno, Platform, RingId, SocketKind, Transmit};

/// How often Xen is asked for room while events come in between.
const ASK_TRIES: usize = 4;

/// The way to Xen for one socket, whose rings wake it.
#[derive(Clone, Debug)]
pub(crate) struct Xen {
    /// Only used while rings are registered, which the socket itself does.
    pub(crate) sk: Sk,
    /// What its connections are.
    pub(crate) kind: SocketKind,
}

impl Xen {
    fn try_register(ring: &KernelRing, watch: Option<u32>) -> Result<(), Errno> {
        let slot = table::insert(ring)?;
        // Nobody sleeps yet, and whoever is about to will say so and look.
        ring.store(Word::Event, event::SUPPRESS);
        hypercall::register(ring.0.id, ring.0.len(), &ring.0.pages().gfns()?)?;
        let taken = Self::set_up(ring, slot, watch);
        if taken.is_err() {
            give_up(ring.0.id, Some(ring));
        }
        taken
    }

    /// Our extension's part in a new ring.
    fn set_up(ring: &KernelRing, slot: u32, watch: Option<u32>) -> Result<(), Errno> {
        let mut flags = if hv::has_ready() { setup::READY } else { 0 };
        if hv::has_flags() {
            flags |= setup::FLAGS;
        }
        if let Some(port) = watch {
            if hv::has_watch() {
                flags |= setup::WATCH;
            } else {
                ring.0.watch(port);
                probe::needed();
            }
        }
        if flags == 0 {
            Ok(())
        } else {
            hypercall::ring_setup(ring.0.id, flags, slot, watch.unwrap_or(0))
        }
    }
}

/// Tells Xen again what it is to do for a wildcard ring that was registered anew.
pub(crate) fn announce(ring: &KernelRing, slot: u32) {
    if let Err(e) = Xen::set_up(ring, slot, None) {
        warning!(
            "ring {:?} has no events after the resume: error {}",
            ring.0.id,
            e.0
        );
    }
}

/// Unregisters a ring. One that Xen keeps keeps its pages.
fn give_up(id: RingId, ring: Option<&KernelRing>) {
    match hypercall::unregister(id) {
        Ok(()) | Err(Errno::NOENT | Errno::NODEV) => {}
        Err(e) => {
            warning!("Xen keeps ring {id:?} (error {}): its pages are lost", e.0);
            if let Some(ring) = ring {
                ring.0.stuck.store(true, Ordering::Relaxed);
            }
        }
    }
}

impl Platform for Xen {
    type Mem = KernelRing;
    type Tx = XenTx;

    fn domain(&self) -> DomId {
        hv::domain()
    }

    fn privileged(&self) -> bool {
        glue::may_bind_low()
    }

    fn register(&self, id: RingId, len: u32, watch: Option<u32>) -> Result<KernelRing, Errno> {
        let core = Arc::try_new(RingCore::new(id, len, self.sk)?).map_err(|_| Errno::NOMEM)?;
        let ring = KernelRing(core);
        match Self::try_register(&ring, watch) {
            Ok(()) => Ok(ring),
            Err(Errno::EXIST) => Err(Errno::ADDRINUSE),
            Err(e) => {
                if e == Errno::NOSPC {
                    warning!(
                        "this domain's rings are used up: close sockets, or boot Xen with a greater argo=max-rings or max-pages"
                    );
                }
                Err(e)
            }
        }
    }

    fn unregister(&self, id: RingId) {
        give_up(id, table::find(id).as_ref());
    }

    fn watch(&self, id: RingId, port: u32) -> Result<(), Errno> {
        let ring = table::find(id).ok_or(Errno::NOENT)?;
        if hv::has_watch() {
            // Xen takes back what it said about the ring watched before; what it says from now on stays.
            hypercall::ring_setup(id, setup::WATCH, 0, port)
        } else {
            ring.0.watch(port);
            Ok(())
        }
    }

    fn open(&self, own: RingId, remote: Addr, len: u32) -> Result<XenTx, Errno> {
        let own = table::find(own).ok_or(Errno::NOENT)?;
        Ok(XenTx {
            own,
            remote,
            len,
            low_water: send_low_water(self.kind == SocketKind::Stream, len),
            doubt: false,
            gone: false,
        })
    }

    fn send_message(&self, from: u32, to: Addr, kind: u32, payload: &[&[u8]]) -> Result<(), Errno> {
        let mut pieces = [Iov::default(); IOVS_MAX];
        let pieces = pieces.get_mut(..payload.len()).ok_or(Errno::MSGSIZE)?;
        for (piece, part) in pieces.iter_mut().zip(payload) {
            let len = u32::try_from(part.len()).map_err(|_| Errno::MSGSIZE)?;
            *piece = Iov {
                base: part.as_ptr().addr() as u64,
                len,
                pad: 0,
            };
        }
        waits(hypercall::sendv(from, to, kind, pieces, false))
    }

    fn random(&self) -> u64 {
        glue::random()
    }
}

/// Without room in Xen's list of waiting senders nobody tells this domain when to try again, so the tick does.
pub(crate) fn waits(outcome: Result<(), Errno>) -> Result<(), Errno> {
    match outcome {
        Err(Errno::BUSY | Errno::NOMEM) => {
            probe::retry_soon();
            Err(Errno::AGAIN)
        }
        outcome => outcome,
    }
}

/// The way into one remote ring: a hypercall.
#[derive(Debug)]
pub(crate) struct XenTx {
    /// Whose events tell that space came free.
    own: KernelRing,
    remote: Addr,
    len: u32,
    /// Payload that must fit before the sender counts as able to write.
    low_water: u32,
    /// A send found no room and none has succeeded since: an event does not say what it is for, so Xen is asked.
    doubt: bool,
    gone: bool,
}

impl XenTx {
    /// Sends by `send`, and notes what came of it.
    #[inline]
    fn note(&mut self, len: u32, send: impl FnOnce(u32, Addr) -> Result<(), Errno>) -> Result<(), Errno> {
        let events = table::event_count();
        match waits(send(self.own.0.id.port, self.remote)) {
            Ok(()) => {
                self.doubt = false;
                stats::count(Counter::Sends);
                stats::add(Counter::SentBytes, len.into());
                Ok(())
            }
            Err(Errno::AGAIN) => {
                self.doubt = true;
                stats::count(Counter::Full);
                table::block(&self.own, events);
                Err(Errno::AGAIN)
            }
            Err(e) => {
                self.gone |= e.is_gone();
                Err(e)
            }
        }
    }

    /// Asks Xen whether there is room for what the sender needs; where there is none, an event tells when there is.
    fn ask(&mut self) -> bool {
        for _ in 0..ASK_TRIES {
            let events = table::event_count();
            match hypercall::has_room(self.remote, self.low_water) {
                Ok(false) => {}
                Err(Errno::BUSY) => probe::retry_soon(),
                // A ring that is gone, or shorter than its owner said: the next send says so.
                Ok(true) | Err(_) => {
                    self.doubt = false;
                    return true;
                }
            }
            if table::block(&self.own, events) {
                return false;
            }
        }
        // Events keep coming. A sender that takes this for room and finds none is told to wait.
        true
    }

    /// The remote ring's address, and its length by its owner's claim.
    pub(crate) fn remote(&self) -> (Addr, u32) {
        (self.remote, self.len)
    }
}

impl Transmit for XenTx {
    type Payload<'a> = Buffers<'a>;

    /// Xen knows of no reserve: a FIN that finds no room is sent later.
    #[inline]
    fn send(&mut self, kind: u32, payload: &mut Buffers<'_>, len: u32, _: u32) -> Result<(), Errno> {
        self.note(len, |from, to| payload.send(from, to, kind, len))
    }

    fn send_control(&mut self, kind: u32, payload: &[u8]) -> Result<(), Errno> {
        let len = u32::try_from(payload.len()).map_err(|_| Errno::MSGSIZE)?;
        let piece = [Iov {
            base: payload.as_ptr().addr() as u64,
            len,
            pad: 0,
        }];
        let pieces = if payload.is_empty() { &[][..] } else { &piece[..] };
        self.note(0, |from, to| hypercall::sendv(from, to, kind, pieces, false))
    }

    /// Xen does not say how much room there is. The ring counts as full from a send that found it so until Xen says otherwise,
    /// which it is asked after each event, and as empty else.
    fn room(&mut self, _: u32) -> Option<u32> {
        let full = self.own.0.blocked.load(Ordering::Acquire) || self.doubt && !self.ask();
        (!full).then_some(self.len)
    }

    #[inline]
    fn gone(&self) -> bool {
        self.gone || self.own.0.state() & state::PEER_GONE != 0
    }

    /// Xen has noted the wish when the send failed; the word is not used.
    fn want_space(&mut self, _: u32) -> u32 {
        1
    }
}
