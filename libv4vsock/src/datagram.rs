//! Datagrams, as [`std::net::UdpSocket`].

use crate::addr::{ToV4vAddr, V4vAddr};
use crate::backend::{Backend, backend};
use crate::hosted::datagram::DatagramSocket;
use crate::kernel;
use crate::seqpacket::Packet;
use socket2::{Socket as KernelSocket, Type};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

/// Greatest datagram in bytes.
pub const DATAGRAM_MAX: usize = v4v_sock::limits::DATAGRAM_MAX as usize;

/// Datagrams between domains, as [`std::net::UdpSocket`]; none is lost between two such sockets.
///
/// A send waits where the receiver's ring is full, and fails with `ConnectionRefused` where nobody receives. A datagram for the port of a
/// listening socket arrives there and is dropped.
#[derive(Debug)]
pub struct V4vDatagram(Inner);

#[derive(Debug, Clone)]
enum Inner {
    Kernel { socket: Arc<KernelSocket>, family: i32 },
    Hosted(Arc<DatagramSocket>),
}

impl V4vDatagram {
    /// A socket on `port` of this domain; 0: on a free port.
    ///
    /// # Errors
    /// `AddrInUse`, `PermissionDenied`.
    pub fn bind(port: u32) -> io::Result<Self> {
        crate::error::check_port(port)?;
        match backend()? {
            Backend::Hosted => DatagramSocket::bind(port).map(|s| Self(Inner::Hosted(Arc::new(s)))),
            Backend::Kernel { family } => {
                let socket = kernel::socket(family, Type::DGRAM)?;
                socket.bind(&kernel::encode(family, V4vAddr::new(V4vAddr::ANY, port))?)?;
                Ok(Self(Inner::Kernel {
                    socket: Arc::new(socket),
                    family,
                }))
            }
        }
    }

    /// Sets the peer: where [`send`](Self::send) goes, and whom alone this socket hears from now on.
    ///
    /// # Errors
    /// `InvalidInput` for an address that no socket can have.
    pub fn connect(&self, addr: impl ToV4vAddr) -> io::Result<()> {
        let addr = addr.to_v4v_addr()?;
        match &self.0 {
            Inner::Hosted(socket) => socket.connect(addr.raw()),
            Inner::Kernel { socket, family } => socket.connect(&kernel::encode(*family, addr)?),
        }
    }

    /// Sends one datagram to `addr`.
    ///
    /// # Errors
    /// `ConnectionRefused` where nobody receives there, `EMSGSIZE` above [`DATAGRAM_MAX`], `WouldBlock` where there is no room and
    /// the socket is not to wait.
    pub fn send_to(&self, bytes: &[u8], addr: impl ToV4vAddr) -> io::Result<usize> {
        let addr = addr.to_v4v_addr()?;
        match &self.0 {
            Inner::Hosted(socket) => socket.send(Some(addr.raw()), bytes),
            Inner::Kernel { socket, family } => {
                socket.send_to_with_flags(bytes, &kernel::encode(*family, addr)?, libc::MSG_NOSIGNAL)
            }
        }
    }

    /// Sends one datagram to the peer.
    ///
    /// # Errors
    /// `NotConnected` without peer; as [`send_to`](Self::send_to).
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.0 {
            Inner::Hosted(socket) => socket.send(None, bytes),
            Inner::Kernel { socket, .. } => socket.send_with_flags(bytes, libc::MSG_NOSIGNAL),
        }
    }

    /// Receives one datagram; returns its bytes in the buffer and its sender.
    ///
    /// # Errors
    /// `WouldBlock` where there is none and the socket is not to wait.
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, V4vAddr)> {
        self.recv_packet(buffer, false)
            .map(|(packet, from)| (packet.bytes, from))
    }

    /// The same, and leaves it where it is.
    ///
    /// # Errors
    /// As [`recv_from`](Self::recv_from).
    pub fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, V4vAddr)> {
        self.recv_packet(buffer, true)
            .map(|(packet, from)| (packet.bytes, from))
    }

    /// Receives one datagram.
    ///
    /// # Errors
    /// As [`recv_from`](Self::recv_from).
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.recv_from(buffer).map(|(bytes, _)| bytes)
    }

    /// Receives (or with `peek` only looks at) one datagram, and says whether it was cut.
    ///
    /// # Errors
    /// As [`recv_from`](Self::recv_from).
    pub fn recv_packet(&self, buffer: &mut [u8], peek: bool) -> io::Result<(Packet, V4vAddr)> {
        match &self.0 {
            Inner::Hosted(socket) => {
                let (r, from) = socket.recv(buffer, peek)?;
                Ok((
                    Packet {
                        bytes: r.bytes,
                        truncated: r.truncated(),
                    },
                    from.into(),
                ))
            }
            Inner::Kernel { socket, .. } => kernel::recv_from(socket, buffer, peek),
        }
    }

    /// Bytes of the next datagram (`FIONREAD`).
    ///
    /// # Errors
    /// The system's.
    pub fn available(&self) -> io::Result<usize> {
        match &self.0 {
            Inner::Hosted(socket) => Ok(socket.available()),
            Inner::Kernel { socket, .. } => kernel::available(socket),
        }
    }

    /// The own address.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<V4vAddr> {
        match &self.0 {
            Inner::Hosted(socket) => Ok(socket.local().into()),
            Inner::Kernel { socket, .. } => kernel::decode(&socket.local_addr()?),
        }
    }

    /// The peer's address.
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn peer_addr(&self) -> io::Result<V4vAddr> {
        match &self.0 {
            Inner::Hosted(socket) => socket
                .peer()
                .map(Into::into)
                .ok_or_else(|| io::ErrorKind::NotConnected.into()),
            Inner::Kernel { socket, .. } => kernel::decode(&socket.peer_addr()?),
        }
    }

    /// A further handle of the same socket.
    ///
    /// # Errors
    /// None today; the signature is that of `std::net`.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self(self.0.clone()))
    }

    /// Whether calls return `WouldBlock` instead of waiting; for all clones.
    ///
    /// # Errors
    /// The system's.
    pub fn set_nonblocking(&self, on: bool) -> io::Result<()> {
        match &self.0 {
            Inner::Hosted(socket) => {
                socket.set_nonblocking(on);
                Ok(())
            }
            Inner::Kernel { socket, .. } => socket.set_nonblocking(on),
        }
    }

    /// How long a receive waits before it returns `WouldBlock`; `None`: for ever.
    ///
    /// # Errors
    /// `InvalidInput` for a time of zero.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match &self.0 {
            Inner::Hosted(socket) => socket.options.set_read_timeout(timeout),
            Inner::Kernel { socket, .. } => socket.set_read_timeout(timeout),
        }
    }

    /// How long a send waits for room before it returns `WouldBlock`; `None`: for ever.
    ///
    /// # Errors
    /// `InvalidInput` for a time of zero.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match &self.0 {
            Inner::Hosted(socket) => socket.options.set_write_timeout(timeout),
            Inner::Kernel { socket, .. } => socket.set_write_timeout(timeout),
        }
    }
}

impl AsFd for V4vDatagram {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.0 {
            Inner::Hosted(socket) => socket.face(),
            Inner::Kernel { socket, .. } => socket.as_fd(),
        }
    }
}

impl AsRawFd for V4vDatagram {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
