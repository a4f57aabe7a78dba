//! Which ring a message goes to.

use v4v_ring::DomId;

use crate::domain::Domain;
use crate::host::{Host, Lock};
use crate::ring::Ring;
use crate::table::Key;

impl<H: Host> Domain<H> {
    /// The ring that takes messages from `sender` under `port`: the one for this very domain, else the wildcard ring.
    pub(crate) fn route(&self, sender: &Self, port: u32) -> Option<H::Shared<Ring<H>>> {
        self.rings.read(|rings| {
            let own = rings
                .find(Key {
                    partner: sender.id,
                    port,
                })
                .filter(|e| e.partner_serial == sender.serial);
            let entry = own.or_else(|| {
                rings.find(Key {
                    partner: DomId::ANY,
                    port,
                })
            })?;
            Some(entry.ring.clone())
        })
    }
}
