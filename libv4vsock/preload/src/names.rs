//! The addresses that a program sees of a V4V connection: those of the policy's table.

use crate::active;
use crate::address::Raw;
use crate::notes::Notes;
use crate::v4v;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use v4v_wrapper_policy::Domain;
use v4vsock::V4vAddr;

/// The first of 2^15 ports that stand for V4V's of more than 16 bits.
const PORT_STAND_IN: u16 = 1 << 15;

/// The IP address and port that stand for a V4V socket's.
///
/// A domain that the table does not know is 169.254.x.y, of x·256+y its number: an address of this link alone (RFC 3927), which no
/// router passes on.
pub(crate) fn outward(address: V4vAddr, wants_v6: bool) -> SocketAddr {
    SocketAddr::new(ip(address.domain(), wants_v6), port(address.port()))
}

fn ip(domain: u16, wants_v6: bool) -> IpAddr {
    in_table(domain, wants_v6).unwrap_or_else(|| {
        let [high, low] = domain.to_be_bytes();
        Ipv4Addr::new(169, 254, high, low).into()
    })
}

fn in_table(domain: u16, wants_v6: bool) -> Option<IpAddr> {
    let policy = active::policy()?;
    // Names are not kept: a number may be another domain's tomorrow.
    let name = if policy.has_names() {
        v4v::name_of(domain)
    } else {
        None
    };
    let matches = |known: &Domain| match known {
        Domain::Id(id) => *id == domain,
        Domain::Name(known) => name.as_ref() == Some(known),
    };
    policy.address_of(matches, wants_v6)
}

fn port(port: u32) -> u16 {
    u16::try_from(port).unwrap_or(port as u16 | PORT_STAND_IN)
}

/// The address that a program sees of a V4V socket, in the form of the family that it used.
pub(crate) fn raw(address: V4vAddr, notes: Notes) -> Raw {
    Raw::of(outward(address, notes.is_v6()), notes.is_v6())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_without_an_address_gets_one_of_the_link() {
        let seen = outward(V4vAddr::new(0x1234, 5001), false);
        assert_eq!(seen.to_string(), "169.254.18.52:5001");
    }

    #[test]
    fn no_port_becomes_zero() {
        assert_eq!(
            (port(65_535), port(65_536), port(0x7FFF_FFFF)),
            (65_535, 32_768, 65_535)
        );
    }
}
