//! Who may what.

use crate::daemon::scratch;
use crate::{Client, Daemon};
use nix::unistd::geteuid;
use v4v_hosted::wire::BLOB_BASE;
use v4v_hv::abi::OP_REGISTER;
use v4v_ring::layout::pages;
use v4v_ring::{Addr, DomId};

const LEN: u32 = 4032;
const RING: u32 = 1 << 31 | 5;

#[test]
fn a_denied_message_gets_xens_errno_and_a_sentence() {
    let daemon = Daemon::with_policy("default = 'deny'\n[[allow]]\nfrom = 'web'\nto = 'gpu'\nports = '5000'");
    let (web, gpu) = (Client::join(&daemon, "web"), Client::join(&daemon, "gpu"));
    let _rings = [
        gpu.register(5000, DomId::ANY, LEN),
        gpu.register(5001, DomId::ANY, LEN),
        web.register(5000, DomId::ANY, LEN),
    ];
    assert_eq!(web.sendv(web.id, Addr::new(gpu.id, 5000), b"x").result, 1);
    web.sendv(web.id, Addr::new(gpu.id, 5001), b"x")
        .assert_refused(libc::EACCES, "[[allow]]");
    gpu.sendv(gpu.id, Addr::new(web.id, 5000), b"x")
        .assert_refused(libc::EACCES, "port 5000");
    // The rings of a connection are open both ways.
    assert_eq!(web.register(RING, gpu.id, LEN).result, 0);
    assert_eq!(gpu.attach(web.id, RING, 0).result, i64::from(LEN));
}

#[test]
fn strangers_to_each_other_share_no_ring() {
    let daemon = Daemon::with_policy("default = 'deny'");
    let (a, b) = (Client::join(&daemon, "a"), Client::join(&daemon, "b"));
    a.register(RING, b.id, LEN)
        .assert_refused(libc::EACCES, "neither");
    assert_eq!(
        a.register(RING, a.id, LEN).result,
        0,
        "a domain may talk to itself"
    );
}

#[test]
fn a_name_of_another_user_is_refused() {
    let uid = geteuid().as_raw() + 1;
    let daemon = Daemon::with_policy(&format!("[domain.gpu]\nuid = {uid}"));
    Client::connect(&daemon)
        .hello("gpu")
        .assert_refused(libc::EACCES, &format!("belongs to uid {uid}"));
}

#[test]
fn a_ring_is_charged_by_the_name_that_it_is_registered_under() {
    let daemon = Daemon::with_policy("[domain.small]\nrings = 2");
    let small = Client::join(&daemon, "small");
    // What lies at the start of the blob names another ring than the one that the handle points to.
    let ring = |port: u32| [&Addr::new(DomId::ANY, port).encode()[..], &LEN.to_le_bytes()].concat();
    let register = |port| {
        let blob = [ring(5000), ring(port)].concat();
        let handle = BLOB_BASE + ring(0).len() as u64;
        small.call(OP_REGISTER, [handle, 0, pages(LEN).into(), 0], &blob)
    };
    assert_eq!([register(6000), register(6001)].map(|reply| reply.result), [0, 0]);
    register(6002).assert_refused(libc::ENOSPC, "has 2 rings");
    assert_eq!(small.unregister(6000, DomId::ANY).result, 0);
    assert_eq!(register(6002).result, 0, "one was given back");
}

#[test]
fn quotas_are_kept_and_given_back() {
    let daemon = Daemon::with_policy("[domain.small]\nrings = 2\nbytes = 12288");
    let small = Client::join(&daemon, "small");
    assert_eq!(small.register(5000, DomId::ANY, LEN).result, 0);
    small
        .register(5001, DomId::ANY, LEN + 2 * 4096)
        .assert_refused(libc::ENOMEM, "quota is 12288");
    assert_eq!(small.register(5001, DomId::ANY, LEN + 4096).result, 0);
    small
        .register(5002, DomId::ANY, LEN)
        .assert_refused(libc::ENOSPC, "has 2 rings");
    assert_eq!(small.unregister(5000, DomId::ANY).result, 0);
    assert_eq!(small.register(5002, DomId::ANY, LEN).result, 0);
}

#[test]
fn wildcard_rings_can_be_forbidden() {
    let daemon = Daemon::with_policy("wildcard = 'deny'");
    Client::join(&daemon, "a")
        .register(5000, DomId::ANY, LEN)
        .assert_refused(libc::EPERM, "wildcard");
}

#[test]
fn a_new_policy_counts_from_now_on_and_a_bad_one_not_at_all() {
    let mut daemon = Daemon::with_policy("");
    let (a, b) = (Client::join(&daemon, "a"), Client::join(&daemon, "b"));
    assert_eq!(b.register(5000, DomId::ANY, LEN).result, 0);
    let send = || a.sendv(a.id, Addr::new(b.id, 5000), b"x").result;
    assert_eq!(send(), 1);
    daemon.reload("default = 'deny'", "was read again");
    assert_eq!(send(), -i64::from(libc::EACCES));
    daemon.reload("default = 'perhaps'", "old policy stays");
    assert_eq!(send(), -i64::from(libc::EACCES));
}

#[test]
fn a_fixed_id_is_kept_for_its_name() {
    let daemon = Daemon::with_policy("[domain.gpu]\nid = 1");
    assert_eq!(Client::join(&daemon, "other").id, DomId(2));
    assert_eq!(Client::join(&daemon, "gpu").id, DomId(1));
}

#[test]
fn a_ring_is_no_bigger_than_xens() {
    let daemon = Daemon::start();
    let a = Client::join(&daemon, "a");
    for len in [0, 32, 4040, 1 << 24] {
        assert!(a.register(5000, DomId::ANY, len).result < 0, "{len}");
    }
    assert!(!scratch("unused").exists());
}
