//! Policy files.

use v4v_hosted::daemon::Policy;
use v4v_hosted::daemon::policy::RING_PORT_BIT;

/// v4vd's own user.
const OWNER: u32 = 500;
const NAMES: [&str; 5] = ["gpu", "db", "web-1", "web-2", "x"];
const PORTS: [u32; 6] = [0, 80, 1023, 5000, RING_PORT_BIT - 1, 65_536];
const UIDS: [u32; 4] = [0, OWNER, 1000, 1001];

/// Fuzz target: see the crate's table.
///
/// # Panics
/// Where a mistake is not named with a line of the file, or a policy contradicts itself.
pub fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match Policy::parse(text, OWNER) {
        Ok(policy) => check(&policy),
        Err(mistake) => {
            let said = mistake.to_string();
            let line = said
                .split("line ")
                .nth(1)
                .and_then(|s| s.split(|c: char| !c.is_ascii_digit()).next());
            let line: usize = line
                .and_then(|n| n.parse().ok())
                .unwrap_or_else(|| panic!("no line: {said}"));
            assert!(
                (1..=text.split('\n').count()).contains(&line),
                "line {line}: {said}"
            );
        }
    }
}

fn check(policy: &Policy) {
    for a in NAMES {
        assert!(policy.may_send(a, a, 80) && policy.may_talk(a, a));
        for b in NAMES {
            let talk = policy.may_talk(a, b);
            assert_eq!(talk, policy.may_talk(b, a));
            assert_eq!(talk, policy.may_send(a, b, RING_PORT_BIT | 5));
            // Where a message may open a connection, the connection's own rings may be used.
            assert!(
                talk || !PORTS.iter().any(|port| policy.may_send(a, b, *port)),
                "{a} {b}"
            );
        }
        for uid in UIDS {
            assert!(policy.knows(uid) || policy.may_join(a, uid).is_err());
            assert!(policy.may_have_port(a, uid, 1024) && policy.may_have_port(a, 0, 1));
        }
        if let Some(id) = policy.fixed_id(a) {
            assert!(policy.is_fixed(id) && (1..0x7FF0).contains(&id.0));
            assert!(!NAMES.iter().any(|b| *b != a && policy.fixed_id(b) == Some(id)));
        }
    }
}
