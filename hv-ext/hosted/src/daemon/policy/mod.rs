//! Who may be which domain, who may talk to whom, and how much each may have.
//!
//! Rules are about messages that open something: a connection to a port, or a datagram to it. `[[deny]]` goes before
//! `[[allow]]`, and `default` decides what neither is about. What a connection then carries, in both directions, goes over
//! rings with ports of their own (bit 31 set), which are open between two domains as soon as one of them may talk to
//! the other on any port. A domain may always talk to itself.

mod file;
mod pattern;
mod ports;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Deserialize;
use v4v_ring::DomId;

pub use file::BadPolicy;
pub use pattern::Pattern;
pub use ports::Ports;

use super::limits::{DOMAIN_BYTES, DOMAIN_RINGS};
use super::refusal::Refusal;

/// Set in the port of a connection's ring (docs/PROTOCOL.md); ports that users bind have it clear.
pub const RING_PORT_BIT: u32 = 1 << 31;
/// Ports below this one are for root and for domains with `privileged_ports`, as in TCP.
pub const PRIVILEGED_PORTS: u32 = 1024;

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Yes.
    Allow,
    /// No.
    Deny,
}

/// How much a domain may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Rings.
    pub rings: u32,
    /// Bytes of memory in them, whole pages.
    pub bytes: u64,
}

/// A domain that the policy names.
#[derive(Clone, Debug, PartialEq, Eq)]
struct DomainPolicy {
    /// The user who may be it; `None`: root and the daemon's own.
    uid: Option<u32>,
    id: Option<DomId>,
    quota: Quota,
    privileged_ports: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    verdict: Verdict,
    from: Pattern,
    to: Pattern,
    ports: Ports,
}

impl Rule {
    fn is_about(&self, from: &str, to: &str) -> bool {
        self.from.matches(from) && self.to.matches(to)
    }
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The daemon's own user.
    owner: u32,
    default: Verdict,
    wildcard: Verdict,
    /// May any user take a name that is not listed?
    unlisted: Verdict,
    quota: Quota,
    domains: BTreeMap<String, DomainPolicy>,
    /// The first that matches decides.
    rules: Vec<Rule>,
}

impl Policy {
    /// The policy without a file: the daemon's own user and root take any name, and everybody talks to everybody.
    #[must_use]
    pub fn open(owner: u32) -> Self {
        Self {
            owner,
            default: Verdict::Allow,
            wildcard: Verdict::Allow,
            unlisted: Verdict::Deny,
            quota: Quota {
                rings: DOMAIN_RINGS,
                bytes: DOMAIN_BYTES,
            },
            domains: BTreeMap::new(),
            rules: Vec::new(),
        }
    }

    /// Whether this user is root or the daemon's own.
    #[must_use]
    pub fn is_trusted(&self, uid: u32) -> bool {
        uid == 0 || uid == self.owner
    }

    /// May a process of this user be this domain?
    ///
    /// # Errors
    /// `EACCES`.
    pub fn may_join(&self, name: &str, uid: u32) -> Result<(), Refusal> {
        let (allowed, belongs) = match self.domains.get(name) {
            Some(DomainPolicy { uid: Some(owner), .. }) => (*owner == uid, format!("belongs to uid {owner}")),
            Some(_) => (
                self.is_trusted(uid),
                "belongs to root and to v4vd's own user".into(),
            ),
            None => {
                let allowed = self.unlisted == Verdict::Allow || self.is_trusted(uid);
                (allowed, "is not listed in the policy".into())
            }
        };
        if allowed {
            return Ok(());
        }
        Err(Refusal::new(
            libc::EACCES,
            format!(
                "domain {name:?} {belongs}, you are uid {uid}: choose another name with V4V_DOMAIN, or ask for \
                 `[domain.{name:?}] uid = {uid}` in v4vd's policy"
            ),
        ))
    }

    /// Whether there is any name that this user may take.
    #[must_use]
    pub fn knows(&self, uid: u32) -> bool {
        self.unlisted == Verdict::Allow
            || self.is_trusted(uid)
            || self.domains.values().any(|domain| domain.uid == Some(uid))
    }

    /// Whether users beside root and the daemon's own may join.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        let foreign = |domain: &DomainPolicy| domain.uid.is_some_and(|uid| !self.is_trusted(uid));
        self.unlisted == Verdict::Allow || self.domains.values().any(foreign)
    }

    /// The id that the policy chose for a name.
    #[must_use]
    pub fn fixed_id(&self, name: &str) -> Option<DomId> {
        self.domains.get(name)?.id
    }

    /// Whether an id is kept for some name.
    #[must_use]
    pub fn is_fixed(&self, id: DomId) -> bool {
        self.domains.values().any(|domain| domain.id == Some(id))
    }

    /// How much a domain may have.
    #[must_use]
    pub fn quota(&self, name: &str) -> Quota {
        self.domains.get(name).map_or(self.quota, |domain| domain.quota)
    }

    /// May a domain of this user have a ring at this port?
    #[must_use]
    pub fn may_have_port(&self, name: &str, uid: u32, port: u32) -> bool {
        port >= PRIVILEGED_PORTS || uid == 0 || self.domains.get(name).is_some_and(|d| d.privileged_ports)
    }

    /// May there be rings that any domain may send to?
    #[must_use]
    pub fn may_have_wildcard(&self) -> bool {
        self.wildcard == Verdict::Allow
    }

    /// May one domain send to a port of another?
    #[must_use]
    pub fn may_send(&self, from: &str, to: &str, port: u32) -> bool {
        if port & RING_PORT_BIT != 0 {
            return self.may_talk(from, to);
        }
        let rule = self
            .rules
            .iter()
            .find(|rule| rule.is_about(from, to) && rule.ports.contain(port));
        from == to || rule.map_or(self.default, |rule| rule.verdict) == Verdict::Allow
    }

    /// May one of the two open a connection to the other on some port?
    #[must_use]
    pub fn may_talk(&self, a: &str, b: &str) -> bool {
        a == b || self.may_open(a, b) || self.may_open(b, a)
    }

    fn may_open(&self, from: &str, to: &str) -> bool {
        let mut rules = self.rules.iter().filter(|rule| rule.is_about(from, to));
        // A denial of a few ports leaves others; one of all ports decides.
        let decisive = rules.find(|rule| rule.verdict == Verdict::Allow || rule.ports.are_all());
        decisive.map_or(self.default, |rule| rule.verdict) == Verdict::Allow
    }
}
