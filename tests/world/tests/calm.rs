//! Worlds in which nobody means ill and nothing fails.

mod common;

use common::{LISTEN, mixed};
use v4v_ring::{Addr, DomId};
use v4v_sock::SocketKind;
use v4v_world::{Client, Flavour, Server, World, seeds};

#[test]
fn one_connection_carries_its_bytes() {
    for flavour in Flavour::ALL {
        for seed in seeds(400) {
            let world = World::new(flavour, seed, [1, 2]);
            let (server, client) = (
                world.machine().process(DomId(1)),
                world.machine().process(DomId(2)),
            );
            let kind = if seed % 3 == 0 {
                SocketKind::SeqPacket
            } else {
                SocketKind::Stream
            };
            world.add_background(&server, Server::new(&world, &server, LISTEN, kind, [0, 0]));
            let to = Addr::new(DomId(1), LISTEN);
            world.add(&client, Client::new(&world, &client, to, kind, 1, 0));
            world.run();
        }
    }
}

#[test]
fn three_domains_carry_streams_packets_and_datagrams() {
    for flavour in Flavour::ALL {
        for seed in seeds(30) {
            mixed(flavour, seed, &[1, 2, 3], 2, [0, 0]).run();
        }
    }
}

#[test]
fn aborted_connections_and_listeners_that_come_and_go_disturb_nobody_else() {
    for flavour in Flavour::ALL {
        for seed in seeds(30) {
            mixed(flavour, seed, &[1, 2, 3], 3, [12, 4]).run();
        }
    }
}
