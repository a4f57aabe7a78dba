//! A connected socket of either backend: what [`V4vStream`](crate::V4vStream) and
//! [`V4vSeqpacket`](crate::V4vSeqpacket) have in common.

use crate::addr::V4vAddr;
use crate::backend::{Backend, backend};
use crate::descriptor;
use crate::error::errno;
use crate::hosted::link::Flags;
use crate::hosted::socket::Socket as HostedSocket;
use crate::kernel;
use crate::options::SocketOptions;
use socket2::Socket as KernelSocket;
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;
use v4v_sock::{Received, SocketKind};

/// A socket that connects.
#[derive(Debug, Clone)]
pub(crate) enum Conn {
    /// A descriptor of the kernel's: AF_V4V or, hosted, one that `v4vd` connected.
    Kernel(Arc<KernelSocket>),
    Hosted(Arc<HostedSocket>),
}

impl Conn {
    pub(crate) fn connect(kind: SocketKind, to: V4vAddr, options: &SocketOptions) -> io::Result<Self> {
        if to.port() == 0 {
            return Err(crate::error::with_reason(
                libc::EINVAL,
                "nobody listens on port 0: it is for binding, where it asks for a free port",
            ));
        }
        crate::error::check_port(to.port())?;
        let conn_options = options.conn(kind)?;
        match backend()? {
            Backend::Hosted => {
                let ring = if options.nonblocking {
                    HostedSocket::connect_nonblocking(to.raw(), conn_options).map(Self::Hosted)
                } else {
                    HostedSocket::connect(to.raw(), conn_options, options.timeout).map(Self::from)
                };
                match ring {
                    Err(error) if kind == SocketKind::Stream && errno(&error) == Some(libc::ECONNREFUSED) => {
                        Self::call_descriptor(to, options, error)
                    }
                    outcome => outcome,
                }
            }
            Backend::Kernel { family } => {
                let socket = kernel::socket(family, kernel::kind(kind))?;
                socket.set_recv_buffer_size(conn_options.ring_len as usize)?;
                kernel::connect(&socket, &kernel::encode(family, to)?, options)?;
                Ok(Self::Kernel(Arc::new(socket)))
            }
        }
    }

    /// Where no ring listens, perhaps a descriptor does. If not, what was said of the ring is the answer.
    fn call_descriptor(to: V4vAddr, options: &SocketOptions, no_ring: io::Error) -> io::Result<Self> {
        match descriptor::call(to, options.nonblocking, options.timeout) {
            Ok(socket) => Ok(Self::Kernel(Arc::new(socket.into()))),
            Err(error) => match errno(&error) {
                Some(libc::ECONNREFUSED | libc::EHOSTUNREACH) => Err(no_ring),
                _ => Err(error),
            },
        }
    }

    #[inline]
    pub(crate) fn recv(&self, slices: &mut [IoSliceMut<'_>], flags: Flags) -> io::Result<Received> {
        match self {
            Self::Hosted(socket) => socket.recv(slices, flags),
            Self::Kernel(socket) => kernel_recv(socket, slices, flags),
        }
    }

    #[inline]
    pub(crate) fn send(&self, slices: &[IoSlice<'_>], flags: Flags) -> io::Result<usize> {
        match self {
            Self::Hosted(socket) => socket.send(slices, flags),
            Self::Kernel(socket) => {
                let wait = if flags.dont_wait { libc::MSG_DONTWAIT } else { 0 };
                let flags = libc::MSG_NOSIGNAL | wait;
                match slices {
                    // A message header to copy and check costs the kernel more than a short message.
                    [one] => socket.send_with_flags(one, flags),
                    _ => socket.send_vectored_with_flags(slices, flags),
                }
            }
        }
    }

    /// Receives bytes of a stream, of which nothing is to be known but their number.
    #[inline]
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Hosted(socket) => socket
                .recv(&mut [IoSliceMut::new(buffer)], Flags::default())
                .map(|r| r.bytes),
            Self::Kernel(socket) => (&**socket).read(buffer),
        }
    }

    pub(crate) fn local_addr(&self) -> io::Result<V4vAddr> {
        match self {
            Self::Hosted(socket) => Ok(socket.local().into()),
            Self::Kernel(socket) => descriptor::local_addr(socket.as_fd())?.ok_or_else(no_address),
        }
    }

    pub(crate) fn peer_addr(&self) -> io::Result<V4vAddr> {
        match self {
            Self::Hosted(socket) => socket.peer().map(Into::into),
            Self::Kernel(socket) => descriptor::peer_addr(socket.as_fd())?.ok_or_else(no_address),
        }
    }

    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Self::Hosted(socket) => socket.shutdown(how),
            Self::Kernel(socket) => socket.shutdown(how),
        }
    }

    pub(crate) fn set_nonblocking(&self, on: bool) -> io::Result<()> {
        match self {
            Self::Hosted(socket) => {
                socket.set_nonblocking(on);
                Ok(())
            }
            Self::Kernel(socket) => socket.set_nonblocking(on),
        }
    }

    pub(crate) fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Hosted(socket) => socket.options.set_read_timeout(timeout),
            Self::Kernel(socket) => socket.set_read_timeout(timeout),
        }
    }

    pub(crate) fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Hosted(socket) => socket.options.set_write_timeout(timeout),
            Self::Kernel(socket) => socket.set_write_timeout(timeout),
        }
    }

    pub(crate) fn read_timeout(&self) -> io::Result<Option<Duration>> {
        match self {
            Self::Hosted(socket) => Ok(socket.options.read_timeout()),
            Self::Kernel(socket) => socket.read_timeout(),
        }
    }

    pub(crate) fn write_timeout(&self) -> io::Result<Option<Duration>> {
        match self {
            Self::Hosted(socket) => Ok(socket.options.write_timeout()),
            Self::Kernel(socket) => socket.write_timeout(),
        }
    }

    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self {
            Self::Hosted(socket) => socket.take_error(),
            Self::Kernel(socket) => socket.take_error(),
        }
    }

    pub(crate) fn available(&self) -> io::Result<usize> {
        match self {
            Self::Hosted(socket) => socket.available(),
            Self::Kernel(socket) => kernel::available(socket),
        }
    }

    pub(crate) fn message_max(&self) -> io::Result<usize> {
        match self {
            Self::Hosted(socket) => socket.message_max(),
            Self::Kernel(socket) => socket.send_buffer_size(),
        }
    }

    pub(crate) fn abort(&self) -> io::Result<()> {
        match self {
            Self::Hosted(socket) => {
                socket.abort();
                Ok(())
            }
            Self::Kernel(socket) => socket.set_linger(Some(Duration::ZERO)),
        }
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Hosted(socket) => socket.face(),
            Self::Kernel(socket) => socket.as_fd(),
        }
    }
}

impl From<HostedSocket> for Conn {
    fn from(socket: HostedSocket) -> Self {
        Self::Hosted(Arc::new(socket))
    }
}

fn no_address() -> io::Error {
    crate::error::with_reason(libc::EAFNOSUPPORT, "this descriptor is no V4V socket any more")
}

fn kernel_recv(socket: &KernelSocket, slices: &mut [IoSliceMut<'_>], flags: Flags) -> io::Result<Received> {
    let peek = if flags.peek { libc::MSG_PEEK } else { 0 };
    let wait = if flags.dont_wait { libc::MSG_DONTWAIT } else { 0 };
    let (bytes, recv_flags) = socket.recv_vectored_with_flags(kernel::uninit(slices), peek | wait)?;
    let full = if recv_flags.is_truncated() {
        bytes + 1
    } else {
        bytes
    };
    Ok(Received {
        bytes,
        full,
        end: recv_flags.is_end_of_record(),
    })
}

/// The raw number of a descriptor, for `AsRawFd`.
pub(crate) fn raw(conn: &Conn) -> i32 {
    conn.as_fd().as_raw_fd()
}
