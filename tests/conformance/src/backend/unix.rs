//! The reference for sockets within one machine: AF_UNIX. A port is the name of a file in the pair's folder.

use super::fd::{FdSocket, Texts};
use super::{Backend, Connection, Datagram, Ending, Kind, Listener};
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

const TEXTS: Texts = Texts { parse, show, port };
/// Where the ports of sockets that did not choose one begin.
const FIRST_FREE: u32 = 49152;

fn parse(addr: &str) -> io::Result<SockAddr> {
    SockAddr::unix(addr)
}

fn show(addr: &SockAddr) -> String {
    addr.as_pathname()
        .map(|path| path.display().to_string())
        .unwrap_or_default()
}

fn port(addr: &str) -> Option<u32> {
    addr.rsplit_once("port-")?.1.parse().ok()
}

fn socket(kind: Kind) -> io::Result<Socket> {
    match kind {
        Kind::Stream => Socket::new(Domain::UNIX, Type::STREAM, None),
        Kind::Packet => Socket::new(Domain::UNIX, Type::SEQPACKET, None),
    }
}

fn wrap(raw: Socket) -> Box<FdSocket> {
    Box::new(FdSocket { raw, texts: TEXTS })
}

/// Stream, packet and datagram sockets of AF_UNIX.
pub struct Unix {
    folder: PathBuf,
}

impl Unix {
    /// Sockets with their names in `folder`.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    fn path(&self, port: u32) -> PathBuf {
        self.folder.join(format!("port-{port}"))
    }

    /// Binds to `port`, or to the first free one.
    fn bind(&self, raw: &Socket, port: u32) -> io::Result<()> {
        static NEXT: AtomicU32 = AtomicU32::new(FIRST_FREE);
        if port != 0 {
            return raw.bind(&SockAddr::unix(self.path(port))?);
        }
        loop {
            let port = NEXT.fetch_add(1, Ordering::Relaxed);
            match raw.bind(&SockAddr::unix(self.path(port))?) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                result => return result,
            }
        }
    }

    /// Removes the name that a closed listener left behind, which the kernel does not do.
    fn remove_stale(&self, port: u32) -> io::Result<()> {
        let path = self.path(port);
        // A living listener answers a socket of another type with EPROTOTYPE, and does not have to accept it.
        match Socket::new(Domain::UNIX, Type::DGRAM, None)?.connect(&SockAddr::unix(&path)?) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
            _ => Ok(()),
        }
    }
}

impl Backend for Unix {
    fn name(&self) -> &'static str {
        "unix"
    }

    fn killed_peer(&self) -> Ending {
        Ending::Eof
    }

    fn family(&self) -> Option<i32> {
        Some(libc::AF_UNIX)
    }

    fn listen(&self, kind: Kind, port: u32, backlog: u32) -> io::Result<Box<dyn Listener>> {
        self.remove_stale(port)?;
        let raw = socket(kind)?;
        self.bind(&raw, port)?;
        raw.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        Ok(wrap(raw))
    }

    fn connect(&self, kind: Kind, addr: &str) -> io::Result<Box<dyn Connection>> {
        let raw = socket(kind)?;
        raw.connect(&parse(addr)?)?;
        Ok(wrap(raw))
    }

    fn connect_sized(&self, addr: &str, receive_buffer: usize) -> io::Result<Box<dyn Connection>> {
        let raw = socket(Kind::Stream)?;
        raw.set_recv_buffer_size(receive_buffer)?;
        raw.connect(&parse(addr)?)?;
        Ok(wrap(raw))
    }

    fn start_connect(&self, addr: &str) -> io::Result<Box<dyn Connection>> {
        let raw = socket(Kind::Stream)?;
        raw.set_nonblocking(true)?;
        raw.connect(&parse(addr)?)?;
        Ok(wrap(raw))
    }

    fn datagram(&self, port: u32) -> io::Result<Box<dyn Datagram>> {
        let raw = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
        self.bind(&raw, port)?;
        Ok(wrap(raw))
    }
}
