//! A domain that writes garbage into every byte that it shares with somebody.

mod common;

use common::{DATAGRAMS, LISTEN, PACKETS, mixed};
use v4v_ring::{Addr, DomId};
use v4v_world::{Flavour, Vandal, seeds};

/// The domain that is hostile.
const HOSTILE: DomId = DomId(3);

#[test]
fn a_hostile_domain_spoils_its_own_connections_only() {
    for flavour in Flavour::ALL {
        for seed in seeds(100) {
            let world = mixed(flavour, seed, &[1, 2, 3], 2, [0, 0]);
            world.facts.set_hostile(HOSTILE);
            let home = world.machine().process(HOSTILE);
            let ports = [LISTEN, PACKETS, DATAGRAMS];
            let victims = [1, 2]
                .iter()
                .flat_map(|id| ports.map(|port| Addr::new(DomId(*id), port)))
                .collect();
            world.add_background(&home, Vandal::new(&world, &home, victims));
            let end = 500 + world.draw(4000) as u64;
            world.run_with(|world| {
                if world.steps() == end {
                    world.destroy(HOSTILE);
                }
            });
        }
    }
}
