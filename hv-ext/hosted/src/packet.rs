//! Packets with descriptors over a `SOCK_SEQPACKET` Unix socket.

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, RecvMsg, UnixAddr, recvmsg, sendmsg};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use crate::wire::FDS_MAX;

/// Sends one packet, all of it or nothing.
///
/// # Errors
/// The system's; `WouldBlock` on a non-blocking socket whose buffer is full.
pub fn send(socket: impl AsFd, parts: &[&[u8]], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let slices: Vec<IoSlice<'_>> = parts.iter().map(|p| IoSlice::new(p)).collect();
    let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control = if raw.is_empty() { &rights[..0] } else { &rights[..] };
    loop {
        match sendmsg::<UnixAddr>(
            socket.as_fd().as_raw_fd(),
            &slices,
            control,
            MsgFlags::MSG_NOSIGNAL,
            None,
        ) {
            Err(Errno::EINTR) => {}
            sent => return sent.map(drop).map_err(io::Error::from),
        }
    }
}

/// A received packet's length and descriptors.
#[derive(Debug, Default)]
pub struct Received {
    /// Bytes written to the buffer; 0 where the other side has closed.
    pub len: usize,
    /// The packet was longer than the buffer, or brought too many descriptors: what was cut off is lost.
    pub truncated: bool,
    /// Descriptors that came along, close-on-exec.
    pub fds: Vec<OwnedFd>,
}

/// Receives one packet.
///
/// # Errors
/// The system's; `WouldBlock` on a non-blocking socket without a packet.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Received> {
    let mut control = cmsg_space!([RawFd; FDS_MAX]);
    let mut slices = [IoSliceMut::new(buffer)];
    let message: RecvMsg<'_, '_, UnixAddr> = loop {
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        match recvmsg(socket.as_fd().as_raw_fd(), &mut slices, Some(&mut control), flags) {
            Err(Errno::EINTR) => {}
            other => break other?,
        }
    };
    let mut fds = Vec::new();
    for part in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(raw) = part {
            // SAFETY: the kernel has just made these descriptors for this process, and nothing else knows of them.
            fds.extend(raw.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
        }
    }
    let truncated = message
        .flags
        .intersects(MsgFlags::MSG_TRUNC | MsgFlags::MSG_CTRUNC);
    Ok(Received {
        len: message.bytes,
        truncated,
        fds,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

    fn pair() -> (OwnedFd, OwnedFd) {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags).expect("sockets")
    }

    #[test]
    fn bytes_and_descriptors_arrive_together() {
        let (a, b) = pair();
        send(&a, &[b"he", b"llo"], &[a.as_fd(), b.as_fd()]).expect("sent");
        let mut buffer = [0; 8];
        let received = receive(&b, &mut buffer).expect("received");
        assert_eq!(
            (&buffer[..received.len], received.fds.len(), received.truncated),
            (&b"hello"[..], 2, false)
        );
    }

    #[test]
    fn a_long_packet_is_known_to_be_cut() {
        let (a, b) = pair();
        send(&a, &[b"hello"], &[]).expect("sent");
        assert!(receive(&b, &mut [0; 3]).expect("received").truncated);
    }

    #[test]
    fn an_empty_socket_would_block_and_a_closed_one_ends() {
        let (a, b) = pair();
        let error = receive(&b, &mut [0; 3]).expect_err("nothing there");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        drop(a);
        assert_eq!(receive(&b, &mut [0; 3]).expect("closed").len, 0);
    }
}
