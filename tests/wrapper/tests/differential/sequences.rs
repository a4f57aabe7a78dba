//! What is generated: calls without order, with a listener and connections before them so that they mean something.

use proptest::collection::vec;
use proptest::prelude::*;
use v4v_wrapper_tests::script::{Call, Kind, SLOTS};

fn call(kind: Kind, a: u8, b: u8, c: u16) -> Call {
    Call { kind, a, b, c }
}

fn any_call() -> impl Strategy<Value = Call> {
    (0..Kind::ALL.len(), 0..SLOTS, 0..SLOTS, any::<u16>())
        .prop_map(|(kind, a, b, c)| call(Kind::ALL[kind], a, b, c))
}

/// A listener in slot 0, and a connection to it in slots 1 and 2.
fn prelude() -> impl Strategy<Value = Vec<Call>> {
    (any::<[bool; 2]>(), 0..4_u16, 0..3_u16).prop_map(|([listener, caller], flags, accepted)| {
        let socket = |v6| if v6 { Kind::Socket6 } else { Kind::Socket4 };
        vec![
            call(socket(listener), 0, 0, 0),
            call(Kind::Bind, 0, 0, 0),
            call(Kind::Listen, 0, 0, 0),
            // A caller of IPv6 needs a listener of IPv6.
            call(socket(caller && listener), 1, 0, flags),
            call(Kind::Connect, 1, 0, 0),
            call(Kind::Accept, 0, 2, accepted),
        ]
    })
}

/// Some calls, with a connection or from nothing.
pub(crate) fn sequence() -> impl Strategy<Value = Vec<Call>> {
    let with = (prelude(), vec(any_call(), 1..30)).prop_map(|(mut calls, more)| {
        calls.extend(more);
        calls
    });
    prop_oneof![4 => with, 1 => vec(any_call(), 1..30)]
}
