//! Numbers for people and tools.

use crate::{err, pair};
use v4v_hv::testing::Happened;
use v4v_hv::{DomId, Errno};

#[test]
fn domains_and_rings_are_told_in_order() {
    let [a, b] = pair();
    for (port, partner, len) in [
        (u32::MAX, b.id, 64),
        (0, b.id, 4096),
        (5, DomId::ANY, 128),
        (7, a.id, 48),
    ] {
        assert_eq!(a.register(port, partner, len), 0);
    }
    assert_eq!(b.send(a.id, 0, b"four"), 4);
    assert_eq!(b.send(a.id, 0, b""), 0);
    let mut told = Vec::new();
    a.hv.for_each_domain(|d| told.push((d.id, d.rings, d.bytes)));
    assert_eq!(told, [(a.id, 4, 64 + 4096 + 128 + 48), (b.id, 0, 0)]);
    let mut rings = Vec::new();
    a.hv.for_each_ring(a.id, |r| {
        rings.push((r.id.partner, r.id.port, r.len, r.free, r.messages, r.bytes))
    });
    assert_eq!(
        rings,
        [
            (a.id, 7, 48, 48, 0, 0),
            (b.id, 0, 4096, 4096 - 48, 2, 4),
            (b.id, u32::MAX, 64, 64, 0, 0),
            (DomId::ANY, 5, 128, 128, 0, 0),
        ]
    );
}

#[test]
fn the_host_hears_of_every_ring_once() {
    let [a, b] = pair();
    assert_eq!(a.register(80, b.id, 64), 0);
    assert_eq!(a.register(80, b.id, 64), 0);
    assert_eq!(a.register(80, b.id, 80), err(Errno::EXIST));
    assert_eq!(a.unregister(80, b.id), 0);
    let ring = a.ring(80, b.id);
    assert_eq!(
        a.hv.host().happened(),
        [Happened::RingAdded(ring, 64), Happened::RingGone(ring, 64)]
    );
}
