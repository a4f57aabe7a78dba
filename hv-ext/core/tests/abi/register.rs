//! register, check by check.

use crate::{NOBODY, err, pair};
use v4v_hv::abi::{FLAG_FAIL_EXIST, OP_REGISTER};
use v4v_hv::testing::{Guest, Question, TestHost, domains};
use v4v_hv::{Addr, DomId, Errno, Params};

const BAD: u64 = 0;

/// A call with these arguments, after a sound structure was written.
fn call(g: &Guest, partner: DomId, len: u32, npages: u64, flags: u64) -> i64 {
    g.put_register(80, partner, 0, len, 5);
    g.call(OP_REGISTER, Guest::STRUCT, Guest::GFNS, npages, flags)
}

#[test]
fn register_0_a_sound_call_returns_0() {
    let [a, b] = pair();
    assert_eq!(a.register(80, b.id, 4096), 0);
    assert_eq!(a.register(80, DomId::ANY, 48), 0);
    assert_eq!(a.register(81, a.id, 64), 0, "a domain may be its own partner");
}

#[test]
fn register_1_npages_above_4096_is_einval() {
    let [a, b] = pair();
    assert_eq!(call(&a, b.id, 64, 4097, 0), err(Errno::INVAL));
}

#[test]
fn register_1_comes_before_2() {
    let [a, _] = pair();
    a.hv.host().make_pv(a.id);
    assert_eq!(
        a.call(OP_REGISTER, Guest::STRUCT, BAD, 4097, 0),
        err(Errno::INVAL)
    );
}

#[test]
fn register_2_a_pv_guests_gfn_range_is_efault() {
    let [a, _] = pair();
    a.hv.host().make_pv(a.id);
    assert_eq!(a.call(OP_REGISTER, Guest::STRUCT, BAD, 1, 0), err(Errno::FAULT));
}

#[test]
fn register_2_comes_before_3_for_pv_only() {
    let [a, b] = pair();
    a.hv.host().make_pv(a.id);
    for (guest, errno) in [(a, Errno::FAULT), (b, Errno::INVAL)] {
        assert_eq!(guest.call(OP_REGISTER, Guest::STRUCT, BAD, 1, 2), err(errno));
    }
}

#[test]
fn register_3_unknown_flags_are_einval() {
    let [a, b] = pair();
    for flags in [2, 3, 0x8000_0000] {
        assert_eq!(call(&a, b.id, 64, 1, flags), err(Errno::INVAL));
    }
}

#[test]
fn register_3_comes_before_4() {
    let [a, _] = pair();
    assert_eq!(a.call(OP_REGISTER, BAD, Guest::GFNS, 1, 2), err(Errno::INVAL));
}

#[test]
fn register_4_a_bad_struct_handle_is_efault() {
    let [a, _] = pair();
    assert_eq!(a.call(OP_REGISTER, BAD, Guest::GFNS, 1, 0), err(Errno::FAULT));
    assert_eq!(
        a.call(OP_REGISTER, u64::MAX - 5, Guest::GFNS, 1, 0),
        err(Errno::FAULT)
    );
}

#[test]
fn register_5_len_below_48_is_einval() {
    let [a, b] = pair();
    for len in [0, 16, 32, 47] {
        assert_eq!(call(&a, b.id, len, 1, 0), err(Errno::INVAL));
    }
    assert_eq!(call(&a, b.id, 48, 1, 0), 0);
}

#[test]
fn register_5_len_above_16_mib_is_einval() {
    let [a, b] = pair();
    for len in [0x100_0010, u32::MAX - 15] {
        assert_eq!(call(&a, b.id, len, 4096, 0), err(Errno::INVAL));
    }
}

#[test]
fn register_5_16_mib_itself_needs_4097_pages_and_is_einval() {
    let [a, b] = pair();
    for npages in [4096, 4097] {
        assert_eq!(call(&a, b.id, 0x100_0000, npages, 0), err(Errno::INVAL));
    }
    assert_eq!(call(&a, b.id, 0xFF_FFC0, 4096, 0), 0, "the largest usable ring");
}

#[test]
fn register_5_len_off_a_slot_is_einval() {
    let [a, b] = pair();
    for len in [49, 63, 72] {
        assert_eq!(call(&a, b.id, len, 1, 0), err(Errno::INVAL));
    }
}

#[test]
fn register_5_an_npages_mismatch_is_einval() {
    let [a, b] = pair();
    for (len, npages) in [(64, 0), (64, 2), (4032, 2), (4048, 1)] {
        assert_eq!(call(&a, b.id, len, npages, 0), err(Errno::INVAL));
    }
    assert_eq!(call(&a, b.id, 4032, 1, 0), 0, "header and data fill one page");
    assert_eq!(a.register(81, b.id, 4048), 0, "one slot more takes a second page");
}

#[test]
fn register_5_a_pad_is_einval() {
    let [a, b] = pair();
    a.put_register(80, b.id, 1, 64, 5);
    assert_eq!(
        a.call(OP_REGISTER, Guest::STRUCT, Guest::GFNS, 1, 0),
        err(Errno::INVAL)
    );
}

#[test]
fn register_5_comes_before_6() {
    let [a, _] = pair();
    assert_eq!(call(&a, NOBODY, 47, 1, 0), err(Errno::INVAL));
}

#[test]
fn register_6_a_wildcard_without_mac_permissive_is_eperm() {
    let hv = TestHost::boot_with(Params {
        enabled: true,
        ..Params::default()
    });
    let [a] = domains(&hv, [1]);
    hv.host()
        .deny(Question::RegisterAny(a.ring(80, DomId::ANY)), Errno::ACCES);
    assert_eq!(a.register(80, DomId::ANY, 64), err(Errno::PERM));
}

#[test]
fn register_6_xsm_denies_a_wildcard_with_its_errno() {
    let [a, _] = pair();
    a.hv.host()
        .deny(Question::RegisterAny(a.ring(80, DomId::ANY)), Errno::ACCES);
    assert_eq!(a.register(80, DomId::ANY, 64), err(Errno::ACCES));
    assert_eq!(a.register(81, DomId::ANY, 64), 0);
}

#[test]
fn register_6_no_such_partner_is_esrch() {
    let [a, _] = pair();
    // DOMID_SELF among them.
    for partner in [NOBODY, DomId(0x7FF0), DomId(0x7FF1), DomId(0xFFFF)] {
        assert_eq!(a.register(80, partner, 64), err(Errno::SRCH));
    }
}

#[test]
fn register_6_esrch_comes_before_xsm() {
    let [a, _] = pair();
    a.hv.host()
        .deny(Question::RegisterSingle(a.ring(80, NOBODY)), Errno::ACCES);
    assert_eq!(a.register(80, NOBODY, 64), err(Errno::SRCH));
}

#[test]
fn register_6_xsm_comes_before_enomem() {
    let [a, b] = pair();
    a.hv.host()
        .deny(Question::RegisterSingle(a.ring(80, b.id)), Errno::ACCES);
    a.hv.host().fail_allocation(Some(0));
    assert_eq!(a.register(80, b.id, 64), err(Errno::ACCES));
}

#[test]
fn register_7_enomem_comes_before_8() {
    let [a, b] = pair();
    a.hv.domain_destroy(a.id);
    a.hv.host().fail_allocation(Some(0));
    assert_eq!(a.register(80, b.id, 64), err(Errno::NOMEM));
}

#[test]
fn register_8_a_caller_without_state_is_enodev() {
    let [a, b] = pair();
    a.hv.domain_destroy(a.id);
    assert_eq!(a.register(80, b.id, 64), err(Errno::NODEV));
}

#[test]
fn register_8_comes_before_9() {
    let [a, b] = pair();
    a.hv.domain_destroy(a.id);
    a.hv.domain_destroy(b.id);
    assert_eq!(a.register(80, b.id, 64), err(Errno::NODEV));
}

#[test]
fn register_9_a_partner_without_state_is_econnrefused() {
    let [a, b] = pair();
    a.hv.domain_destroy(b.id);
    assert_eq!(a.register(80, b.id, 64), err(Errno::CONNREFUSED));
}

#[test]
fn register_9_comes_before_10() {
    let hv = TestHost::boot_with(Params {
        enabled: true,
        mac_permissive: true,
        max_rings: 0,
    });
    let [a, b] = domains(&hv, [1, 2]);
    hv.domain_destroy(b.id);
    assert_eq!(a.register(80, b.id, 64), err(Errno::CONNREFUSED));
}

fn with_one_ring() -> [Guest; 2] {
    let hv = TestHost::boot_with(Params {
        enabled: true,
        mac_permissive: true,
        max_rings: 1,
    });
    let [a, b] = domains(&hv, [1, 2]);
    assert_eq!(a.register(80, b.id, 64), 0);
    [a, b]
}

#[test]
fn register_10_a_count_at_the_limit_is_enospc() {
    let [a, b] = with_one_ring();
    assert_eq!(a.register(81, b.id, 64), err(Errno::NOSPC));
    assert_eq!(b.register(81, a.id, 64), 0, "the limit is each domain's own");
    assert_eq!(a.unregister(80, b.id), 0);
    assert_eq!(a.register(81, b.id, 64), 0);
}

#[test]
fn register_10_comes_before_11_even_to_register_again() {
    let [a, b] = with_one_ring();
    assert_eq!(a.register_on(80, b.id, 64, 5, FLAG_FAIL_EXIST), err(Errno::NOSPC));
    assert_eq!(a.register(80, b.id, 64), err(Errno::NOSPC));
}

#[test]
fn register_11_fail_exist_is_eexist() {
    let [a, b] = pair();
    assert_eq!(a.register_on(80, b.id, 64, 5, FLAG_FAIL_EXIST), 0);
    assert_eq!(a.register_on(80, b.id, 64, 5, FLAG_FAIL_EXIST), err(Errno::EXIST));
    assert_eq!(
        a.register_on(80, DomId::ANY, 64, 5, FLAG_FAIL_EXIST),
        0,
        "another partner, another ring"
    );
}

#[test]
fn register_11_another_len_is_eexist() {
    let [a, b] = pair();
    assert_eq!(a.register(80, b.id, 64), 0);
    assert_eq!(a.register(80, b.id, 80), err(Errno::EXIST));
}

#[test]
fn register_11_comes_before_12() {
    let [a, b] = pair();
    assert_eq!(a.register(80, b.id, 64), 0);
    a.hv.host().spoil_frame(a.id, 5, Errno::INVAL);
    assert_eq!(a.register_on(80, b.id, 80, 5, 0), err(Errno::EXIST));
}

#[test]
fn register_12_a_bad_gfn_handle_is_efault() {
    let [a, b] = pair();
    a.put_register(80, b.id, 0, 64, 5);
    assert_eq!(a.call(OP_REGISTER, Guest::STRUCT, BAD, 1, 0), err(Errno::FAULT));
}

#[test]
fn register_12_a_bad_frame_fails_with_the_hosts_errno() {
    let [a, b] = pair();
    for errno in [Errno::AGAIN, Errno::PERM, Errno::INVAL] {
        // The second of two pages.
        a.hv.host().spoil_frame(a.id, 6, errno);
        assert_eq!(a.register_on(80, b.id, 8000, 5, 0), err(errno));
    }
    assert_eq!(a.hv.host().mappings(), 0);
}

#[test]
fn register_12_enomem_comes_before_the_frames() {
    let [a, b] = pair();
    a.hv.host().spoil_frame(a.id, 5, Errno::INVAL);
    // The ring, the table, the frames' list.
    for n in [0, 1, 2] {
        a.hv.host().fail_allocation(Some(n));
        assert_eq!(a.register_on(80, b.id, 64, 5, 0), err(Errno::NOMEM));
    }
    assert_eq!(a.register_on(80, b.id, 64, 5, 0), err(Errno::INVAL));
}

#[test]
fn register_13_a_failed_mapping_is_enomem() {
    let [a, b] = pair();
    a.hv.host().fail_allocation(Some(3));
    assert_eq!(a.register(80, b.id, 64), err(Errno::NOMEM));
    assert_eq!(b.send(a.id, 80, b"x"), err(Errno::CONNREFUSED));
}

#[test]
fn register_duplicate_gfns_are_accepted() {
    let [a, b] = pair();
    a.put_register(80, b.id, 0, 8000, 5);
    a.poke(Guest::GFNS, &[5_u64.to_le_bytes(), 5_u64.to_le_bytes()].concat());
    assert_eq!(a.call(OP_REGISTER, Guest::STRUCT, Guest::GFNS, 2, 0), 0);
}

#[test]
fn register_reads_its_struct_once() {
    let [a, b] = pair();
    a.hv.host().reads();
    assert_eq!(a.register(80, b.id, 64), 0);
    assert_eq!(
        a.hv.host().reads(),
        [Guest::STRUCT..Guest::STRUCT + 12, Guest::GFNS..Guest::GFNS + 8]
    );
    assert_eq!(b.send_iovs(Addr::new(a.id, 80).domain, 80, &[]), 0);
}
