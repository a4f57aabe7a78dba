//! The hypervisor's n-th allocation fails, for every n that there is.

mod common;

use common::{mixed, recv, send, stream};
use v4v_ring::DomId;
use v4v_sock::Errno;
use v4v_world::{Flavour, World, seeds};

#[test]
fn any_one_allocation_may_fail() {
    for flavour in Flavour::ALL {
        for seed in seeds(3) {
            let mut n = 0;
            loop {
                let world = mixed(flavour, seed, &[1, 2], 1, [0, 0]);
                world.facts.set_short();
                let host = world.machine().hv().host();
                host.fail_allocation(Some(n));
                world.run();
                if host.failure_is_due() {
                    break;
                }
                n += 1;
            }
            assert!(n > 20, "a world makes more allocations than {n}");
        }
    }
}

/// In Xen, where FIN finds no room and the hypervisor no memory to note that it waits.
#[test]
fn a_fin_that_cannot_even_wait_is_sent_later() {
    for flavour in [Flavour::Plain, Flavour::Flags] {
        let world = World::new(flavour, 0, [1, 2]);
        let [client, server] = [2, 1].map(|id| world.machine().process(DomId(id)));
        let [mut a, mut b] = stream(&client, &server);
        // With their headers they fill the ring but for the slot that stays free.
        for n in [992, 992, 992, 976] {
            assert_eq!(send(&mut a, &[7; 992][..n]), Ok(n));
        }
        world.machine().hv().host().fail_allocation(Some(0));
        assert_eq!(a.tx.shutdown(&a.conn), Err(Errno::AGAIN));
        assert!(a.tx.fin_pending(&a.conn) && !a.conn.is_reset());
        let mut read = 0;
        while let Ok(bytes) = recv(&mut b, 2000) {
            read += bytes.len();
        }
        assert_eq!(a.tx.retry_fin(&a.conn), Ok(()));
        assert_eq!((read, recv(&mut b, 1)), (992 * 3 + 976, Ok(vec![])));
    }
}
