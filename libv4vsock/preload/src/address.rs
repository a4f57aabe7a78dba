//! Socket addresses of the C library's, and those of Rust's.

use libc::{AF_INET, AF_INET6, c_int, sockaddr, sockaddr_in, sockaddr_in6, sockaddr_storage, socklen_t};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ptr;

/// An address as the C library has it.
pub(crate) struct Raw {
    storage: sockaddr_storage,
    len: socklen_t,
}

impl Raw {
    /// Room for any address.
    pub(crate) fn empty() -> Self {
        Self {
            // SAFETY: sockaddr_storage is plain data, for which zero is a value.
            storage: unsafe { std::mem::zeroed() },
            len: size_of::<sockaddr_storage>() as socklen_t,
        }
    }

    /// Where a call is to write it, and how much room there is.
    pub(crate) fn as_mut(&mut self) -> (*mut sockaddr, *mut socklen_t) {
        ((&raw mut self.storage).cast(), &raw mut self.len)
    }

    /// The family that a call has written.
    pub(crate) fn family(&self) -> c_int {
        self.storage.ss_family.into()
    }

    /// Whether a call has written a Unix socket's name that is no path.
    pub(crate) fn is_abstract(&self) -> bool {
        let path = size_of::<libc::sa_family_t>();
        // SAFETY: the storage is longer than the family and one byte.
        let first = unsafe { (&raw const self.storage).cast::<u8>().add(path).read() };
        self.len as usize > path + 1 && first == 0
    }

    /// The IP address and port, if that is what a call has written.
    pub(crate) fn inet(&self) -> Option<SocketAddr> {
        // SAFETY: the storage holds `len` bytes at least, and is aligned for any address.
        unsafe { inet((&raw const self.storage).cast(), self.len) }
    }

    /// The bytes of an IP address and port, in the form of this family: IPv6 has a form for IPv4's addresses; what IPv4 has
    /// none for stays IPv6.
    pub(crate) fn of(address: SocketAddr, wants_v6: bool) -> Self {
        let mut raw = Self::empty();
        match (address.ip(), wants_v6) {
            (IpAddr::V4(ip), false) => raw.put_v4(ip, address.port()),
            (IpAddr::V4(ip), true) => raw.put_v6(ip.to_ipv6_mapped(), address.port()),
            (IpAddr::V6(ip), _) => raw.put_v6(ip, address.port()),
        }
        raw
    }

    fn put_v4(&mut self, ip: Ipv4Addr, port: u16) {
        let address = sockaddr_in {
            sin_family: AF_INET as libc::sa_family_t,
            sin_port: port.to_be(),
            sin_addr: libc::in_addr {
                s_addr: u32::from(ip).to_be(),
            },
            sin_zero: [0; 8],
        };
        self.len = size_of::<sockaddr_in>() as socklen_t;
        // SAFETY: the storage is larger than any address and as strictly aligned.
        unsafe { (&raw mut self.storage).cast::<sockaddr_in>().write(address) }
    }

    fn put_v6(&mut self, ip: Ipv6Addr, port: u16) {
        let address = sockaddr_in6 {
            sin6_family: AF_INET6 as libc::sa_family_t,
            sin6_port: port.to_be(),
            sin6_flowinfo: 0,
            sin6_addr: libc::in6_addr { s6_addr: ip.octets() },
            sin6_scope_id: 0,
        };
        self.len = size_of::<sockaddr_in6>() as socklen_t;
        // SAFETY: as above.
        unsafe { (&raw mut self.storage).cast::<sockaddr_in6>().write(address) }
    }

    /// Hands it to a program as the kernel does: as much as there is room for, and the length that it has.
    ///
    /// # Safety
    /// `len` points to the room behind `address`.
    pub(crate) unsafe fn give(&self, address: *mut sockaddr, len: *mut socklen_t) {
        // SAFETY: the caller's promise, and no more is copied than either side holds.
        unsafe {
            let room = (*len).min(self.len) as usize;
            ptr::copy_nonoverlapping((&raw const self.storage).cast::<u8>(), address.cast::<u8>(), room);
            *len = self.len;
        }
    }
}

/// The IP address and port in a program's bytes; `None` where they are something else.
///
/// # Safety
/// `address` is null or points to `len` bytes.
pub(crate) unsafe fn inet(address: *const sockaddr, len: socklen_t) -> Option<SocketAddr> {
    // SAFETY: the caller's promise.
    let family = c_int::from(unsafe { family(address, len) }?);
    if family == AF_INET && len as usize >= size_of::<sockaddr_in>() {
        // SAFETY: there are as many bytes, and any of them are a sockaddr_in.
        let address = unsafe { address.cast::<sockaddr_in>().read_unaligned() };
        let ip = Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr));
        Some(SocketAddr::from((ip, u16::from_be(address.sin_port))))
    } else if family == AF_INET6 && len as usize >= size_of::<sockaddr_in6>() {
        // SAFETY: as above.
        let address = unsafe { address.cast::<sockaddr_in6>().read_unaligned() };
        let ip = Ipv6Addr::from(address.sin6_addr.s6_addr);
        Some(SocketAddr::from((ip, u16::from_be(address.sin6_port))))
    } else {
        None
    }
}

/// The family of an address in a program's bytes.
///
/// # Safety
/// As [`inet`].
pub(crate) unsafe fn family(address: *const sockaddr, len: socklen_t) -> Option<libc::sa_family_t> {
    if address.is_null() || (len as usize) < size_of::<libc::sa_family_t>() {
        return None;
    }
    // SAFETY: there are bytes for the family, which comes first.
    Some(unsafe { address.cast::<libc::sa_family_t>().read_unaligned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_both_ways() {
        for (text, wants_v6, seen) in [
            ("10.0.0.2:80", false, "10.0.0.2:80"),
            ("10.0.0.2:80", true, "[::ffff:10.0.0.2]:80"),
            ("[fd00::2]:80", true, "[fd00::2]:80"),
            ("[fd00::2]:80", false, "[fd00::2]:80"),
        ] {
            let raw = Raw::of(text.parse().expect("an address"), wants_v6);
            assert_eq!(raw.inet(), Some(seen.parse().expect("an address")), "{text}");
        }
    }

    #[test]
    fn a_short_buffer_gets_what_fits_and_the_whole_length() {
        let raw = Raw::of("10.0.0.2:80".parse().expect("an address"), false);
        let mut bytes = [0xAA_u8; 16];
        let mut len: socklen_t = 4;
        // SAFETY: four bytes are announced, and there are sixteen.
        unsafe { raw.give(bytes.as_mut_ptr().cast(), &raw mut len) };
        assert_eq!((len, &bytes[2..6]), (16, &[0, 80, 0xAA, 0xAA][..]));
    }

    #[test]
    fn what_is_cut_off_is_no_address() {
        let bytes = [2_u8, 0, 0, 80];
        // SAFETY: the lengths are no longer than the bytes.
        unsafe {
            assert_eq!(inet(bytes.as_ptr().cast(), 4), None);
            assert_eq!(inet(std::ptr::null(), 16), None);
            assert_eq!(family(bytes.as_ptr().cast(), 1), None);
        }
    }
}
