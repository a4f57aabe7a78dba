//! The policy file: TOML, every mistake named with its line.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use nix::unistd::User;
use serde::Deserialize;
use toml::Spanned;
use v4v_ring::DomId;

use super::{DomainPolicy, Pattern, Policy, Ports, Quota, Rule, Verdict};
use crate::daemon::limits::{DOMAIN_BYTES, DOMAIN_RINGS, POLICY_MAX};
use crate::wire::check_name;

/// A whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPolicy {
    #[serde(default = "allow")]
    default: Verdict,
    #[serde(default = "allow")]
    wildcard: Verdict,
    #[serde(default = "deny")]
    unlisted: Verdict,
    rings: Option<u32>,
    bytes: Option<u64>,
    #[serde(default)]
    domain: BTreeMap<String, Spanned<RawDomain>>,
    #[serde(default)]
    allow: Vec<RawRule>,
    #[serde(default)]
    deny: Vec<RawRule>,
}

/// `[domain.NAME]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDomain {
    uid: Option<u32>,
    user: Option<UserName>,
    id: Option<FixedId>,
    rings: Option<u32>,
    bytes: Option<u64>,
    #[serde(default)]
    privileged_ports: bool,
}

/// `[[allow]]` or `[[deny]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    from: Pattern,
    to: Pattern,
    #[serde(default = "Ports::all")]
    ports: Ports,
}

/// A user by name.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct UserName(u32);

/// An id that a real domain can have.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "u16")]
struct FixedId(DomId);

fn allow() -> Verdict {
    Verdict::Allow
}

fn deny() -> Verdict {
    Verdict::Deny
}

impl TryFrom<String> for UserName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        match User::from_name(&name) {
            Ok(Some(user)) => Ok(Self(user.uid.as_raw())),
            Ok(None) => Err(format!(
                "there is no user {name:?}: create it, or write `uid = NUMBER`"
            )),
            Err(error) => Err(format!("cannot look up user {name:?}: {error}")),
        }
    }
}

impl TryFrom<u16> for FixedId {
    type Error = String;

    fn try_from(id: u16) -> Result<Self, String> {
        let last = DomId::FIRST_RESERVED - 1;
        if (1..=last).contains(&id) {
            Ok(Self(DomId(id)))
        } else {
            Err(format!("a domain's id is 1 to {last}"))
        }
    }
}

/// Why a file is no policy: a sentence with the file's name, and the line where there is one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadPolicy(String);

impl Policy {
    /// Reads a file. `owner` is the daemon's own user.
    ///
    /// # Errors
    /// [`BadPolicy`].
    pub fn load(path: &Path, owner: u32) -> Result<Self, BadPolicy> {
        let say = |what: String| BadPolicy(format!("{}: {what}", path.display()));
        let file = File::open(path).map_err(|e| say(format!("cannot open the policy file: {e}")))?;
        let mut text = String::new();
        file.take(POLICY_MAX + 1)
            .read_to_string(&mut text)
            .map_err(|e| say(format!("cannot read it: {e}")))?;
        if text.len() as u64 > POLICY_MAX {
            return Err(say(format!("longer than {POLICY_MAX} bytes")));
        }
        Self::parse(&text, owner).map_err(|e| say(e.0))
    }

    /// Reads a text.
    ///
    /// # Errors
    /// [`BadPolicy`], without a file's name.
    pub fn parse(text: &str, owner: u32) -> Result<Self, BadPolicy> {
        let raw: RawPolicy = toml::from_str(text).map_err(|e| BadPolicy(e.to_string().trim_end().into()))?;
        let quota = Quota {
            rings: raw.rings.unwrap_or(DOMAIN_RINGS),
            bytes: raw.bytes.unwrap_or(DOMAIN_BYTES),
        };
        let mut policy = Self {
            owner,
            default: raw.default,
            wildcard: raw.wildcard,
            unlisted: raw.unlisted,
            quota,
            domains: BTreeMap::new(),
            rules: Vec::new(),
        };
        for (name, domain) in raw.domain {
            let line = 1 + text
                .bytes()
                .take(domain.span().start)
                .filter(|b| *b == b'\n')
                .count();
            let domain = policy.domain(&name, &domain.into_inner());
            let domain = domain.map_err(|what| BadPolicy(format!("line {line}: domain {name:?}: {what}")))?;
            policy.domains.insert(name, domain);
        }
        // Denials first: the first rule that matches decides.
        policy
            .rules
            .extend(raw.deny.into_iter().map(|r| r.with(Verdict::Deny)));
        policy
            .rules
            .extend(raw.allow.into_iter().map(|r| r.with(Verdict::Allow)));
        Ok(policy)
    }

    /// Checks what a domain's table says on its own and beside those before it.
    fn domain(&self, name: &str, raw: &RawDomain) -> Result<DomainPolicy, String> {
        check_name(name).map_err(|e| e.to_string())?;
        let uid = match (raw.uid, raw.user) {
            (Some(_), Some(_)) => return Err("has both `uid` and `user`: keep one".into()),
            (uid, user) => uid.or(user.map(|u| u.0)),
        };
        let id = raw.id.map(|id| id.0);
        if let Some(other) = self
            .domains
            .iter()
            .find(|(_, d)| id.is_some() && d.id == id)
            .map(|(name, _)| name)
        {
            return Err(format!("has the id of domain {other:?}"));
        }
        let quota = Quota {
            rings: raw.rings.unwrap_or(self.quota.rings),
            bytes: raw.bytes.unwrap_or(self.quota.bytes),
        };
        Ok(DomainPolicy {
            uid,
            id,
            quota,
            privileged_ports: raw.privileged_ports,
        })
    }
}

impl RawRule {
    fn with(self, verdict: Verdict) -> Rule {
        Rule {
            verdict,
            from: self.from,
            to: self.to,
            ports: self.ports,
        }
    }
}
