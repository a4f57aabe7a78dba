//! Packets with descriptors over a `SOCK_SEQPACKET` Unix socket.

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::{mem, ptr};

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

/// Has the kernel refuse descriptors that others would send to `socket` or, where it listens, to what it accepts. The last to
/// close a descriptor waits for what closing it takes, which for a TCP socket with `SO_LINGER` is as long as its sender likes.
/// Linux can do that since 6.16; before, this does nothing.
pub fn refuse_descriptors(socket: impl AsFd) {
    let no: libc::c_int = 0;
    // SAFETY: setsockopt reads one int, which outlives the call.
    let set = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            SO_PASSRIGHTS,
            ptr::from_ref(&no).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if set != 0 {
        log::debug!("descriptors cannot be refused: {}", io::Error::last_os_error());
    }
}

/// Linux's `SO_PASSRIGHTS` (`include/uapi/asm-generic/socket.h`), which libc does not have yet.
const SO_PASSRIGHTS: libc::c_int = 83;

/// Whether the other side has received all that was sent to it.
///
/// # Errors
/// The system's.
pub fn is_taken(socket: impl AsFd) -> io::Result<bool> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: SIOCOUTQ (which has TIOCOUTQ's number) writes one int, and `bytes` outlives the call.
    let done = unsafe {
        libc::ioctl(
            socket.as_fd().as_raw_fd(),
            libc::TIOCOUTQ,
            ptr::from_mut(&mut bytes),
        )
    };
    Errno::result(done)?;
    Ok(bytes == 0)
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

/// The one control message that is understood: descriptors, behind the kernel's header for them.
#[repr(C)]
struct Control {
    header: libc::cmsghdr,
    fds: [RawFd; FDS_MAX],
}

const _: () = assert!(mem::offset_of!(Control, fds) == size_of::<libc::cmsghdr>());

impl Control {
    /// Bytes without the padding behind the last descriptor: the kernel passes no more of them than fit.
    const SIZE: usize = mem::offset_of!(Control, fds) + FDS_MAX * size_of::<RawFd>();

    fn empty() -> Self {
        // SAFETY: integers, for which zero is a value.
        unsafe { mem::zeroed() }
    }

    /// Takes over the descriptors that the kernel left here.
    fn take(&mut self) -> Vec<OwnedFd> {
        let rights = (self.header.cmsg_level, self.header.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_RIGHTS);
        // A `usize` with glibc, an `u32` with musl.
        #[allow(clippy::unnecessary_cast)]
        let bytes = (self.header.cmsg_len as usize).saturating_sub(mem::offset_of!(Self, fds));
        let count = if rights { bytes / size_of::<RawFd>() } else { 0 };
        self.header.cmsg_len = 0;
        let raw = self.fds.iter().take(count);
        // SAFETY: the kernel has just made these descriptors for this process; nothing else knows of them, and the length
        // that announces them is zero from now on.
        raw.map(|fd| unsafe { OwnedFd::from_raw_fd(*fd) }).collect()
    }
}

/// Receives one packet. Descriptors that came along are owned or, beyond [`FDS_MAX`], were never made: nothing that a sender
/// adds to its packets can use this process's descriptors up.
///
/// # Errors
/// The system's; `WouldBlock` on a non-blocking socket without a packet.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Received> {
    let mut control = Control::empty();
    let mut slice = IoSliceMut::new(buffer);
    // SAFETY: integers and pointers, for which zero is a value.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = ptr::from_mut(&mut slice).cast();
    message.msg_iovlen = 1;
    message.msg_control = ptr::from_mut(&mut control).cast();
    message.msg_controllen = Control::SIZE as _;
    let len = loop {
        // SAFETY: `message` points to one `iovec` (which is what an `IoSliceMut` is) over a buffer that is ours, and to
        // `Control::SIZE` bytes of `control`, aligned for a header. All outlive the call.
        let got = unsafe {
            libc::recvmsg(
                socket.as_fd().as_raw_fd(),
                &raw mut message,
                libc::MSG_CMSG_CLOEXEC,
            )
        };
        match usize::try_from(got) {
            Ok(len) => break len,
            Err(_) if Errno::last() == Errno::EINTR => {}
            Err(_) => return Err(io::Error::last_os_error()),
        }
    };
    let truncated = message.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) != 0;
    Ok(Received {
        len,
        truncated,
        fds: control.take(),
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
    fn what_was_received_is_taken() {
        let (a, b) = pair();
        assert!(is_taken(&a).expect("asked"));
        send(&a, &[b"hello"], &[a.as_fd()]).expect("sent");
        assert!(!is_taken(&a).expect("asked"));
        receive(&b, &mut [0; 8]).expect("received");
        assert!(is_taken(&a).expect("asked"));
    }

    #[test]
    fn a_long_packet_is_known_to_be_cut() {
        let (a, b) = pair();
        send(&a, &[b"hello"], &[]).expect("sent");
        assert!(receive(&b, &mut [0; 3]).expect("received").truncated);
    }

    #[test]
    fn descriptors_beyond_those_that_fit_are_cut_and_none_is_left_open() {
        // The packets hold copies of a pipe's only writing end, so its end of file tells that all were closed.
        let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_NONBLOCK).expect("a pipe");
        let (a, b) = pair();
        for n in [FDS_MAX, FDS_MAX + 1, 200] {
            send(&a, &[b"x"], &vec![writer.as_fd(); n]).expect("sent");
            let received = receive(&b, &mut [0; 3]).expect("received");
            assert_eq!(
                (received.fds.len(), received.truncated),
                (FDS_MAX, n > FDS_MAX),
                "{n}"
            );
        }
        drop(writer);
        assert_eq!(
            nix::unistd::read(&reader, &mut [0; 1]),
            Ok(0),
            "a writing end is open"
        );
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
