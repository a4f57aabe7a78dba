//! Where we differ from upstream on purpose: each item of the list in docs/ABI.md.

use crate::{err, pair};
use v4v_hv::abi::FLAG_FAIL_EXIST;
use v4v_hv::testing::{Guest, TestHost, domains, interleave};
use v4v_hv::{DomId, Errno, Params, limits};

#[test]
fn deviation_sendv_errors_are_sign_extended() {
    let [a, b] = pair();
    let returned = a.send(b.id, 80, b"x");
    assert_eq!(returned.cast_unsigned(), 0xFFFF_FFFF_FFFF_FF91);
    // A caller that keeps an int sees upstream's value.
    assert_eq!(returned as u32, 0xFFFF_FF91);
}

#[test]
fn deviation_registering_again_does_not_count() {
    let [a, b] = pair();
    for _ in 0..200 {
        assert_eq!(a.register(80, b.id, 64), 0);
    }
    a.hv.for_each_domain(|d| assert!(d.rings <= 1));
    for port in 0..200 {
        assert_eq!(a.register(1000 + port, b.id, 64), 0);
    }
}

#[test]
fn deviation_a_failed_reregistration_keeps_the_ring() {
    let [a, b] = pair();
    assert_eq!(b.register(80, a.id, 64), 0);
    b.hv.host().spoil_frame(b.id, 5, Errno::INVAL);
    assert_eq!(b.register_on(80, a.id, 64, 5, 0), err(Errno::INVAL));
    assert_eq!(b.register_on(80, a.id, 64, 6, FLAG_FAIL_EXIST), err(Errno::EXIST));
    assert_eq!(b.register_on(80, a.id, 80, 6, 0), err(Errno::EXIST));
    for n in 0..3 {
        b.hv.host().fail_allocation(Some(n));
        assert_eq!(b.register_on(80, a.id, 64, 6, 0), err(Errno::NOMEM));
    }
    assert_eq!(a.send(b.id, 80, b"still"), 5);
    assert_eq!(b.reader(80, a.id).take().expect("a message").payload, b"still");
    assert_eq!(b.hv.host().mappings(), 1);
}

/// A waits for space in B's full ring.
fn waiting() -> [Guest; 2] {
    let [a, b] = pair();
    assert_eq!(b.register(80, DomId::ANY, 64), 0);
    assert_eq!(a.send(b.id, 80, &[0; 32]), 32);
    assert_eq!(a.send(b.id, 80, b"x"), err(Errno::AGAIN));
    a.hv.host().happened();
    [a, b]
}

#[test]
fn deviation_unregister_signals_pending_senders() {
    let [a, b] = waiting();
    assert_eq!(b.unregister(80, DomId::ANY), 0);
    assert_eq!(a.hv.host().signalled(), [a.id]);
    assert_eq!(a.send(b.id, 80, b"x"), err(Errno::CONNREFUSED));
}

#[test]
fn deviation_destroy_signals_pending_senders() {
    let [a, b] = waiting();
    a.hv.domain_destroy(b.id);
    assert_eq!(a.hv.host().signalled(), [a.id]);
}

#[test]
fn deviation_soft_reset_signals_pending_senders() {
    let [a, b] = waiting();
    assert_eq!(a.hv.soft_reset(b.id), Ok(()));
    assert_eq!(a.hv.host().signalled(), [a.id]);
}

/// Two domains and a wildcard ring of B's that takes long messages.
fn long_ring() -> ([Guest; 3], u32) {
    let [a, b] = pair();
    let [c] = domains(&a.hv, [3]);
    assert_eq!(b.register(80, DomId::ANY, 1 << 20), 0);
    ([a, b, c], limits::COPY_CHUNK * 4)
}

#[test]
fn deviation_the_ring_is_free_between_the_chunks_of_a_long_message() {
    let mut overtaken = 0;
    for at in 0..16 {
        let ([a, b, c], len) = long_ring();
        let to = b.id;
        let other = move || assert_eq!(c.send(to, 80, b"short"), 5);
        let payload = vec![0x5A; len as usize];
        let (sent, ran) = interleave(at, other, || a.send(b.id, 80, &payload));
        assert_eq!(sent, i64::from(len));
        let mut reader = b.reader(80, DomId::ANY);
        let first = reader.take().expect("a message").payload;
        let second = reader.take().map(|got| got.payload);
        overtaken += u32::from(first == b"short");
        let both = [Some(first), second];
        assert!(both.contains(&Some(payload)));
        assert!(both.contains(&ran.then(|| b"short".to_vec())));
    }
    assert!(overtaken > 4, "at several places: {overtaken}");
}

#[test]
fn deviation_a_long_message_that_is_always_overtaken_waits() {
    let ([a, b, c], len) = long_ring();
    fn overtake(c: Guest, to: DomId, left: u32) -> Box<dyn FnOnce()> {
        Box::new(move || {
            c.send(to, 80, b"short");
            if left > 0 {
                // Again, after the first chunk of the next attempt.
                let next = overtake(c, to, left - 1);
                v4v_hv::testing::plan(1, next);
            }
        })
    }
    // Look-ups of domains and ring come first; then one boundary for each chunk.
    let first = overtake(c.clone(), b.id, limits::SEND_ATTEMPTS);
    a.hv.host().happened();
    let (sent, _) = interleave(2, first, || a.send(b.id, 80, &vec![1; len as usize]));
    assert_eq!(sent, err(Errno::AGAIN));
    assert!(
        a.hv.host().signalled().contains(&a.id),
        "there is space, so it may try again at once"
    );
    a.hv.for_each_ring(b.id, |ring| assert_eq!(ring.pending, 0));
}

#[test]
fn deviation_the_ring_limit_is_a_parameter_with_a_higher_default() {
    assert_eq!(Params::default().max_rings, limits::MAX_RINGS_DEFAULT);
    const { assert!(limits::MAX_RINGS_DEFAULT > 128) };
    let hv = TestHost::boot_with(Params {
        enabled: true,
        mac_permissive: true,
        max_rings: 130,
    });
    let [a] = domains(&hv, [1]);
    for port in 0..130 {
        assert_eq!(a.register(port, DomId::ANY, 48), 0);
    }
    assert_eq!(a.register(130, DomId::ANY, 48), err(Errno::NOSPC));
    let hv = TestHost::boot_with(Params {
        max_rings: u32::MAX,
        ..Params::default()
    });
    assert_eq!(hv.params().max_rings, limits::MAX_RINGS_LIMIT);
}
