//! The sockets under test: V4V, of the guest kernel or hosted, through the library.

use super::{Backend, Connection, Datagram, Ending, Kind, Listener, Message, Socket, Timed};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::time::Duration;
use v4vsock::{
    Backend as Home, Packet, SocketOptions, V4vAddr, V4vDatagram, V4vListener, V4vSeqpacket,
    V4vSeqpacketListener, V4vStream, backend,
};

/// A domain id that hosts give last of all (`DomId::FIRST_RESERVED` less one).
const NOBODY: u16 = 0x7FEF;

/// V4V; `V4V_BACKEND`, `V4V_SOCKET` and `V4V_DOMAIN` say which and where.
pub struct V4v;

fn backlog(connections: u32) -> SocketOptions {
    SocketOptions::new().backlog(usize::try_from(connections).unwrap_or(usize::MAX))
}

impl Backend for V4v {
    fn name(&self) -> &'static str {
        "v4v"
    }

    fn killed_peer(&self) -> Ending {
        // The guest kernel says farewell for a dead process; v4vd only sees that it is gone.
        if self.family().is_some() {
            Ending::Eof
        } else {
            Ending::Reset
        }
    }

    fn family(&self) -> Option<i32> {
        match backend() {
            Ok(Home::Kernel { family }) => Some(family),
            _ => None,
        }
    }

    fn listen(&self, kind: Kind, port: u32, connections: u32) -> io::Result<Box<dyn Listener>> {
        Ok(match kind {
            Kind::Stream => Box::new(backlog(connections).listen_stream(port)?),
            Kind::Packet => Box::new(backlog(connections).listen_seqpacket(port)?),
        })
    }

    fn connect(&self, kind: Kind, addr: &str) -> io::Result<Box<dyn Connection>> {
        Ok(match kind {
            Kind::Stream => Box::new(V4vStream::connect(addr)?),
            Kind::Packet => Box::new(V4vSeqpacket::connect(addr)?),
        })
    }

    fn connect_sized(&self, addr: &str, receive_buffer: usize) -> io::Result<Box<dyn Connection>> {
        Ok(Box::new(
            SocketOptions::new()
                .receive_buffer(receive_buffer)
                .connect_stream(addr)?,
        ))
    }

    fn start_connect(&self, addr: &str) -> io::Result<Box<dyn Connection>> {
        Ok(Box::new(
            SocketOptions::new().nonblocking(true).connect_stream(addr)?,
        ))
    }

    fn datagram(&self, port: u32) -> io::Result<Box<dyn Datagram>> {
        Ok(Box::new(V4vDatagram::bind(port)?))
    }

    fn nowhere(&self) -> Option<String> {
        Some(V4vAddr::new(NOBODY, 5001).to_string())
    }
}

/// What all five types of the library have in common.
macro_rules! socket {
    ($($name:ty),*) => {$(
        impl Socket for $name {
            fn local_addr(&self) -> io::Result<String> {
                Ok(Self::local_addr(self)?.to_string())
            }

            fn local_port(&self) -> io::Result<u32> {
                Ok(Self::local_addr(self)?.port())
            }

            fn set_nonblocking(&self, on: bool) -> io::Result<()> {
                Self::set_nonblocking(self, on)
            }
        }
    )*};
}
socket!(
    V4vStream,
    V4vSeqpacket,
    V4vDatagram,
    V4vListener,
    V4vSeqpacketListener
);

macro_rules! listener {
    ($($name:ty),*) => {$(
        impl Listener for $name {
            fn accept(&self) -> io::Result<(Box<dyn Connection>, String)> {
                let (conn, peer) = Self::accept(self)?;
                Ok((Box::new(conn), peer.to_string()))
            }

            fn set_accept_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                Self::set_accept_timeout(self, timeout)
            }
        }
    )*};
}
listener!(V4vListener, V4vSeqpacketListener);

macro_rules! timed {
    ($($name:ty),*) => {$(
        impl Timed for $name {
            fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                Self::set_read_timeout(self, timeout)
            }

            fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                Self::set_write_timeout(self, timeout)
            }

            fn available(&self) -> io::Result<usize> {
                Self::available(self)
            }
        }
    )*};
}
timed!(V4vStream, V4vSeqpacket, V4vDatagram);

/// The methods of [`Connection`] that a stream and a packet socket of the library both have.
macro_rules! connected {
    () => {
        fn shutdown(&self, how: Shutdown) -> io::Result<()> {
            Self::shutdown(self, how)
        }

        fn peer_addr(&self) -> io::Result<String> {
            Ok(Self::peer_addr(self)?.to_string())
        }

        fn try_clone(&self) -> io::Result<Box<dyn Connection>> {
            Ok(Box::new(Self::try_clone(self)?))
        }

        fn read_timeout(&self) -> io::Result<Option<Duration>> {
            Self::read_timeout(self)
        }

        fn write_timeout(&self) -> io::Result<Option<Duration>> {
            Self::write_timeout(self)
        }

        fn take_error(&self) -> io::Result<Option<io::Error>> {
            Self::take_error(self)
        }

        fn abort(self: Box<Self>) -> io::Result<()> {
            self.reset()
        }
    };
}

impl Connection for V4vStream {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut this = self;
        Read::read(&mut this, buf)
    }

    fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let mut this = self;
        Read::read_vectored(&mut this, bufs)
    }

    fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        Self::peek(self, buf)
    }

    fn read_message(&self, buf: &mut [u8]) -> io::Result<Message> {
        let bytes = Connection::read(self, buf)?;
        Ok(Message {
            bytes,
            truncated: false,
            record: false,
        })
    }

    fn write(&self, buf: &[u8]) -> io::Result<usize> {
        let mut this = self;
        Write::write(&mut this, buf)
    }

    fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut this = self;
        Write::write_vectored(&mut this, bufs)
    }

    connected!();
}

/// What the library says of a packet, or of the end.
fn message(packet: Option<Packet>) -> Message {
    let none = Message {
        bytes: 0,
        truncated: false,
        record: false,
    };
    packet.map_or(none, |p| Message {
        bytes: p.bytes,
        truncated: p.truncated,
        record: true,
    })
}

impl Connection for V4vSeqpacket {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        Ok(message(self.recv(buf)?).bytes)
    }

    fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        Ok(message(self.recv_vectored(bufs)?).bytes)
    }

    fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        Ok(message(Self::peek(self, buf)?).bytes)
    }

    fn read_message(&self, buf: &mut [u8]) -> io::Result<Message> {
        Ok(message(self.recv(buf)?))
    }

    fn write(&self, buf: &[u8]) -> io::Result<usize> {
        self.send(buf)
    }

    fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.send_vectored(bufs)
    }

    connected!();
}

/// A received datagram and its sender's address as text.
fn received((packet, from): (Packet, V4vAddr)) -> (Message, String) {
    (message(Some(packet)), from.to_string())
}

impl Datagram for V4vDatagram {
    fn send_to(&self, buf: &[u8], addr: &str) -> io::Result<usize> {
        Self::send_to(self, buf, addr)
    }

    fn recv_from(&self, buf: &mut [u8]) -> io::Result<(Message, String)> {
        self.recv_packet(buf, false).map(received)
    }

    fn peek_from(&self, buf: &mut [u8]) -> io::Result<(Message, String)> {
        self.recv_packet(buf, true).map(received)
    }

    fn connect(&self, addr: &str) -> io::Result<()> {
        Self::connect(self, addr)
    }

    fn send(&self, buf: &[u8]) -> io::Result<usize> {
        Self::send(self, buf)
    }
}
