//! The conformance suite's TCP pairs, with sockets that the wrapper makes V4V's: whatever a pair expects of TCP has to hold.

use std::collections::BTreeSet;
use std::process::Command;
use v4v_wrapper_tests::{Rig, built, finish};

/// Pairs that do not hold, hosted, and why. docs/WRAPPER.md tells users.
const BY_DESIGN: [(&str, &str); 6] = [
    (
        "backlog_full_waits",
        "a V4V listener has room for 1024 at least: nobody repeats a call as TCP repeats a SYN",
    ),
    (
        "receive_buffer",
        "how much a Unix socket holds is the sender's matter, SO_SNDBUF",
    ),
    (
        "reset_by_linger",
        "closing a Unix socket with SO_LINGER of 0 resets nothing",
    ),
    ("reset_by_last_clone", "the same"),
    ("option_linger_zero", "the same"),
    (
        "order_listening",
        "send on a listener: ENOTSOCK, since its descriptor is an epoll set, where TCP says EPIPE",
    ),
];

#[test]
fn what_holds_on_tcp_holds_through_the_wrapper() {
    let rig = Rig::new("conformance");
    let mut command = Command::new(built("v4v"));
    command
        .args(["run", "--"])
        .arg(built("v4v-conformance"))
        .args(["run", "--backend", "tcp"])
        .env("V4V_SOCKET", rig.socket())
        .env("V4V_BACKEND", "hosted")
        .env("V4V_DOMAIN", "suite")
        // Both sides bind and connect to the loopback interface; with this table its address is the domain's.
        .env("V4V_PEERS", "127.0.0.1=suite")
        .env("V4V_WRAPPER_MODE", "only")
        .env("V4V_WRAPPER_POLICY", "");
    let (_, text) = finish(&mut command);
    let of = |end: &str| -> BTreeSet<&str> {
        let names = text
            .lines()
            .filter_map(|line| line.strip_prefix("test ")?.strip_suffix(end));
        names.map(|name| name.trim_end_matches(" on tcp")).collect()
    };
    let (passed, failed) = (of(" ... ok"), of(" ... FAILED"));
    let expected: BTreeSet<&str> = BY_DESIGN.iter().map(|(name, _)| *name).collect();
    assert_eq!(failed, expected, "{text}");
    assert!(passed.len() > 130, "only {} pairs ran:\n{text}", passed.len());
    println!(
        "{} pairs hold over V4V through the wrapper, {} do not, by design",
        passed.len(),
        failed.len()
    );
}
