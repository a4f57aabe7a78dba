//! The guest kernel's address family AF_V4V: plain sockets, with our address.
//!
//! The module `v4v` takes a family number that no kernel implements and says which in `/sys/module/v4v/parameters/family`.

use crate::addr::V4vAddr;
use crate::options::SocketOptions;
use crate::seqpacket::Packet;
use socket2::{Domain, MaybeUninitSlice, SockAddr, SockAddrStorage, Socket, Type};
use std::fs;
use std::io::{self, IoSliceMut};
use std::os::fd::AsRawFd;
use v4v_ring::{Addr, DomId};
use v4v_sock::SocketKind;

/// Where the module says which family it took.
const FAMILY_FILE: &str = "/sys/module/v4v/parameters/family";
/// Names of domains, a line each: `3 gpu`. A guest cannot ask the host for them.
const HOSTS_FILE: &str = "/etc/v4v/hosts";

/// The kernel's `struct sockaddr_v4v`.
#[repr(C)]
#[derive(Clone, Copy)]
struct SockaddrV4v {
    family: libc::sa_family_t,
    pad: u16,
    port: u32,
    domain: u16,
    pad2: u16,
}

const _: () = assert!(size_of::<SockaddrV4v>() == 12);

/// The family's number, where the module is loaded.
pub(crate) fn family() -> Option<i32> {
    fs::read_to_string(FAMILY_FILE).ok()?.trim().parse().ok()
}

/// A new socket of the family.
pub(crate) fn socket(family: i32, kind: Type) -> io::Result<Socket> {
    Socket::new(Domain::from(family), kind, None)
}

/// The socket type as the kernel numbers it.
pub(crate) fn kind(kind: SocketKind) -> Type {
    Type::from(i32::from(kind as u16))
}

/// Connects as `options` say; a non-blocking socket's connection is still on its way afterwards.
pub(crate) fn connect(socket: &Socket, to: &SockAddr, options: &SocketOptions) -> io::Result<()> {
    if let Some(timeout) = options.timeout.filter(|_| !options.nonblocking) {
        return socket.connect_timeout(to, timeout);
    }
    socket.set_nonblocking(options.nonblocking)?;
    match socket.connect(to) {
        Err(error) if options.nonblocking && error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(()),
        outcome => outcome,
    }
}

/// Bytes that can be read now (`FIONREAD`).
pub(crate) fn available(socket: &Socket) -> io::Result<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: FIONREAD writes one int, which `bytes` is.
    let r = unsafe { libc::ioctl(socket.as_raw_fd(), libc::FIONREAD, &mut bytes) };
    if r == 0 {
        Ok(usize::try_from(bytes).unwrap_or(0))
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Receives one datagram, or looks at it.
pub(crate) fn recv_from(socket: &Socket, buffer: &mut [u8], peek: bool) -> io::Result<(Packet, V4vAddr)> {
    let flags = if peek { libc::MSG_PEEK } else { 0 };
    let mut slices = [IoSliceMut::new(buffer)];
    let slices = uninit(&mut slices);
    let (bytes, recv_flags, from) = socket.recv_from_vectored_with_flags(slices, flags)?;
    Ok((
        Packet {
            bytes,
            truncated: recv_flags.is_truncated(),
        },
        decode(&from)?,
    ))
}

/// The slices in the type that socket2 takes.
pub(crate) fn uninit<'a, 'b>(slices: &'a mut [IoSliceMut<'b>]) -> &'a mut [MaybeUninitSlice<'b>] {
    // SAFETY: both types are an iovec by their documentation; what is written through the new one is initialized.
    unsafe { &mut *(std::ptr::from_mut(slices) as *mut [MaybeUninitSlice<'b>]) }
}

/// The address as the kernel takes it.
pub(crate) fn encode(family: i32, addr: V4vAddr) -> io::Result<SockAddr> {
    let family =
        libc::sa_family_t::try_from(family).map_err(|_| io::Error::from_raw_os_error(libc::EAFNOSUPPORT))?;
    let raw = SockaddrV4v {
        family,
        pad: 0,
        port: addr.port(),
        domain: addr.domain(),
        pad2: 0,
    };
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: SockaddrV4v is plain data, smaller than the storage and no more strictly aligned; `view_as` checks the size.
    unsafe { *storage.view_as::<SockaddrV4v>() = raw };
    let len = size_of::<SockaddrV4v>().try_into().unwrap_or(0);
    // SAFETY: the first `len` bytes of the storage were written just above.
    Ok(unsafe { SockAddr::new(storage, len) })
}

/// The address that the kernel gave.
pub(crate) fn decode(addr: &SockAddr) -> io::Result<V4vAddr> {
    if (addr.len() as usize) < size_of::<SockaddrV4v>() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the kernel gave a short address",
        ));
    }
    // SAFETY: the storage behind `addr` has room for any address and is zeroed past its length; every bit pattern is a
    // valid SockaddrV4v.
    let raw = unsafe { addr.as_ptr().cast::<SockaddrV4v>().read_unaligned() };
    Ok(Addr::new(DomId(raw.domain), raw.port).into())
}

/// This guest's domain id: a bound socket's own address carries it.
pub(crate) fn local_domain(family: i32) -> io::Result<u16> {
    let socket = socket(family, Type::DGRAM)?;
    socket.bind(&encode(family, V4vAddr::new(V4vAddr::ANY, 0))?)?;
    Ok(decode(&socket.local_addr()?)?.domain())
}

/// A domain's id by its name in [`HOSTS_FILE`].
pub(crate) fn resolve(name: &str) -> io::Result<DomId> {
    let hosts = fs::read_to_string(HOSTS_FILE).unwrap_or_default();
    entries(&hosts)
        .find(|(_, n)| *n == name)
        .map(|(id, _)| id)
        .ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                format!("{HOSTS_FILE} has no line \"ID {name}\""),
            )
        })
}

/// A domain's name in [`HOSTS_FILE`].
pub(crate) fn name_of(domain: DomId) -> Option<String> {
    let hosts = fs::read_to_string(HOSTS_FILE).ok()?;
    entries(&hosts)
        .find(|(id, _)| *id == domain)
        .map(|(_, name)| name.to_owned())
}

fn entries(hosts: &str) -> impl Iterator<Item = (DomId, &str)> {
    hosts.lines().filter_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        Some((DomId(words.next()?.parse().ok()?), words.next()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_the_kernels_form() {
        let addr = V4vAddr::new(3, 5001);
        let raw = encode(41, addr).expect("a family");
        assert_eq!(
            (decode(&raw).expect("long enough"), raw.len(), raw.family()),
            (addr, 12, 41)
        );
    }

    #[test]
    fn the_hosts_file_has_names_and_comments() {
        let hosts = "# the accelerator\n3 gpu\n4 phi # a card\nnonsense\n";
        let all: Vec<_> = entries(hosts).collect();
        assert_eq!(all, [(DomId(3), "gpu"), (DomId(4), "phi")]);
    }
}
