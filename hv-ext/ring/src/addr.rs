//! Who sends and who receives: domain ids and addresses, as the ABI writes them.

use core::fmt;

/// A domain's number on its host.
///
/// An id is not a reference to a domain: Xen reuses ids. Whoever keeps one across a wait compares generations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomId(pub u16);

impl DomId {
    /// `XEN_ARGO_DOMID_ANY` (`DOMID_INVALID` in `xen.h`): as a partner, any domain may send; as a source, "myself".
    pub const ANY: Self = Self(0x7FF4);
    /// The first of the reserved ids (`DOMID_FIRST_RESERVED` in `xen.h`); real domains have smaller ones.
    pub const FIRST_RESERVED: u16 = 0x7FF0;

    /// Whether this is the wildcard rather than one domain.
    #[must_use]
    pub const fn is_any(self) -> bool {
        self.0 == Self::ANY.0
    }
}

impl fmt::Display for DomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_any() {
            f.write_str("any")
        } else {
            self.0.fmt(f)
        }
    }
}

/// A port of a domain (`struct xen_argo_addr`, 8 bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Addr {
    /// The port, any 32-bit number.
    pub port: u32,
    /// The domain.
    pub domain: DomId,
}

impl Addr {
    /// Bytes of an encoded address.
    pub const SIZE: usize = 8;

    /// An address from its parts.
    #[must_use]
    pub const fn new(domain: DomId, port: u32) -> Self {
        Self { port, domain }
    }

    /// The ABI's bytes: port, domain, zero padding; little endian.
    #[must_use]
    pub const fn encode(self) -> [u8; Self::SIZE] {
        let p = self.port.to_le_bytes();
        let d = self.domain.0.to_le_bytes();
        [p[0], p[1], p[2], p[3], d[0], d[1], 0, 0]
    }

    /// The address in these bytes, and its padding, which callers of the ABI must leave zero.
    #[must_use]
    pub const fn decode(b: [u8; Self::SIZE]) -> (Self, u16) {
        let port = u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        let domain = DomId(u16::from_le_bytes([b[4], b[5]]));
        (Self { port, domain }, u16::from_le_bytes([b[6], b[7]]))
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.domain, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn an_address_has_the_abis_bytes() {
        let addr = Addr::new(DomId(0x0203), 0x0405_0607);
        assert_eq!(addr.encode(), [7, 6, 5, 4, 3, 2, 0, 0]);
        assert_eq!(Addr::decode([7, 6, 5, 4, 3, 2, 9, 0]), (addr, 9));
    }

    #[test]
    fn addresses_print_as_people_write_them() {
        assert_eq!(Addr::new(DomId(3), 5001).to_string(), "3:5001");
        assert_eq!(Addr::new(DomId::ANY, 7).to_string(), "any:7");
    }
}
