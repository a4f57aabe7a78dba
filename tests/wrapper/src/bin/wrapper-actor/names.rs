//! Addresses, as both runs can say them.

use libc::{AF_INET, AF_INET6, c_int, sockaddr, sockaddr_in, sockaddr_in6, sockaddr_storage, socklen_t};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address's bytes.
pub(crate) struct Name {
    storage: sockaddr_storage,
    pub(crate) len: socklen_t,
}

impl Name {
    pub(crate) fn empty() -> Self {
        Self {
            // SAFETY: plain data, for which zero is a value.
            storage: unsafe { std::mem::zeroed() },
            len: size_of::<sockaddr_storage>() as socklen_t,
        }
    }

    /// `host` and `port`, in the form of the family.
    pub(crate) fn of(host: Ipv4Addr, port: u16, is_v6: bool) -> Self {
        let mut name = Self::empty();
        if is_v6 {
            let ip = if host.is_unspecified() {
                Ipv6Addr::UNSPECIFIED
            } else {
                host.to_ipv6_mapped()
            };
            // SAFETY: the storage is larger than any address and as strictly aligned.
            let to = unsafe { &mut *(&raw mut name.storage).cast::<sockaddr_in6>() };
            (to.sin6_family, to.sin6_port, to.sin6_addr.s6_addr) =
                (AF_INET6 as u16, port.to_be(), ip.octets());
            name.len = size_of::<sockaddr_in6>() as socklen_t;
        } else {
            // SAFETY: as above.
            let to = unsafe { &mut *(&raw mut name.storage).cast::<sockaddr_in>() };
            (to.sin_family, to.sin_port, to.sin_addr.s_addr) =
                (AF_INET as u16, port.to_be(), u32::from(host).to_be());
            name.len = size_of::<sockaddr_in>() as socklen_t;
        }
        name
    }

    pub(crate) fn as_ptr(&self) -> *const sockaddr {
        (&raw const self.storage).cast()
    }

    pub(crate) fn as_mut(&mut self) -> (*mut sockaddr, *mut socklen_t) {
        ((&raw mut self.storage).cast(), &raw mut self.len)
    }

    /// The address and the port.
    pub(crate) fn inet(&self) -> Option<(IpAddr, u16)> {
        // SAFETY: the storage is larger than any address and as strictly aligned, and all bytes are a value.
        unsafe {
            match c_int::from(self.storage.ss_family) {
                AF_INET => {
                    let from = &*(&raw const self.storage).cast::<sockaddr_in>();
                    let ip = Ipv4Addr::from(u32::from_be(from.sin_addr.s_addr));
                    Some((ip.into(), u16::from_be(from.sin_port)))
                }
                AF_INET6 => {
                    let from = &*(&raw const self.storage).cast::<sockaddr_in6>();
                    Some((
                        Ipv6Addr::from(from.sin6_addr.s6_addr).into(),
                        u16::from_be(from.sin6_port),
                    ))
                }
                _ => None,
            }
        }
    }

    /// The address in words that do not depend on the run.
    pub(crate) fn show(&self, host: Ipv4Addr, ports: &[u16]) -> String {
        if self.len == 0 {
            return "none".to_owned();
        }
        let Some((ip, port)) = self.inet() else {
            return format!("family {} of {} bytes", self.storage.ss_family, self.len);
        };
        let form = if ip.is_ipv6() { "v6" } else { "v4" };
        let ip = match ip.to_canonical() {
            IpAddr::V4(ip) if ip == host => "host".to_owned(),
            other => other.to_string(),
        };
        let port = match ports.iter().position(|p| *p == port) {
            _ if port == 0 => "none".to_owned(),
            Some(number) => format!("listener {number}"),
            None => "other".to_owned(),
        };
        format!("{form} {ip} {port} {} bytes", self.len)
    }
}
