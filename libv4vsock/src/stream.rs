//! Byte streams, as [`std::net::TcpStream`].

use crate::addr::{ToV4vAddr, V4vAddr};
use crate::conn::Conn;
use crate::hosted::link::Flags;
use crate::options::SocketOptions;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;
use v4v_sock::SocketKind;

/// A byte stream between two domains, as [`std::net::TcpStream`].
///
/// Closed when the last clone is dropped: the peer reads what was sent, then the end of the stream; with bytes unread on this
/// side it reads a reset instead.
///
/// Its descriptor ([`AsFd`]) works in poll and epoll, level- and edge-triggered; it is for waiting only, not for `read(2)`.
#[derive(Debug)]
pub struct V4vStream(pub(crate) Conn);

impl V4vStream {
    /// Connects, and waits for that.
    ///
    /// # Errors
    /// `ConnectionRefused` where nobody listens, `TimedOut` where the listener's backlog stays full for two minutes,
    /// `PermissionDenied` where a policy forbids it, `NotFound` for a name that no domain has.
    pub fn connect(addr: impl ToV4vAddr) -> io::Result<Self> {
        SocketOptions::new().connect_stream(addr)
    }

    /// The same, and gives up after `timeout`.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_timeout(addr: &V4vAddr, timeout: Duration) -> io::Result<Self> {
        SocketOptions::new().connect_timeout(timeout).connect_stream(addr)
    }

    /// A stream of a connected [descriptor](crate::descriptor), with the API of this type.
    ///
    /// # Errors
    /// `EAFNOSUPPORT`: this is no V4V socket, or (hosted) its caller was not connected by `v4vd`. `NotConnected`.
    pub fn from_descriptor(socket: OwnedFd) -> io::Result<Self> {
        match crate::descriptor::peer_addr(socket.as_fd())? {
            Some(_) => Ok(Self(Conn::Kernel(Arc::new(socket.into())))),
            None => Err(crate::error::with_reason(
                libc::EAFNOSUPPORT,
                "this descriptor is no connected V4V socket",
            )),
        }
    }

    /// Reads without taking: the next read returns the same bytes.
    ///
    /// # Errors
    /// As reading.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let flags = Flags {
            peek: true,
            ..Flags::default()
        };
        self.0
            .recv(&mut [IoSliceMut::new(buffer)], flags)
            .map(|r| r.bytes)
    }

    /// Bytes that can be read without waiting (`FIONREAD`).
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn available(&self) -> io::Result<usize> {
        self.0.available()
    }
}

impl SocketOptions {
    /// Connects a [`V4vStream`].
    ///
    /// # Errors
    /// As [`V4vStream::connect`].
    pub fn connect_stream(&self, addr: impl ToV4vAddr) -> io::Result<V4vStream> {
        Conn::connect(SocketKind::Stream, addr.to_v4v_addr()?, self).map(V4vStream)
    }
}

/// The methods that a stream and a packet socket share, with their documentation.
macro_rules! connected_socket {
    ($name:ident) => {
        impl $name {
            /// The own address.
            ///
            /// # Errors
            /// The system's.
            pub fn local_addr(&self) -> io::Result<V4vAddr> {
                self.0.local_addr()
            }

            /// The peer's address.
            ///
            /// # Errors
            /// `NotConnected` where the socket is not connected (yet).
            pub fn peer_addr(&self) -> io::Result<V4vAddr> {
                self.0.peer_addr()
            }

            /// Ends one direction or both. After `Shutdown::Write` the peer reads the end of the stream behind what was sent.
            ///
            /// # Errors
            /// `NotConnected`.
            pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                self.0.shutdown(how)
            }

            /// Makes the drop of the last clone a reset (`SO_LINGER` with time 0): the peer reads what was sent, then
            /// `ConnectionReset` instead of the end. A hosted connection of [descriptors](crate::descriptor) knows no such end:
            /// there it is a plain close, which resets only where bytes are unread.
            ///
            /// # Errors
            /// The system's.
            pub fn reset(self) -> io::Result<()> {
                self.0.abort()
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
                self.0.set_nonblocking(on)
            }

            /// How long a read waits before it returns `WouldBlock`; `None`: for ever.
            ///
            /// # Errors
            /// `InvalidInput` for a time of zero.
            pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.0.set_read_timeout(timeout)
            }

            /// How long a write waits before it returns `WouldBlock`; `None`: for ever.
            ///
            /// # Errors
            /// `InvalidInput` for a time of zero.
            pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.0.set_write_timeout(timeout)
            }

            /// How long a read waits.
            ///
            /// # Errors
            /// The system's.
            pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
                self.0.read_timeout()
            }

            /// How long a write waits.
            ///
            /// # Errors
            /// The system's.
            pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
                self.0.write_timeout()
            }

            /// Takes the error that waits (`SO_ERROR`): how a non-blocking connect ended, a reset that no call has met.
            ///
            /// # Errors
            /// The system's.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                self.0.take_error()
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.as_fd()
            }
        }

        impl AsRawFd for $name {
            fn as_raw_fd(&self) -> RawFd {
                crate::conn::raw(&self.0)
            }
        }
    };
}
pub(crate) use connected_socket;

connected_socket!(V4vStream);

impl Read for &V4vStream {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }

    fn read_vectored(&mut self, slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.0.recv(slices, Flags::default()).map(|r| r.bytes)
    }
}

impl Write for &V4vStream {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(&[IoSlice::new(bytes)], Flags::default())
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.send(slices, Flags::default())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for V4vStream {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }

    fn read_vectored(&mut self, slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(slices)
    }
}

impl Write for V4vStream {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
