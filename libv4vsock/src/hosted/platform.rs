//! The hypervisor as the socket core sees it: the daemon, behind [`Control`].

use crate::error::errno as number;
use crate::hosted::control::{Answer, Control, lock};
use crate::hosted::fork::Generation;
use crate::hosted::keeper::Chore;
use crate::hosted::ring::{HostedRing, missing};
use crate::hosted::tx::HostedTx;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, Weak};
use v4v_hosted::doorbell::Button;
use v4v_hosted::shm::ShmRing;
use v4v_hosted::wire::{BLOB_BASE, op};
use v4v_ring::layout::pages;
use v4v_ring::{Addr, DomId};
use v4v_sock::{Errno, Platform, RingId};

/// Argo's commands (`xen/include/public/argo.h`) and ours.
mod cmd {
    pub(super) const REGISTER: u32 = 1;
    pub(super) const UNREGISTER: u32 = 2;
    pub(super) const SENDV: u32 = 3;
    pub(super) const RING_SETUP: u32 = 17;
}

/// `XEN_ARGO_REGISTER_FLAG_FAIL_EXIST`.
const FAIL_EXIST: u64 = 1;
/// `SET_WATCH` of our operation 17 (docs/PROTOCOL.md).
const SET_WATCH: u32 = 2;
/// `USE_FLAGS` of it: whoever signals uses the wishes up, so that a word changes before those who sleep on it are woken.
/// Without it a wake-up between the look at the ring and the sleep would be lost.
const USE_FLAGS: u32 = 4;

/// A domain of the daemon.
#[derive(Clone, Debug)]
pub(crate) struct Hosted {
    control: Arc<Control>,
    generation: Generation,
    /// The last refusal with the daemon's sentence, which the core's errno cannot carry.
    refusal: Arc<Mutex<Option<io::Error>>>,
}

impl Hosted {
    /// For one socket.
    pub(crate) fn new(control: Arc<Control>) -> Self {
        Self {
            generation: control.generation(),
            control,
            refusal: Arc::default(),
        }
    }

    /// The error for an errno of the core: with the daemon's sentence where the daemon refused.
    pub(crate) fn explain(&self, errno: Errno) -> io::Error {
        match lock(&self.refusal).take() {
            Some(error) if number(&error) == Some(errno.0) => error,
            _ => io::Error::from_raw_os_error(errno.0),
        }
    }

    /// An error where this socket is a parent's of this process.
    #[inline]
    pub(crate) fn check_owner(&self) -> io::Result<()> {
        self.generation.check()
    }

    /// Which process's sockets these are.
    pub(crate) fn generation(&self) -> Generation {
        self.generation
    }

    /// Whether this socket is a parent's of this process.
    pub(crate) fn is_inherited(&self) -> bool {
        self.control.is_inherited()
    }

    /// An error where the daemon is gone.
    pub(crate) fn check_daemon(&self) -> io::Result<()> {
        self.control.rings().check()
    }

    /// Has `chore` done in a while, see [`Keeper::later`](crate::hosted::keeper::Keeper::later).
    pub(crate) fn later(&self, chore: Weak<dyn Chore>) {
        self.control.keeper().later(chore);
    }

    fn refused(&self, error: io::Error) -> Errno {
        let errno = Errno(number(&error).unwrap_or(libc::EIO));
        *lock(&self.refusal) = Some(error);
        errno
    }

    fn try_register(&self, ring: RingId, len: u32) -> io::Result<HostedRing> {
        let mut blob = [0; 12];
        blob[..4].copy_from_slice(&ring.port.to_le_bytes());
        blob[4..6].copy_from_slice(&ring.partner.0.to_le_bytes());
        blob[8..].copy_from_slice(&len.to_le_bytes());
        // The frames' handle is unused: the daemon makes the memory.
        let args = [BLOB_BASE, 0, pages(len).into(), FAIL_EXIST];
        let answer = self.control.call(cmd::REGISTER, args, &blob)?;
        let mem = descriptors(answer).and_then(|fds| HostedRing::from_fds(fds, len));
        if mem.is_err() {
            // The daemon has it, and counts it.
            self.forget(ring);
        }
        mem
    }

    /// Has the words of the ring's header count; and the ring watch the partner's ring at `watch`, if any.
    fn try_setup(&self, ring: RingId, watch: Option<u32>) -> io::Result<()> {
        let flags = USE_FLAGS | if watch.is_some() { SET_WATCH } else { 0 };
        let mut blob = [0; 20];
        blob[..4].copy_from_slice(&ring.port.to_le_bytes());
        blob[4..6].copy_from_slice(&ring.partner.0.to_le_bytes());
        blob[8..12].copy_from_slice(&flags.to_le_bytes());
        blob[16..].copy_from_slice(&watch.unwrap_or(0).to_le_bytes());
        self.control
            .call(cmd::RING_SETUP, [BLOB_BASE, 0, 0, 0], &blob)
            .map(drop)
    }

    fn try_unregister(&self, ring: RingId) -> io::Result<()> {
        let mut blob = [0; 8];
        blob[..4].copy_from_slice(&ring.port.to_le_bytes());
        blob[4..6].copy_from_slice(&ring.partner.0.to_le_bytes());
        self.control
            .call(cmd::UNREGISTER, [BLOB_BASE, 0, 0, 0], &blob)
            .map(drop)
    }

    fn try_open(&self, own: RingId, remote: Addr, len: u32) -> io::Result<HostedTx> {
        let args = [remote.domain.0.into(), remote.port.into(), own.port.into(), 0];
        let answer = self.control.call(op::ATTACH, args, &[])?;
        if answer.result != u64::from(len) {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let [memory, button] = descriptors(answer)?;
        let mem = ShmRing::map(&memory, len)?;
        let button = Arc::new(Button::from(button));
        self.control.rings().join(own, &mem, Arc::clone(&button));
        let source = Addr::new(self.control.domain(), own.port);
        Ok(HostedTx::new(mem, button, source))
    }

    /// Unregisters a ring at the daemon.
    fn forget(&self, ring: RingId) {
        // It can only fail where the daemon is gone, and the ring with it.
        if let Err(error) = self.try_unregister(ring) {
            log::debug!("cannot unregister ring {ring:?}: {error}");
        }
    }

    /// `sendv` with its two structures and one iov per part in front of the payload.
    fn try_send(&self, from: u32, to: Addr, kind: u32, payload: &[&[u8]]) -> io::Result<()> {
        const IOV: usize = 16;
        let head = 16 + IOV * payload.len();
        let mut blob = Vec::with_capacity(head);
        blob.extend(Addr::new(self.control.domain(), from).encode());
        blob.extend(to.encode());
        let mut at = BLOB_BASE + head as u64;
        for part in payload {
            let len = u32::try_from(part.len()).map_err(|_| io::Error::from_raw_os_error(libc::EMSGSIZE))?;
            blob.extend(at.to_le_bytes());
            blob.extend(len.to_le_bytes());
            blob.extend([0; 4]);
            at += u64::from(len);
        }
        let mut parts: Vec<&[u8]> = Vec::with_capacity(payload.len() + 1);
        parts.push(&blob);
        parts.extend(payload);
        let args = [BLOB_BASE, BLOB_BASE + 16, payload.len() as u64, kind.into()];
        self.control.call_parts(cmd::SENDV, args, &parts).map(drop)
    }
}

impl Platform for Hosted {
    type Mem = HostedRing;
    type Tx = HostedTx;

    fn domain(&self) -> DomId {
        self.control.domain()
    }

    fn privileged(&self) -> bool {
        // The daemon's policy decides, at registration; nothing in this process could.
        true
    }

    fn register(&self, ring: RingId, len: u32, watch: Option<u32>) -> Result<HostedRing, Errno> {
        let mem = self
            .try_register(ring, len)
            .map_err(|error| match number(&error) {
                Some(libc::EEXIST) => Errno::ADDRINUSE,
                _ => self.refused(error),
            })?;
        if let Err(error) = self.try_setup(ring, watch) {
            self.forget(ring);
            return Err(self.refused(error));
        }
        self.control.rings().insert(ring, &mem);
        Ok(mem)
    }

    fn unregister(&self, ring: RingId) {
        // A child's copy goes, the parent's ring stays.
        if self.is_inherited() {
            return;
        }
        self.control.rings().remove(ring);
        self.forget(ring);
    }

    fn watch(&self, ring: RingId, port: u32) -> Result<(), Errno> {
        self.try_setup(ring, Some(port)).map_err(|e| self.refused(e))
    }

    fn open(&self, own: RingId, remote: Addr, len: u32) -> Result<HostedTx, Errno> {
        self.try_open(own, remote, len).map_err(|e| self.refused(e))
    }

    fn send_message(&self, from: u32, to: Addr, kind: u32, payload: &[&[u8]]) -> Result<(), Errno> {
        match self.try_send(from, to, kind, payload) {
            // The ring is full and so is its list of senders that wait. Nobody waits for a place there: a process has no
            // interrupt line, so all of them try again every now and then.
            Err(error) if number(&error) == Some(libc::EBUSY) => Err(Errno::AGAIN),
            outcome => outcome.map_err(|e| self.refused(e)),
        }
    }

    fn random(&self) -> u64 {
        // The standard library keys its hashers from the system's random numbers, anew for each of these.
        let mut bytes = [0; 8];
        match getrandom(&mut bytes) {
            Ok(()) => u64::from_le_bytes(bytes),
            Err(error) => {
                log::warn!("no random numbers from the system ({error}); using the hasher's seed");
                RandomState::new().build_hasher().finish()
            }
        }
    }
}

/// An answer's descriptors, of which it must have `N`.
pub(crate) fn descriptors<const N: usize>(answer: Answer) -> io::Result<[OwnedFd; N]> {
    let lost = answer.fds_lost;
    <[OwnedFd; N]>::try_from(answer.fds).map_err(|_| if lost { no_descriptors() } else { missing() })
}

fn no_descriptors() -> io::Error {
    crate::error::with_reason(
        libc::EMFILE,
        "this process has no descriptors left for another V4V socket: close some, or raise its limit (ulimit -n)",
    )
}

fn getrandom(bytes: &mut [u8]) -> io::Result<()> {
    // SAFETY: the buffer is ours and as long as we say.
    let n = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    if usize::try_from(n) == Ok(bytes.len()) {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
