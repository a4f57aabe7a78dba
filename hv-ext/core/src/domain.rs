//! Domains with Argo state, and how they come to life.

use alloc::vec::Vec;

use v4v_ring::DomId;

use crate::Hypervisor;
use crate::errno::Errno;
use crate::host::{Host, Lock};
use crate::resume::Stopped;
use crate::ring::Ring;
use crate::table::Rings;

/// A domain's Argo state.
pub(crate) struct Domain<H: Host> {
    pub(crate) id: DomId,
    /// Tells it from a later domain with its id.
    pub(crate) serial: u64,
    pub(crate) rings: H::Lock<Rings<H>>,
    /// Own rings with pending senders: what notify walks. A ring leaves it only by `swap_remove`, so a walk from the
    /// end misses none.
    pub(crate) waiting: H::Lock<Vec<H::Shared<Ring<H>>>>,
    pub(crate) ready: H::Lock<Option<H::Page>>,
    /// Long messages of its own that stopped on their way: at most one for each of its virtual CPUs.
    pub(crate) stopped: H::Lock<Vec<Stopped>>,
}

impl<H: Host> Hypervisor<H> {
    /// Gives a new domain its state. Where Argo is off, or policy keeps the domain from it, the domain gets none and
    /// that is no error; others' sends to it then fail with [`Errno::CONNREFUSED`].
    ///
    /// # Errors
    /// [`Errno::INVAL`] (a reserved id), [`Errno::EXIST`], [`Errno::NOMEM`]; nothing has changed.
    pub fn domain_create(&self, id: DomId) -> Result<(), Errno> {
        if id.0 >= DomId::FIRST_RESERVED {
            return Err(Errno::INVAL);
        }
        if !self.params.enabled || self.host.may_enable(id).is_err() {
            return Ok(());
        }
        let domain = self.host.share(Domain {
            id,
            serial: self.next_serial(),
            rings: H::Lock::new(Rings::new()),
            waiting: H::Lock::new(Vec::new()),
            ready: H::Lock::new(None),
            stopped: H::Lock::new(Vec::new()),
        })?;
        self.domains.with(|all| {
            let Err(at) = all.binary_search_by_key(&id, |d| d.id) else {
                return Err(Errno::EXIST);
            };
            self.host.reserve(all, 1)?;
            all.insert(at, domain);
            Ok(())
        })
    }

    /// The state of one domain.
    pub(crate) fn domain(&self, id: DomId) -> Option<H::Shared<Domain<H>>> {
        self.domains.read(|all| lookup::<H>(all, id).cloned())
    }

    /// The states of two domains, in one look.
    #[expect(clippy::type_complexity, reason = "a pair of counted references")]
    pub(crate) fn domains(
        &self,
        a: DomId,
        b: DomId,
    ) -> (Option<H::Shared<Domain<H>>>, Option<H::Shared<Domain<H>>>) {
        self.domains
            .read(|all| (lookup::<H>(all, a).cloned(), lookup::<H>(all, b).cloned()))
    }

    /// Whether this very domain still lives.
    pub(crate) fn is_alive(&self, id: DomId, serial: u64) -> bool {
        self.domains
            .read(|all| lookup::<H>(all, id).is_some_and(|d| d.serial == serial))
    }

    /// Takes a domain out of the table.
    pub(crate) fn take_domain(&self, id: DomId) -> Option<H::Shared<Domain<H>>> {
        self.domains.with(|all| {
            all.binary_search_by_key(&id, |d| d.id)
                .ok()
                .map(|at| all.remove(at))
        })
    }

    /// Calls `f` for every domain, with no lock held; one that is born meanwhile may be missed.
    pub(crate) fn each_domain(&self, mut f: impl FnMut(&H::Shared<Domain<H>>)) {
        let mut from = DomId(0);
        while let Some(domain) = self.domains.read(|all| {
            let at = all.partition_point(|d| d.id < from);
            all.get(at).cloned()
        }) {
            f(&domain);
            from = DomId(domain.id.0.saturating_add(1));
        }
    }
}

fn lookup<H: Host>(all: &[H::Shared<Domain<H>>], id: DomId) -> Option<&H::Shared<Domain<H>>> {
    all.get(all.binary_search_by_key(&id, |d| d.id).ok()?)
}
