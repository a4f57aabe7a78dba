//! Worlds that several tests start from.
#![allow(dead_code, unreachable_pub)] // Each test program includes this file and uses its own part.

use std::rc::Rc;

use v4v_ring::{Addr, DomId};
use v4v_sock::connect::ConnOptions;
use v4v_sock::limits::CONN_RING_MIN;
use v4v_sock::{Connector, Errno, Established, Listener, RecvFlags, SocketKind};
use v4v_world::{Client, Flavour, Home, Receiver, Sender, Server, World};

/// Where streams are listened for.
pub const LISTEN: u32 = 5000;
/// Where packets are.
pub const PACKETS: u32 = 5001;
/// Where datagrams are received.
pub const DATAGRAMS: u32 = 5002;

/// Servers for all socket types in every domain, and clients between all pairs of domains, each `times` times.
pub fn mixed(
    flavour: Flavour,
    seed: u64,
    ids: &[u16],
    times: usize,
    [fickle, abort]: [usize; 2],
) -> Rc<World> {
    let world = World::new(flavour, seed, ids.iter().copied());
    for id in ids {
        serve(&world, DomId(*id), [fickle, abort]);
    }
    for from in ids {
        for to in ids.iter().filter(|to| *to != from) {
            if fickle > 0 {
                world.facts.set_fickle(DomId(*to));
            }
            connect(&world, DomId(*from), DomId(*to), times, abort);
        }
    }
    world
}

/// Servers of a domain, each a program.
pub fn serve(world: &World, id: DomId, fickle_abort: [usize; 2]) {
    for (port, kind) in [(LISTEN, SocketKind::Stream), (PACKETS, SocketKind::SeqPacket)] {
        let home = world.machine().process(id);
        world.add_background(&home, Server::new(world, &home, port, kind, fickle_abort));
    }
    let home = world.machine().process(id);
    world.add_background(&home, Receiver::new(&home, DATAGRAMS));
}

/// Clients of one domain to another, each a program.
pub fn connect(world: &World, from: DomId, to: DomId, times: usize, abort: usize) {
    for (port, kind) in [(LISTEN, SocketKind::Stream), (PACKETS, SocketKind::SeqPacket)] {
        let home = world.machine().process(from);
        world.add(
            &home,
            Client::new(world, &home, Addr::new(to, port), kind, times, abort),
        );
    }
    let home = world.machine().process(from);
    // No two senders have the same port, not even one after the other.
    let port = 6000 + world.users() as u32;
    world.add(&home, Sender::new(&home, port, Addr::new(to, DATAGRAMS)));
}

/// Streams over rings of a page.
pub const STREAM: ConnOptions = ConnOptions {
    kind: SocketKind::Stream,
    ring_len: CONN_RING_MIN,
};

/// A stream between two programs: the connector's end, the listener's end.
pub fn stream(client: &Home, server: &Home) -> [Established<Home>; 2] {
    let mut listener = Listener::listen(server.clone(), LISTEN, 1, STREAM).expect("a free port");
    let to = Addr::new(server.guest().id, LISTEN);
    let mut connector = Connector::start(client.clone(), to, STREAM, None).expect("somebody listens");
    let there = listener.accept().expect("a request came");
    [connector.progress().expect("it was accepted"), there]
}

pub fn send(end: &mut Established<Home>, bytes: &[u8]) -> Result<usize, Errno> {
    end.tx.send(&end.conn, &mut &*bytes, bytes.len())
}

pub fn recv(end: &mut Established<Home>, max: usize) -> Result<Vec<u8>, Errno> {
    let mut buffer = vec![0; max];
    let got = end
        .rx
        .recv(&end.conn, &mut buffer.as_mut_slice(), max, RecvFlags::default())?;
    buffer.truncate(got.bytes);
    Ok(buffer)
}
