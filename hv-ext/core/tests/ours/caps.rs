//! Op 16.

use crate::{err, pair};
use v4v_hv::abi::{Caps, OP_CAPS, features};
use v4v_hv::testing::Guest;
use v4v_hv::{Errno, limits};

#[test]
fn caps_tells_version_features_and_limits() {
    let [a, _] = pair();
    a.poke(Guest::STRUCT, &[0xAA; Caps::SIZE + 1]);
    assert_eq!(a.call(OP_CAPS, Guest::STRUCT, 0, 0, 0), 0);
    let bytes = a.peek(Guest::STRUCT, Caps::SIZE + 1);
    assert_eq!(bytes[24..], [0, 0, 0, 0, 0, 0, 0, 0, 0xAA]);
    let caps = Caps::decode(bytes.first_chunk().expect("long enough"));
    let expected = Caps {
        version: 1,
        features: features::READY | features::WATCH | features::FLAGS,
        max_rings: limits::MAX_RINGS_DEFAULT,
        ready_slots: 32_256,
        max_pending: 32,
        copy_chunk: 65_536,
    };
    assert_eq!(caps, expected);
}

#[test]
fn caps_checks_its_arguments() {
    let [a, _] = pair();
    assert_eq!(a.call(OP_CAPS, 0, 0, 0, 1), err(Errno::INVAL));
    assert_eq!(a.call(OP_CAPS, 0, 0, 0, 0), err(Errno::FAULT));
}
