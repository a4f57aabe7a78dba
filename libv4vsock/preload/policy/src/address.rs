//! IP addresses in the one form that tables use.

use std::net::IpAddr;

/// The address, an IPv4 one that IPv6 maps (`::ffff:10.0.0.2`) as the IPv4 address that it is.
#[must_use]
pub fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// The address of `text`.
///
/// # Errors
/// A sentence that says how one is written.
pub(crate) fn parse(text: &str) -> Result<IpAddr, String> {
    let address: IpAddr = text
        .parse()
        .map_err(|_| format!("{text:?} is no IP address: write one as in 10.0.0.2 or fd00::2"))?;
    let address = canonical(address);
    if address.is_unspecified() || address.is_multicast() {
        return Err(format!("{text} is no address of a machine"));
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_address_is_the_one_that_it_maps() {
        assert_eq!(parse("::ffff:10.0.0.2"), parse("10.0.0.2"));
        assert_ne!(parse("fd00::2"), parse("10.0.0.2"));
    }

    #[test]
    fn what_is_no_machine_is_refused() {
        for bad in [
            "",
            "gpu",
            "10.0.0",
            "10.0.0.2:80",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "10.0.0.0/8",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
