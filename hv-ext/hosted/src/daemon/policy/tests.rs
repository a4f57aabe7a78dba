use super::*;

const OWNER: u32 = 500;

fn policy(text: &str) -> Policy {
    Policy::parse(text, OWNER).expect("a policy")
}

fn mistake(text: &str) -> String {
    Policy::parse(text, OWNER).expect_err("a mistake").to_string()
}

#[test]
fn without_a_file_the_owner_and_root_do_as_they_like() {
    let open = Policy::open(OWNER);
    assert_eq!(policy(""), open);
    assert!(open.may_join("any", OWNER).is_ok() && open.may_join("any", 0).is_ok());
    assert_eq!(
        open.may_join("any", 7).expect_err("a stranger").errno,
        libc::EACCES
    );
    assert!(open.may_send("a", "b", 80) && open.may_have_wildcard() && !open.is_shared() && !open.knows(7));
}

#[test]
fn a_listed_name_belongs_to_its_user_alone() {
    let policy = policy("[domain.gpu]\nuid = 1000\n[domain.own]\nrings = 1");
    assert!(policy.may_join("gpu", 1000).is_ok() && policy.may_join("own", OWNER).is_ok());
    let refusal = policy.may_join("gpu", 0).expect_err("root is not uid 1000");
    assert!(refusal.sentence.contains("belongs to uid 1000") && refusal.sentence.contains("V4V_DOMAIN"));
    assert!(policy.may_join("own", 1000).is_err() && policy.may_join("other", 1000).is_err());
    assert!(policy.is_shared() && policy.knows(1000) && !policy.knows(1001));
}

#[test]
fn unlisted_names_can_be_opened_to_all() {
    let policy = policy("unlisted = 'allow'");
    assert!(policy.may_join("mine", 4321).is_ok() && policy.is_shared() && policy.knows(4321));
}

#[test]
fn a_denial_goes_before_a_permission_and_both_before_the_default() {
    let policy = policy(
        "default = 'deny'\n[[allow]]\nfrom = 'web-*'\nto = 'db'\nports = '80-90'\n\
         [[deny]]\nfrom = '*'\nto = 'db'\nports = '85'",
    );
    assert!(policy.may_send("web-1", "db", 80) && !policy.may_send("web-1", "db", 85));
    assert!(!policy.may_send("web-1", "db", 91) && !policy.may_send("db", "web-1", 80));
    assert!(!policy.may_send("other", "db", 80) && policy.may_send("db", "db", 1));
}

#[test]
fn connection_rings_are_open_both_ways_where_one_way_is() {
    let one_way = policy("default = 'deny'\n[[allow]]\nfrom = 'a'\nto = 'b'\nports = '80'");
    assert!(one_way.may_send("b", "a", RING_PORT_BIT | 5) && one_way.may_send("a", "b", RING_PORT_BIT | 5));
    assert!(!one_way.may_talk("a", "c"));
    let cut = policy(
        "[[deny]]\nfrom = 'a'\nto = 'b'\n[[deny]]\nfrom = 'b'\nto = 'a'\n[[allow]]\nfrom = 'a'\nto = '*'",
    );
    assert!(!cut.may_talk("a", "b") && cut.may_talk("a", "c"));
    let some = policy("[[deny]]\nfrom = 'a'\nto = 'b'\nports = '80'");
    assert!(some.may_talk("a", "b") && !some.may_send("a", "b", 80));
}

#[test]
fn low_ports_are_for_root_and_those_whom_the_policy_names() {
    let policy = policy("[domain.web]\nprivileged_ports = true");
    assert!(policy.may_have_port("web", 9, 80) && policy.may_have_port("x", 0, 80));
    assert!(!policy.may_have_port("x", OWNER, 1023) && policy.may_have_port("x", OWNER, 1024));
}

#[test]
fn quotas_and_ids_are_a_domains_own_or_the_files() {
    let policy = policy("rings = 9\n[domain.a]\nid = 7\nbytes = 5\n[domain.b]\nrings = 3");
    assert_eq!(policy.quota("a"), Quota { rings: 9, bytes: 5 });
    assert_eq!(
        policy.quota("b"),
        Quota {
            rings: 3,
            bytes: DOMAIN_BYTES
        }
    );
    assert_eq!(
        (policy.fixed_id("a"), policy.fixed_id("b")),
        (Some(DomId(7)), None)
    );
    assert!(policy.is_fixed(DomId(7)) && !policy.is_fixed(DomId(8)));
}

#[test]
fn every_mistake_names_its_line() {
    for (text, line, what) in [
        ("x = 1", 1, "unknown field"),
        ("\n[domain.a]\nuid = 'x'", 3, "u32"),
        ("\n\n[domain.a]\nuid = 1\nuser = 'root'", 3, "both"),
        ("[domain.a]\nid = 0", 2, "1 to 32751"),
        ("[domain.a]\nid = 3\n[domain.b]\nid = 3", 3, "\"a\""),
        ("[domain.'a b']\nid = 3", 1, "letters"),
        ("[domain.a]\nuser = 'no such user'", 2, "there is no user"),
        ("[[allow]]\nfrom = 'a'\nto = 'b'\nports = 'http'", 4, "no port"),
        ("[[allow]]\nfrom = 'a'", 1, "missing field"),
        ("[[deny]]\nfrom = 'a b'\nto = 'b'", 2, "no domain"),
        ("default = 'maybe'", 1, "unknown variant"),
        ("[domain.a", 1, ""),
    ] {
        let said = mistake(text);
        assert!(
            said.contains(&format!("line {line}")) && said.contains(what),
            "{text:?}: {said}"
        );
    }
}

#[test]
fn the_example_is_a_policy() {
    let example = Policy::parse(include_str!("../../../policy.example.toml"), OWNER).expect("the example");
    assert_ne!(example, Policy::open(OWNER));
}
