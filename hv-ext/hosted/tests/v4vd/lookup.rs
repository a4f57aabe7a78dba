//! Names.

use crate::{Client, Daemon};
use v4v_hosted::wire::{DomainRecord, op};

#[test]
fn names_and_ids_lead_to_each_other() {
    let daemon = Daemon::start();
    let (a, b) = (Client::join(&daemon, "a"), Client::join(&daemon, "b"));
    assert_eq!(a.call(op::RESOLVE, [0; 4], b"b").result, i64::from(b.id.0));
    assert_eq!(a.call(op::NAME_OF, [b.id.0.into(), 0, 0, 0], &[]).blob, b"b");
    let blob = a.call(op::LIST_DOMAINS, [0; 4], &[]).blob;
    let names: Vec<_> = DomainRecord::decode_all(&blob)
        .map(|d| (d.id, d.name, d.processes))
        .collect();
    assert_eq!(names, [(a.id, "a".to_owned(), 1), (b.id, "b".to_owned(), 1)]);
}

#[test]
fn an_unknown_name_is_explained() {
    let daemon = Daemon::start();
    let a = Client::join(&daemon, "a");
    a.call(op::RESOLVE, [0; 4], b"gpu")
        .assert_refused(libc::ENOENT, "V4V_DOMAIN=gpu");
    a.call(op::RESOLVE, [0; 4], b"a b")
        .assert_refused(libc::EINVAL, "letters");
    for id in [0, 9999, u64::MAX] {
        a.call(op::NAME_OF, [id, 0, 0, 0], &[])
            .assert_refused(libc::ENOENT, "v4v stat");
    }
}
