//! The entry's checks, which come before any operation's.

use crate::{err, pair};
use v4v_hv::abi::{OP_NOTIFY, OP_REGISTER, OP_SENDV, OP_UNREGISTER};
use v4v_hv::testing::{Question, TestHost, domains};
use v4v_hv::{Errno, Params};

const TOO_WIDE: u64 = 1 << 32;

fn switched_off() -> v4v_hv::testing::Guest {
    let hv = TestHost::boot_with(Params::default());
    let [guest] = domains(&hv, [1]);
    guest
}

#[test]
fn entry_1_arg3_or_arg4_above_32_bits_is_einval() {
    let [a, _] = pair();
    for op in [OP_REGISTER, OP_UNREGISTER, OP_SENDV, OP_NOTIFY, 16, 17, 18, 99] {
        assert_eq!(a.call(op, 0, 0, TOO_WIDE, 0), err(Errno::INVAL));
        assert_eq!(a.call(op, 0, 0, 0, TOO_WIDE), err(Errno::INVAL));
    }
}

#[test]
fn entry_2_argo_off_is_eopnotsupp() {
    let a = switched_off();
    assert_eq!(a.call(OP_NOTIFY, 0, 0, 0, 0), err(Errno::OPNOTSUPP));
}

#[test]
fn entry_3_xsm_enable_denies_with_its_errno() {
    let [a, _] = pair();
    a.hv.host().deny(Question::Enable(a.id), Errno::ACCES);
    assert_eq!(a.notify(), err(Errno::ACCES));
}

#[test]
fn entry_4_an_unknown_operation_is_eopnotsupp() {
    let [a, _] = pair();
    for op in [0, 5, 15, 19, u32::MAX] {
        assert_eq!(a.call(op, 0, 0, 0, 0), err(Errno::OPNOTSUPP));
    }
}

#[test]
fn entry_1_comes_before_2() {
    assert_eq!(
        switched_off().call(OP_NOTIFY, 0, 0, TOO_WIDE, 0),
        err(Errno::INVAL)
    );
}

#[test]
fn entry_2_comes_before_3() {
    let a = switched_off();
    a.hv.host().deny(Question::Enable(a.id), Errno::ACCES);
    assert_eq!(a.notify(), err(Errno::OPNOTSUPP));
}

#[test]
fn entry_3_comes_before_4() {
    let [a, _] = pair();
    a.hv.host().deny(Question::Enable(a.id), Errno::ACCES);
    assert_eq!(a.call(99, 0, 0, 0, 0), err(Errno::ACCES));
}

#[test]
fn entry_3_comes_before_the_operations_own_checks() {
    let [a, _] = pair();
    a.hv.host().deny(Question::Enable(a.id), Errno::ACCES);
    assert_eq!(a.call(OP_REGISTER, 0, 0, 4097, 0), err(Errno::ACCES));
}
