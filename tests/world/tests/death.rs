//! Domains and programs that end at any step, or in the middle of somebody's hypercall.

mod common;

use std::rc::Rc;

use common::{connect, mixed, serve};
use v4v_ring::DomId;
use v4v_world::{Flavour, World, seeds};

/// Runs a world of two domains for every step that it has, with `fault` at that step.
fn at_every_step(flavour: Flavour, seed: u64, fault: impl Fn(&Rc<World>, u64)) {
    for at in 0.. {
        let world = mixed(flavour, seed, &[1, 2], 1, [0, 0]);
        let mut came = false;
        world.run_with(|world| {
            if world.steps() == at && !came {
                came = true;
                fault(world, at);
            }
        });
        if world.steps() < at {
            break;
        }
    }
}

#[test]
fn a_domain_may_end_at_any_step() {
    for flavour in Flavour::ALL {
        for seed in seeds(2) {
            at_every_step(flavour, seed, |world, at| {
                world.destroy(DomId(1 + (at % 2) as u16))
            });
        }
    }
}

#[test]
fn a_domain_may_end_and_another_begin_with_its_id() {
    for flavour in Flavour::ALL {
        for seed in seeds(1) {
            at_every_step(flavour, seed, |world, at| {
                let [id, other] = if at % 2 == 0 { [1, 2] } else { [2, 1] }.map(DomId);
                world.destroy(id);
                world.machine().boot(id);
                serve(world, id, [0, 0]);
                connect(world, id, other, 1, 0);
            });
        }
    }
}

#[test]
fn a_program_may_end_at_any_step() {
    for flavour in Flavour::ALL {
        for seed in seeds(2) {
            at_every_step(flavour, seed, |world, _| world.kill_one());
        }
    }
}
