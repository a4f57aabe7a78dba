//! Sockets that are descriptors of the kernel: what TCP, UDP and AF_UNIX share.

use super::{Connection, Datagram, Listener, Message, Socket, Timed};
use crate::sys::{fionread, uninit};
use libc::{MSG_NOSIGNAL, MSG_PEEK, MSG_TRUNC};
use socket2::{SockAddr, Socket as Raw};
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// How a family writes its addresses.
#[derive(Clone, Copy)]
pub(super) struct Texts {
    /// From text.
    pub(super) parse: fn(&str) -> io::Result<SockAddr>,
    /// To text; empty for a socket without a name.
    pub(super) show: fn(&SockAddr) -> String,
    /// The port in such a text.
    pub(super) port: fn(&str) -> Option<u32>,
}

/// A socket of any type.
pub(super) struct FdSocket {
    pub(super) raw: Raw,
    pub(super) texts: Texts,
}

impl FdSocket {
    /// One message; `MSG_TRUNC` makes the kernel return its whole length.
    fn recv_from(&self, buf: &mut [u8], flags: i32) -> io::Result<(Message, String)> {
        let room = buf.len();
        let (full, sender) = self.raw.recv_from_with_flags(uninit(buf), flags | MSG_TRUNC)?;
        Ok((
            Message {
                bytes: full.min(room),
                truncated: full > room,
                record: false,
            },
            (self.texts.show)(&sender),
        ))
    }
}

impl AsFd for FdSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.raw.as_fd()
    }
}

impl Socket for FdSocket {
    fn local_addr(&self) -> io::Result<String> {
        Ok((self.texts.show)(&self.raw.local_addr()?))
    }

    fn local_port(&self) -> io::Result<u32> {
        let addr = self.local_addr()?;
        (self.texts.port)(&addr).ok_or_else(|| io::Error::other(format!("no port in \"{addr}\"")))
    }

    fn set_nonblocking(&self, on: bool) -> io::Result<()> {
        self.raw.set_nonblocking(on)
    }
}

impl Listener for FdSocket {
    fn accept(&self) -> io::Result<(Box<dyn Connection>, String)> {
        let (raw, peer) = self.raw.accept()?;
        Ok((
            Box::new(Self {
                raw,
                texts: self.texts,
            }),
            (self.texts.show)(&peer),
        ))
    }

    fn set_accept_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.raw.set_read_timeout(timeout)
    }
}

impl Timed for FdSocket {
    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.raw.set_read_timeout(timeout)
    }

    fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.raw.set_write_timeout(timeout)
    }

    fn available(&self) -> io::Result<usize> {
        fionread(&self.raw)
    }
}

impl Connection for FdSocket {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.raw.recv(uninit(buf))
    }

    fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&self.raw).read_vectored(bufs)
    }

    fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.raw.recv_with_flags(uninit(buf), MSG_PEEK)
    }

    fn read_message(&self, buf: &mut [u8]) -> io::Result<Message> {
        let room = buf.len();
        let full = self.raw.recv_with_flags(uninit(buf), MSG_TRUNC)?;
        Ok(Message {
            bytes: full.min(room),
            truncated: full > room,
            record: false,
        })
    }

    fn write(&self, buf: &[u8]) -> io::Result<usize> {
        self.raw.send_with_flags(buf, MSG_NOSIGNAL)
    }

    fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.raw.send_vectored_with_flags(bufs, MSG_NOSIGNAL)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.raw.shutdown(how)
    }

    fn peer_addr(&self) -> io::Result<String> {
        Ok((self.texts.show)(&self.raw.peer_addr()?))
    }

    fn try_clone(&self) -> io::Result<Box<dyn Connection>> {
        Ok(Box::new(Self {
            raw: self.raw.try_clone()?,
            texts: self.texts,
        }))
    }

    fn read_timeout(&self) -> io::Result<Option<Duration>> {
        self.raw.read_timeout()
    }

    fn write_timeout(&self) -> io::Result<Option<Duration>> {
        self.raw.write_timeout()
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.raw.take_error()
    }

    fn abort(self: Box<Self>) -> io::Result<()> {
        self.raw.set_linger(Some(Duration::ZERO))
    }
}

impl Datagram for FdSocket {
    fn send_to(&self, buf: &[u8], addr: &str) -> io::Result<usize> {
        self.raw
            .send_to_with_flags(buf, &(self.texts.parse)(addr)?, MSG_NOSIGNAL)
    }

    fn recv_from(&self, buf: &mut [u8]) -> io::Result<(Message, String)> {
        Self::recv_from(self, buf, 0)
    }

    fn peek_from(&self, buf: &mut [u8]) -> io::Result<(Message, String)> {
        Self::recv_from(self, buf, MSG_PEEK)
    }

    fn connect(&self, addr: &str) -> io::Result<()> {
        self.raw.connect(&(self.texts.parse)(addr)?)
    }

    fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.raw.send_with_flags(buf, MSG_NOSIGNAL)
    }
}
