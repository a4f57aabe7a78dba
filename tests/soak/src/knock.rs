//! A domain that floods a port with requests which lead to nothing, by its own words to `v4vd`.

use crate::roles::{PORT, ready};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use v4v_hosted::packet;
use v4v_hosted::paths::socket_path;
use v4v_hosted::wire::{BLOB_BASE, MAGIC, PACKET_MAX, Request, Response, VERSION, op};
use v4v_hv::abi::OP_SENDV;
use v4v_ring::{Addr, DomId};
use v4v_sock::frame::{self, kind};
use v4v_sock::limits::{CONN_RING_MIN, RING_PORT_BIT};

/// The ring that the answers are asked to: there is none.
const NOWHERE: u32 = RING_PORT_BIT | 77;

/// Sends requests to domain `receiver`'s port until it is killed.
///
/// # Errors
/// Where the daemon does not let it in.
pub(crate) fn knock(receiver: u32) -> io::Result<()> {
    let receiver = DomId(u16::try_from(receiver).map_err(|_| io::ErrorKind::InvalidInput)?);
    let daemon = socket(
        AddressFamily::Unix,
        SockType::SeqPacket,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    connect(daemon.as_raw_fd(), &UnixAddr::new(&socket_path())?)?;
    let name = format!("knocker{}", std::process::id());
    call(&daemon, op::HELLO, [MAGIC, VERSION.into(), 0, 0], name.as_bytes())?;
    let blob = request(Addr::new(receiver, PORT));
    let args = [BLOB_BASE, BLOB_BASE + 16, 1, kind::REQUEST.into()];
    let first = call(&daemon, OP_SENDV, args, &blob)?;
    if first < 0 && first != -i64::from(nix::libc::EAGAIN) {
        return Err(io::Error::other(format!("no request gets through: {first}")));
    }
    ready()?;
    loop {
        // A full ring is what is wanted.
        call(&daemon, OP_SENDV, args, &blob)?;
    }
}

/// The memory of a `sendv` of one request for a connection: both addresses, one iov, the payload.
fn request(to: Addr) -> Vec<u8> {
    let payload = frame::Request {
        version: frame::VERSION,
        least: frame::VERSION_LEAST,
        kind: v4v_sock::SocketKind::Stream as u16,
        port: 77,
        ring: NOWHERE,
        ring_len: CONN_RING_MIN,
        cookie: 77,
    }
    .encode();
    let mut blob = [Addr::new(DomId::ANY, NOWHERE).encode(), to.encode()].concat();
    blob.extend((BLOB_BASE + 32).to_le_bytes());
    blob.extend((payload.len() as u64).to_le_bytes());
    blob.extend(payload);
    blob
}

/// One request to the daemon, and its result.
fn call(daemon: &OwnedFd, op: u32, args: [u64; 4], blob: &[u8]) -> io::Result<i64> {
    let head = Request {
        op,
        sequence: 1,
        args,
    }
    .encode();
    packet::send(daemon, &[&head, blob], &[])?;
    let mut buffer = vec![0; PACKET_MAX];
    let received = packet::receive(daemon, &mut buffer)?;
    let (response, _) = Response::decode(&buffer[..received.len]).map_err(io::Error::other)?;
    Ok(response.result)
}
