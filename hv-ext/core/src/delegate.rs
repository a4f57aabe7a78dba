//! Handing a single-partner ring to its partner, who then fills it with no hypervisor in between (hosted).

use v4v_ring::Addr;

use crate::Hypervisor;
use crate::errno::Errno;
use crate::host::{Host, Lock, RingId};
use crate::ring::Ring;
use crate::table::Key;

impl<H: Host> Hypervisor<H> {
    /// The mapping of a ring, for the partner it was registered for. From now on the hypervisor itself puts nothing
    /// into it: sendv to it is [`Errno::BUSY`], and senders that waited are told to look again. May be asked for more
    /// than once.
    ///
    /// # Errors
    /// [`Errno::INVAL`] (a wildcard ring), [`Errno::SRCH`] (no such owner), the policy's, [`Errno::NODEV`] (the
    /// partner has no state), [`Errno::CONNREFUSED`] (no such ring).
    pub fn delegate(&self, id: RingId) -> Result<H::Mem, Errno> {
        if id.partner.is_any() {
            return Err(Errno::INVAL);
        }
        let (owner, partner) = self.domains(id.owner, id.partner);
        if owner.is_none() && !self.host.domain_exists(id.owner) {
            return Err(Errno::SRCH);
        }
        self.host.may_send(id.partner, Addr::new(id.owner, id.port))?;
        let partner = partner.ok_or(Errno::NODEV)?;
        let owner = owner.ok_or(Errno::CONNREFUSED)?;
        let found = owner
            .route(&partner, id.port)
            .filter(|ring| ring.id.partner == id.partner);
        let ring = found.ok_or(Errno::CONNREFUSED)?;
        let (mem, pending) = ring.state.with(|state| state.delegate())?;
        pending.iter().for_each(|p| self.wake_sender(id, *p));
        Ok(mem)
    }

    /// The mapping of a ring, for its owner.
    ///
    /// # Errors
    /// [`Errno::NODEV`] (the owner has no state), [`Errno::NOENT`].
    pub fn ring_mem(&self, id: RingId) -> Result<H::Mem, Errno> {
        let ring = self.own_ring(id)?;
        ring.state.with(|state| state.mem().cloned()).ok_or(Errno::NOENT)
    }

    fn own_ring(&self, id: RingId) -> Result<H::Shared<Ring<H>>, Errno> {
        let owner = self.domain(id.owner).ok_or(Errno::NODEV)?;
        let key = Key {
            partner: id.partner,
            port: id.port,
        };
        owner
            .rings
            .read(|rings| rings.find(key).map(|e| e.ring.clone()))
            .ok_or(Errno::NOENT)
    }
}
