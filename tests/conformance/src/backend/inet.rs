//! The reference for streams and datagrams between machines: TCP and UDP over the loopback interface.

use super::fd::{FdSocket, Texts};
use super::{Backend, Connection, Datagram, Ending, Kind, Listener};
use socket2::{Domain, SockAddr, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

const TEXTS: Texts = Texts { parse, show, port };

fn parse(addr: &str) -> io::Result<SockAddr> {
    let addr: SocketAddr = addr
        .parse()
        .map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
    Ok(addr.into())
}

fn show(addr: &SockAddr) -> String {
    addr.as_socket().map(|addr| addr.to_string()).unwrap_or_default()
}

fn port(addr: &str) -> Option<u32> {
    addr.rsplit_once(':')?.1.parse().ok()
}

fn loopback(port: u32) -> io::Result<SockAddr> {
    let port = u16::try_from(port).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
    Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())
}

fn stream_socket(kind: Kind) -> io::Result<Socket> {
    match kind {
        Kind::Stream => Socket::new(Domain::IPV4, Type::STREAM, None),
        Kind::Packet => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// TCP and UDP.
pub struct Inet;

impl Backend for Inet {
    fn name(&self) -> &'static str {
        "tcp"
    }

    fn killed_peer(&self) -> Ending {
        Ending::Eof
    }

    fn family(&self) -> Option<i32> {
        Some(libc::AF_INET)
    }

    fn listen(&self, kind: Kind, port: u32, backlog: u32) -> io::Result<Box<dyn Listener>> {
        let raw = stream_socket(kind)?;
        // As std::net does: the last connections of an earlier listener shall not hold the port.
        raw.set_reuse_address(true)?;
        raw.bind(&loopback(port)?)?;
        raw.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        Ok(Box::new(FdSocket { raw, texts: TEXTS }))
    }

    fn connect(&self, kind: Kind, addr: &str) -> io::Result<Box<dyn Connection>> {
        let raw = stream_socket(kind)?;
        raw.connect(&parse(addr)?)?;
        Ok(Box::new(FdSocket { raw, texts: TEXTS }))
    }

    fn connect_sized(&self, addr: &str, receive_buffer: usize) -> io::Result<Box<dyn Connection>> {
        let raw = stream_socket(Kind::Stream)?;
        raw.set_recv_buffer_size(receive_buffer)?;
        raw.connect(&parse(addr)?)?;
        Ok(Box::new(FdSocket { raw, texts: TEXTS }))
    }

    fn start_connect(&self, addr: &str) -> io::Result<Box<dyn Connection>> {
        let raw = stream_socket(Kind::Stream)?;
        raw.set_nonblocking(true)?;
        match raw.connect(&parse(addr)?) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
            _ => Ok(Box::new(FdSocket { raw, texts: TEXTS })),
        }
    }

    fn datagram(&self, port: u32) -> io::Result<Box<dyn Datagram>> {
        let raw = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
        raw.bind(&loopback(port)?)?;
        Ok(Box::new(FdSocket { raw, texts: TEXTS }))
    }
}
