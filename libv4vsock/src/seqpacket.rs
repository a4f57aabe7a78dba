//! Connected sockets that keep message boundaries (`SOCK_SEQPACKET`).

use crate::addr::{ToV4vAddr, V4vAddr};
use crate::conn::Conn;
use crate::hosted::link::Flags;
use crate::options::SocketOptions;
use crate::stream::connected_socket;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;
use v4v_sock::SocketKind;

/// A connection of whole messages, in order, between two domains.
#[derive(Debug)]
pub struct V4vSeqpacket(pub(crate) Conn);

/// A received packet or datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Bytes in the buffer.
    pub bytes: usize,
    /// The message was longer than the buffer; the rest of it is lost.
    pub truncated: bool,
}

impl V4vSeqpacket {
    /// Connects, and waits for that.
    ///
    /// # Errors
    /// As [`V4vStream::connect`](crate::V4vStream::connect).
    pub fn connect(addr: impl ToV4vAddr) -> io::Result<Self> {
        SocketOptions::new().connect_seqpacket(addr)
    }

    /// Sends one message, which may be empty.
    ///
    /// # Errors
    /// `EMSGSIZE` above [`message_max`](Self::message_max); as a stream's otherwise.
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(&[IoSlice::new(bytes)], Flags::default())
    }

    /// Sends the slices, one after the other, as one message.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.send(slices, Flags::default())
    }

    /// Receives one message; `None` after the peer's last.
    ///
    /// # Errors
    /// As a stream's.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<Option<Packet>> {
        self.recv_with(buffer, Flags::default())
    }

    /// Receives one message and leaves it where it is.
    ///
    /// # Errors
    /// As a stream's.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<Option<Packet>> {
        self.recv_with(
            buffer,
            Flags {
                peek: true,
                ..Flags::default()
            },
        )
    }

    /// Receives one message into the slices, one after the other.
    ///
    /// # Errors
    /// As a stream's.
    pub fn recv_vectored(&self, slices: &mut [IoSliceMut<'_>]) -> io::Result<Option<Packet>> {
        self.recv_slices(slices, Flags::default())
    }

    fn recv_with(&self, buffer: &mut [u8], flags: Flags) -> io::Result<Option<Packet>> {
        self.recv_slices(&mut [IoSliceMut::new(buffer)], flags)
    }

    fn recv_slices(&self, slices: &mut [IoSliceMut<'_>], flags: Flags) -> io::Result<Option<Packet>> {
        let r = self.0.recv(slices, flags)?;
        Ok(r.end.then_some(Packet {
            bytes: r.bytes,
            truncated: r.truncated(),
        }))
    }

    /// Greatest message in bytes: what half of the peer's ring holds.
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn message_max(&self) -> io::Result<usize> {
        self.0.message_max()
    }

    /// Bytes of the next message (`FIONREAD`).
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn available(&self) -> io::Result<usize> {
        self.0.available()
    }
}

impl SocketOptions {
    /// Connects a [`V4vSeqpacket`].
    ///
    /// # Errors
    /// As [`V4vSeqpacket::connect`].
    pub fn connect_seqpacket(&self, addr: impl ToV4vAddr) -> io::Result<V4vSeqpacket> {
        Conn::connect(SocketKind::SeqPacket, addr.to_v4v_addr()?, self).map(V4vSeqpacket)
    }
}

connected_socket!(V4vSeqpacket);
