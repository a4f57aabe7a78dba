//! Listening sockets, as [`std::net::TcpListener`].

use crate::addr::V4vAddr;
use crate::backend::{Backend, backend};
use crate::conn::Conn;
use crate::hosted::listener::ListenSocket;
use crate::kernel;
use crate::options::SocketOptions;
use crate::seqpacket::V4vSeqpacket;
use crate::stream::V4vStream;
use socket2::Socket as KernelSocket;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;
use v4v_sock::SocketKind;

/// Either backend's listening socket.
#[derive(Debug, Clone)]
enum Inner {
    Kernel { socket: Arc<KernelSocket> },
    Hosted(Arc<ListenSocket>),
}

/// Listens for [`V4vStream`]s, as [`std::net::TcpListener`].
///
/// Connections are complete before `accept` returns them, as many as the backlog has room for. Hosted, each of these takes three
/// descriptors of this process, and no more of them wait, at all its listeners together, than a quarter of its limit pays for
/// (`ulimit -n`; 85 at 1024).
#[derive(Debug)]
pub struct V4vListener(Inner);

/// Listens for [`V4vSeqpacket`]s.
#[derive(Debug)]
pub struct V4vSeqpacketListener(Inner);

impl Inner {
    fn bind(kind: SocketKind, port: u32, options: &SocketOptions) -> io::Result<Self> {
        crate::error::check_port(port)?;
        let conn_options = options.conn(kind)?;
        match backend()? {
            Backend::Hosted => {
                ListenSocket::bind(conn_options, port, options.backlog).map(|s| Self::Hosted(Arc::new(s)))
            }
            Backend::Kernel { family } => {
                let socket = kernel::socket(family, kernel::kind(kind))?;
                socket.set_recv_buffer_size(conn_options.ring_len as usize)?;
                socket.bind(&kernel::encode(family, V4vAddr::new(V4vAddr::ANY, port))?)?;
                socket.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
                Ok(Self::Kernel {
                    socket: Arc::new(socket),
                })
            }
        }
    }

    fn accept(&self) -> io::Result<(Conn, V4vAddr)> {
        match self {
            Self::Hosted(listener) => {
                let socket = listener.accept()?;
                let peer = socket.peer()?;
                Ok((socket.into(), peer.into()))
            }
            Self::Kernel { socket } => {
                let (accepted, peer) = socket.accept()?;
                Ok((Conn::Kernel(Arc::new(accepted)), kernel::decode(&peer)?))
            }
        }
    }

    fn local_addr(&self) -> io::Result<V4vAddr> {
        match self {
            Self::Hosted(listener) => Ok(listener.local().into()),
            Self::Kernel { socket } => kernel::decode(&socket.local_addr()?),
        }
    }

    fn set_nonblocking(&self, on: bool) -> io::Result<()> {
        match self {
            Self::Hosted(listener) => {
                listener.options.set_nonblocking(on);
                Ok(())
            }
            Self::Kernel { socket } => socket.set_nonblocking(on),
        }
    }

    fn set_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Hosted(listener) => listener.options.set_read_timeout(timeout),
            Self::Kernel { socket } => socket.set_read_timeout(timeout),
        }
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Hosted(listener) => listener.face(),
            Self::Kernel { socket } => socket.as_fd(),
        }
    }
}

/// The methods of both listeners, with their documentation.
macro_rules! listening_socket {
    ($name:ident, $stream:ident, $kind:expr, $make:ident) => {
        impl $name {
            /// Listens on `port` of this domain; 0: on a free port.
            ///
            /// # Errors
            /// `AddrInUse`, `PermissionDenied` for a port below 1024 without the privilege or where a policy forbids it.
            pub fn bind(port: u32) -> io::Result<Self> {
                SocketOptions::new().$make(port)
            }

            /// The next connection and its peer's address; waits for one.
            ///
            /// # Errors
            /// `WouldBlock` on a non-blocking listener without one, or after the time-out.
            pub fn accept(&self) -> io::Result<($stream, V4vAddr)> {
                self.0.accept().map(|(conn, peer)| ($stream(conn), peer))
            }

            /// Connections for ever, as `accept` returns them.
            pub fn incoming(&self) -> impl Iterator<Item = io::Result<$stream>> + '_ {
                std::iter::repeat_with(|| self.accept().map(|(stream, _)| stream))
            }

            /// The own address.
            ///
            /// # Errors
            /// The system's.
            pub fn local_addr(&self) -> io::Result<V4vAddr> {
                self.0.local_addr()
            }

            /// Whether `accept` returns `WouldBlock` instead of waiting; for all clones.
            ///
            /// # Errors
            /// The system's.
            pub fn set_nonblocking(&self, on: bool) -> io::Result<()> {
                self.0.set_nonblocking(on)
            }

            /// How long `accept` waits before it returns `WouldBlock`; `None`: for ever.
            ///
            /// # Errors
            /// `InvalidInput` for a time of zero.
            pub fn set_accept_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.0.set_timeout(timeout)
            }

            /// A further handle of the same socket.
            ///
            /// # Errors
            /// None today; the signature is that of `std::net`.
            pub fn try_clone(&self) -> io::Result<Self> {
                Ok(Self(self.0.clone()))
            }
        }

        impl SocketOptions {
            /// Listens with these options.
            ///
            /// # Errors
            /// As `bind` of the listener.
            pub fn $make(&self, port: u32) -> io::Result<$name> {
                Inner::bind($kind, port, self).map($name)
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.as_fd()
            }
        }

        impl AsRawFd for $name {
            fn as_raw_fd(&self) -> RawFd {
                self.as_fd().as_raw_fd()
            }
        }
    };
}

listening_socket!(V4vListener, V4vStream, SocketKind::Stream, listen_stream);
listening_socket!(
    V4vSeqpacketListener,
    V4vSeqpacket,
    SocketKind::SeqPacket,
    listen_seqpacket
);
