//! register: a domain offers a ring. All or nothing: a call that fails has changed nothing.

use v4v_ring::DomId;
use v4v_ring::layout::{RING_LEN_MAX, RING_LEN_MIN, RING_PAGES_MAX, SLOT, pages, state};

use crate::Hypervisor;
use crate::abi::{FLAG_FAIL_EXIST, GFN_SIZE, Register};
use crate::domain::Domain;
use crate::entry::Args;
use crate::errno::Errno;
use crate::host::{Host, Lock, RingId};
use crate::ring::Ring;
use crate::table::{Entry, Key, Rings};

/// What was asked for, checked.
#[derive(Clone, Copy)]
struct Request {
    id: RingId,
    len: u32,
    fail_exist: bool,
}

impl Request {
    const fn key(&self) -> Key {
        Key {
            partner: self.id.partner,
            port: self.id.port,
        }
    }
}

impl<H: Host> Hypervisor<H> {
    /// Op 1. The checks come in upstream's order.
    pub(crate) fn register(&self, caller: DomId, args: Args) -> Result<u32, Errno> {
        let Args {
            arg1: handle,
            arg2: gfns,
            arg3: npages,
            arg4: flags,
        } = args;
        if npages > RING_PAGES_MAX {
            return Err(Errno::INVAL);
        }
        if !self
            .host
            .range_ok(caller, gfns, u64::from(npages).saturating_mul(GFN_SIZE as u64))
        {
            return Err(Errno::FAULT);
        }
        if flags & !FLAG_FAIL_EXIST != 0 {
            return Err(Errno::INVAL);
        }
        let asked = Register::decode(&self.fetch(caller, handle)?);
        check_size(&asked, npages)?;
        let id = RingId {
            owner: caller,
            port: asked.port,
            partner: asked.partner,
        };
        let request = Request {
            id,
            len: asked.len,
            fail_exist: flags & FLAG_FAIL_EXIST != 0,
        };
        self.may_register(request)?;
        let ring = self
            .host
            .share(Ring::unmapped(id, self.next_serial(), asked.len))?;
        let (own, partner) = self.domains(caller, asked.partner);
        let own = own.ok_or(Errno::NODEV)?;
        if partner.is_none() && !asked.partner.is_any() {
            return Err(Errno::CONNREFUSED);
        }
        own.rings.with(|rings| match self.may_enter(rings, request)? {
            Some(_) => Ok(()),
            None => rings.reserve(&self.host),
        })?;
        let mem = self.host.map_ring(id, gfns, npages, asked.len)?;
        let partner_serial = partner.as_ref().map_or(0, |p| p.serial);
        self.enter_ring(&own, request, ring, mem, partner_serial)?;
        Ok(0)
    }

    /// Step 6: is the partner there, and does policy allow this?
    fn may_register(&self, request: Request) -> Result<(), Errno> {
        if request.id.partner.is_any() {
            if !self.params.mac_permissive {
                return Err(Errno::PERM);
            }
            return self.host.may_register_any(request.id, request.len);
        }
        if !self.host.domain_exists(request.id.partner) {
            return Err(Errno::SRCH);
        }
        self.host.may_register_single(request.id, request.len)
    }

    /// Steps 10 and 11: is there room in the table, and for this ring? The ring that is to be registered again, if any.
    fn may_enter(&self, rings: &Rings<H>, request: Request) -> Result<Option<H::Shared<Ring<H>>>, Errno> {
        if rings.dead {
            return Err(Errno::NODEV);
        }
        if rings.count() >= self.params.max_rings as usize {
            return Err(Errno::NOSPC);
        }
        match rings.find(request.key()) {
            None => Ok(None),
            Some(old) if request.fail_exist || old.ring.len != request.len => Err(Errno::EXIST),
            Some(old) => Ok(Some(old.ring.clone())),
        }
    }

    /// Makes the ring known, or gives a known ring its new pages. The table may have changed since it was last seen.
    fn enter_ring(
        &self,
        own: &Domain<H>,
        request: Request,
        fresh: H::Shared<Ring<H>>,
        mem: H::Mem,
        partner_serial: u64,
    ) -> Result<(), Errno> {
        // The ring is whole before anybody can find it.
        drop(fresh.state.with(|state| state.map(mem.clone())));
        let again = own.rings.with(|rings| {
            let again = self.may_enter(rings, request)?;
            match rings.find_mut(request.key()) {
                Some(entry) => entry.partner_serial = partner_serial,
                None => {
                    rings.insert(
                        &self.host,
                        Entry {
                            ring: fresh.clone(),
                            partner_serial,
                            watch: None,
                        },
                    )?;
                }
            }
            Ok(again)
        })?;
        let ring = match again {
            None => {
                self.host.ring_added(request.id, request.len);
                fresh
            }
            Some(old) => {
                let (replaced, disowned) = old.state.with(|state| state.map(mem));
                drop(replaced);
                if disowned {
                    self.host.state_changed(request.id, state::UNREGISTERED);
                }
                old
            }
        };
        if !request.id.partner.is_any() && !self.is_alive(request.id.partner, partner_serial) {
            // It died since the look-up, and its teardown may have missed this ring.
            self.peer_gone(own, &ring);
        }
        Ok(())
    }
}

/// Step 5.
fn check_size(asked: &Register, npages: u32) -> Result<(), Errno> {
    let in_range = (RING_LEN_MIN..=RING_LEN_MAX).contains(&asked.len);
    let right = in_range && asked.len.is_multiple_of(SLOT) && pages(asked.len) == npages && asked.pad == 0;
    if right { Ok(()) } else { Err(Errno::INVAL) }
}
