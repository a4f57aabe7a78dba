//! Addresses: a domain and a port.

use crate::backend;
use std::fmt;
use std::io;
use std::str::FromStr;
use v4v_ring::{Addr, DomId};

/// The address of a socket: a domain of this host and a port.
///
/// Written `3:5001`, or `gpu:5001` with a domain's name, which parsing looks up (hosted: `v4vd` knows the names; on Xen:
/// the guest kernel). `any:5001` is every domain, for binding.
///
/// ```no_run
/// let addr: v4vsock::V4vAddr = "gpu:5001".parse()?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct V4vAddr(Addr);

impl V4vAddr {
    /// The wildcard domain, for binding.
    pub const ANY: u16 = DomId::ANY.0;

    /// The address of `port` in domain `domain`.
    #[must_use]
    pub const fn new(domain: u16, port: u32) -> Self {
        Self(Addr::new(DomId(domain), port))
    }

    /// The domain's id.
    #[must_use]
    pub const fn domain(&self) -> u16 {
        self.0.domain.0
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u32 {
        self.0.port
    }

    /// The name of the address's domain, if it has one.
    ///
    /// # Errors
    /// Where the backend cannot be reached.
    pub fn domain_name(&self) -> io::Result<Option<String>> {
        backend::domain_name_of(self.0.domain)
    }

    pub(crate) const fn raw(self) -> Addr {
        self.0
    }
}

impl From<Addr> for V4vAddr {
    fn from(addr: Addr) -> Self {
        Self(addr)
    }
}

impl fmt::Display for V4vAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a text is no address.
#[derive(thiserror::Error)]
pub enum ParseAddrError {
    /// No colon between domain and port.
    #[error("\"{0}\" is no address: write DOMAIN:PORT, as in 3:5001 or gpu:5001")]
    NoPort(String),
    /// The part after the colon is no port.
    #[error("\"{0}\" is no port: a port is a number from 0 to 2147483647")]
    BadPort(String),
    /// A number that no domain can have.
    #[error("no domain has the number {0}: they go up to {last}", last = DomId::FIRST_RESERVED - 1)]
    BadDomain(String),
    /// No domain has this name, or it could not be looked up.
    #[error("cannot find domain \"{name}\": {source}")]
    Unknown {
        /// The name.
        name: String,
        /// What the look-up said.
        source: io::Error,
    },
}

/// The sentence, quoted: what a program shows whose `main` returns the error.
impl fmt::Debug for ParseAddrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), f)
    }
}

impl From<ParseAddrError> for io::Error {
    fn from(error: ParseAddrError) -> Self {
        let kind = match &error {
            ParseAddrError::Unknown { source, .. } => source.kind(),
            _ => io::ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}

impl FromStr for V4vAddr {
    type Err = ParseAddrError;

    fn from_str(text: &str) -> Result<Self, ParseAddrError> {
        let (domain, port) = text
            .rsplit_once(':')
            .ok_or_else(|| ParseAddrError::NoPort(text.into()))?;
        let port = port.parse().map_err(|_| ParseAddrError::BadPort(port.into()))?;
        domain_id(domain).map(|domain| Self(Addr::new(domain, port)))
    }
}

/// A domain's id from its number, its name, or `any`.
fn domain_id(text: &str) -> Result<DomId, ParseAddrError> {
    if text == "any" {
        return Ok(DomId::ANY);
    }
    match text.parse() {
        Ok(number) => Ok(DomId(number)),
        Err(_) if text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() => {
            Err(ParseAddrError::BadDomain(text.into()))
        }
        Err(_) => backend::resolve(text).map_err(|source| ParseAddrError::Unknown {
            name: text.into(),
            source,
        }),
    }
}

/// What names one address: an address, a pair, or a text.
pub trait ToV4vAddr {
    /// The address; looks a name up.
    ///
    /// # Errors
    /// `InvalidInput` where it is none, `NotFound` where no domain has the name.
    fn to_v4v_addr(&self) -> io::Result<V4vAddr>;
}

impl ToV4vAddr for V4vAddr {
    fn to_v4v_addr(&self) -> io::Result<V4vAddr> {
        Ok(*self)
    }
}

impl ToV4vAddr for (u16, u32) {
    fn to_v4v_addr(&self) -> io::Result<V4vAddr> {
        Ok(V4vAddr::new(self.0, self.1))
    }
}

impl ToV4vAddr for (&str, u32) {
    fn to_v4v_addr(&self) -> io::Result<V4vAddr> {
        Ok(V4vAddr(Addr::new(domain_id(self.0)?, self.1)))
    }
}

impl ToV4vAddr for str {
    fn to_v4v_addr(&self) -> io::Result<V4vAddr> {
        Ok(self.parse()?)
    }
}

impl ToV4vAddr for String {
    fn to_v4v_addr(&self) -> io::Result<V4vAddr> {
        self.as_str().to_v4v_addr()
    }
}

impl<T: ToV4vAddr + ?Sized> ToV4vAddr for &T {
    fn to_v4v_addr(&self) -> io::Result<V4vAddr> {
        (**self).to_v4v_addr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_parse_and_print() {
        let addr: V4vAddr = "3:5001".parse().expect("an address");
        assert_eq!(
            (addr.domain(), addr.port(), addr.to_string().as_str()),
            (3, 5001, "3:5001")
        );
        assert_eq!("any:7".to_v4v_addr().expect("an address").domain(), V4vAddr::ANY);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error = "5001".parse::<V4vAddr>().expect_err("no colon");
        assert!(error.to_string().contains("DOMAIN:PORT"));
        let error = "3:http".to_v4v_addr().expect_err("no number");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!("3:4294967296".parse::<V4vAddr>().is_err());
    }
}
