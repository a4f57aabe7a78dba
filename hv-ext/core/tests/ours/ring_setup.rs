//! Op 17: its checks, in their order.

use crate::{err, pair};
use v4v_hv::abi::{NO_SLOT, OP_RING_SETUP, RingSetup, setup_flags};
use v4v_hv::testing::{Guest, Question};
use v4v_hv::{Addr, DomId, Errno, limits};

const SOUND: RingSetup = RingSetup {
    port: 80,
    partner: DomId(2),
    pad: 0,
    flags: 0,
    ready_slot: 0,
    watch_port: 0,
};

fn with_ring() -> [Guest; 2] {
    let [a, b] = pair();
    assert_eq!(a.register(80, b.id, 64), 0);
    [a, b]
}

#[test]
fn setup_1_a_further_argument_is_einval_before_2() {
    let [a, _] = pair();
    for (arg2, arg3, arg4) in [(1, 0, 0), (0, 1, 0), (0, 0, 1)] {
        assert_eq!(a.call(OP_RING_SETUP, 0, arg2, arg3, arg4), err(Errno::INVAL));
    }
}

#[test]
fn setup_2_a_bad_handle_is_efault() {
    let [a, _] = pair();
    assert_eq!(a.call(OP_RING_SETUP, 0, 0, 0, 0), err(Errno::FAULT));
}

#[test]
fn setup_3_a_malformed_struct_is_einval_before_4() {
    let [a, _] = with_ring();
    let ready = setup_flags::SET_READY;
    let watch = setup_flags::SET_WATCH;
    let malformed = [
        RingSetup { pad: 1, ..SOUND },
        RingSetup { flags: 8, ..SOUND },
        RingSetup {
            flags: ready,
            ready_slot: limits::READY_SLOTS,
            ..SOUND
        },
        RingSetup {
            flags: ready,
            ready_slot: NO_SLOT - 1,
            ..SOUND
        },
        RingSetup {
            flags: watch,
            partner: DomId::ANY,
            ..SOUND
        },
    ];
    a.hv.domain_destroy(a.id);
    for setup in malformed {
        assert_eq!(a.setup(&setup), err(Errno::INVAL), "{setup:?}");
    }
}

#[test]
fn setup_3_what_no_flag_names_is_not_checked() {
    let [a, _] = with_ring();
    assert_eq!(
        a.setup(&RingSetup {
            ready_slot: NO_SLOT - 1,
            ..SOUND
        }),
        0
    );
}

#[test]
fn setup_4_a_caller_without_state_is_enodev() {
    let [a, _] = with_ring();
    a.hv.domain_destroy(a.id);
    assert_eq!(a.setup(&SOUND), err(Errno::NODEV));
}

#[test]
fn setup_5_no_own_ring_is_enoent_before_6() {
    let [a, b] = with_ring();
    assert_eq!(b.register(81, a.id, 64), 0);
    a.hv.host()
        .deny(Question::Send(a.id, Addr::new(b.id, 81)), Errno::ACCES);
    for setup in [
        RingSetup { port: 81, ..SOUND },
        RingSetup {
            partner: DomId(1),
            ..SOUND
        },
    ] {
        let setup = RingSetup {
            flags: setup_flags::SET_WATCH,
            watch_port: 81,
            ..setup
        };
        assert_eq!(a.setup(&setup), err(Errno::NOENT));
    }
}

#[test]
fn setup_6_xsm_denies_a_watch_before_7() {
    let [a, b] = with_ring();
    a.hv.host()
        .deny(Question::Send(a.id, Addr::new(b.id, 81)), Errno::ACCES);
    assert_eq!(a.set(80, b.id, setup_flags::SET_WATCH, 81), err(Errno::ACCES));
}

#[test]
fn setup_7_a_missing_target_is_econnrefused_and_nothing_changed() {
    let [a, b] = with_ring();
    assert_eq!(a.give_ready_page(3), 0);
    let all = RingSetup {
        flags: setup_flags::ALL,
        ready_slot: 5,
        watch_port: 81,
        ..SOUND
    };
    assert_eq!(a.setup(&all), err(Errno::CONNREFUSED));
    assert_eq!(b.send(a.id, 80, b"x"), 1);
    let page = a.hv.host().page(a.id, 3).expect("a page");
    assert_eq!(
        (page.word(0), page.word(8)),
        (0, 0),
        "the slot was not set either"
    );
    a.hv.domain_destroy(b.id);
    assert_eq!(a.setup(&all), err(Errno::CONNREFUSED));
}

#[test]
fn setup_8_enomem_changes_nothing() {
    let [a, b] = with_ring();
    assert_eq!(b.register(81, a.id, 64), 0);
    a.hv.host().fail_allocation(Some(0));
    assert_eq!(a.set(80, b.id, setup_flags::SET_WATCH, 81), err(Errno::NOMEM));
    a.hv.for_each_domain(|d| assert_eq!(d.watches, 0));
}

#[test]
fn setup_reads_its_struct_once() {
    let [a, _] = with_ring();
    a.hv.host().reads();
    assert_eq!(a.setup(&SOUND), 0);
    let whole = Guest::STRUCT..Guest::STRUCT + 20;
    assert_eq!(a.hv.host().reads(), std::slice::from_ref(&whole));
}
