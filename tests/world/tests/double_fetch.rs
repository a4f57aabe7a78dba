//! The caller's memory changes as soon as the hypervisor has read it.

mod common;

use common::mixed;
use v4v_world::{Flavour, seeds};

#[test]
fn nothing_is_read_twice() {
    for flavour in Flavour::ALL {
        for seed in seeds(30) {
            let world = mixed(flavour, seed, &[1, 2, 3], 2, [0, 0]);
            world.machine().hv().host().read_once();
            world.run();
        }
    }
}
