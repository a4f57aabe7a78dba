//! One line of the table: an address and the domain that has it.

use crate::address;
use crate::policy::Mode;
use crate::ports::Ports;
use serde::Deserialize;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The highest number that a domain can have; those above are the hypervisor's own words for "myself", "any" and the like.
const LAST_DOMAIN: u16 = 0x7FEF;
/// The longest name of a domain, in bytes.
const NAME_MAX: usize = 63;

/// A domain of this host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "RawDomain")]
pub enum Domain {
    /// By its number.
    Id(u16),
    /// By its name, which the backend looks up at each connect: hosted, `v4vd` knows it; on Xen, `/etc/v4v/hosts`.
    Name(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawDomain {
    Id(i64),
    Name(String),
}

impl TryFrom<RawDomain> for Domain {
    type Error = String;

    fn try_from(raw: RawDomain) -> Result<Self, String> {
        match raw {
            RawDomain::Id(id) => number(&id.to_string()),
            RawDomain::Name(name) => name.parse(),
        }
    }
}

impl FromStr for Domain {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return number(text);
        }
        let plain = text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if plain && text != "any" && (1..=NAME_MAX).contains(&text.len()) {
            Ok(Self::Name(text.to_owned()))
        } else {
            Err(format!(
                "{text:?} is no domain: write its number, or its name of letters, digits, '.', '_' and '-'"
            ))
        }
    }
}

fn number(text: &str) -> Result<Domain, String> {
    match text.parse() {
        Ok(id) if id <= LAST_DOMAIN => Ok(Domain::Id(id)),
        _ => Err(format!(
            "no domain has the number {text}: they are 0 to {LAST_DOMAIN}"
        )),
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// An address of a domain, and what is particular about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The address, never an IPv4 one in IPv6's form.
    pub address: IpAddr,
    /// The domain that has it.
    pub domain: Domain,
    /// What a connect does, where it differs from the policy's.
    pub mode: Option<Mode>,
    /// The ports that are meant; all others stay TCP.
    pub ports: Ports,
}

impl Peer {
    /// All ports, and the policy's mode.
    #[must_use]
    pub fn new(address: IpAddr, domain: Domain) -> Self {
        Self {
            address,
            domain,
            mode: None,
            ports: Ports::all(),
        }
    }
}

/// `ADDRESS=DOMAIN`.
impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, domain) = text
            .split_once('=')
            .ok_or_else(|| format!("{text:?} is no peer: write ADDRESS=DOMAIN, as in 10.0.0.2=gpu"))?;
        Ok(Self::new(address::parse(address.trim())?, domain.trim().parse()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_a_number_or_a_name() {
        assert_eq!("7".parse(), Ok(Domain::Id(7)));
        assert_eq!("gpu-0".parse(), Ok(Domain::Name("gpu-0".into())));
        for bad in ["", "a b", "any", "32752", "99999999999", "ä", &"x".repeat(64)] {
            assert!(bad.parse::<Domain>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_peer_is_an_address_and_a_domain() {
        let peer: Peer = "::ffff:10.0.0.2 = gpu".parse().expect("a peer");
        assert_eq!(peer.address, "10.0.0.2".parse::<IpAddr>().expect("an address"));
        assert!("10.0.0.2".parse::<Peer>().is_err() && "gpu=10.0.0.2".parse::<Peer>().is_err());
    }
}
