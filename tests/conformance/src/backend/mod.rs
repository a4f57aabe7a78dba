//! What a pair needs of a kind of sockets. In the guest kernel all of it is plain system calls on a descriptor; the hosted
//! library offers the same through its types.

mod fd;
mod inet;
mod unix;
#[cfg(feature = "v4v")]
mod v4v;

use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use inet::Inet;
pub use unix::Unix;
#[cfg(feature = "v4v")]
pub use v4v::V4v;

/// The type of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `SOCK_STREAM`.
    Stream,
    /// `SOCK_SEQPACKET`: it keeps message boundaries.
    Packet,
}

/// How a connection ends for the survivor when the peer's process is killed with nothing left unread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The kernel closes the dead process's sockets: end of stream.
    Eof,
    /// The dead said no farewell: `ECONNRESET`.
    Reset,
}

/// One received message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Bytes in the buffer.
    pub bytes: usize,
    /// Whether more of the message did not fit and is lost (`MSG_TRUNC`).
    pub truncated: bool,
    /// Whether a packet ends here (`MSG_EOR`), which tells an empty one from the end. AF_UNIX and UDP never say so.
    pub record: bool,
}

/// A family of sockets.
///
/// Addresses are texts that the other side's [`connect`](Self::connect) understands.
pub trait Backend: Send + Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// What happens to the survivor of a killed process.
    fn killed_peer(&self) -> Ending;

    /// The kernel's number of the family (`AF_…`), where its sockets' descriptors take the kernel's socket calls rather than
    /// only poll and epoll.
    fn family(&self) -> Option<i32>;

    /// A listener at `port` (0: a free one) for connections of `kind`.
    ///
    /// # Errors
    /// Those of `bind(2)` and `listen(2)`.
    fn listen(&self, kind: Kind, port: u32, backlog: u32) -> io::Result<Box<dyn Listener>>;

    /// Connects and waits for it.
    ///
    /// # Errors
    /// Those of `connect(2)`.
    fn connect(&self, kind: Kind, addr: &str) -> io::Result<Box<dyn Connection>>;

    /// Connects a stream that holds about `receive_buffer` bytes for its reader (`SO_RCVBUF`).
    ///
    /// # Errors
    /// Those of `setsockopt(2)` and `connect(2)`.
    fn connect_sized(&self, addr: &str, receive_buffer: usize) -> io::Result<Box<dyn Connection>>;

    /// Begins to connect a stream in non-blocking mode: it is connected when it polls writable without an error.
    ///
    /// # Errors
    /// Those of `connect(2)` but `EINPROGRESS`.
    fn start_connect(&self, addr: &str) -> io::Result<Box<dyn Connection>>;

    /// A datagram socket at `port` (0: a free one).
    ///
    /// # Errors
    /// Those of `bind(2)`.
    fn datagram(&self, port: u32) -> io::Result<Box<dyn Datagram>>;

    /// An address in a domain that does not exist, where the family has such.
    fn nowhere(&self) -> Option<String> {
        None
    }
}

/// What every socket has.
pub trait Socket: AsFd + Send + Sync {
    /// The own address, as the other side would dial it.
    ///
    /// # Errors
    /// Those of `getsockname(2)`.
    fn local_addr(&self) -> io::Result<String>;

    /// The own port.
    ///
    /// # Errors
    /// Those of `getsockname(2)`.
    fn local_port(&self) -> io::Result<u32>;

    /// `O_NONBLOCK`.
    ///
    /// # Errors
    /// Those of `fcntl(2)`.
    fn set_nonblocking(&self, on: bool) -> io::Result<()>;
}

/// Waits for incoming connections.
pub trait Listener: Socket {
    /// The next connection and its peer's address.
    ///
    /// # Errors
    /// Those of `accept(2)`.
    fn accept(&self) -> io::Result<(Box<dyn Connection>, String)>;

    /// `SO_RCVTIMEO`: how long [`accept`](Self::accept) waits.
    ///
    /// # Errors
    /// Those of `setsockopt(2)`.
    fn set_accept_timeout(&self, timeout: Option<Duration>) -> io::Result<()>;
}

/// What connections and datagram sockets have.
pub trait Timed: Socket {
    /// `SO_RCVTIMEO`.
    ///
    /// # Errors
    /// Those of `setsockopt(2)`.
    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()>;

    /// `SO_SNDTIMEO`.
    ///
    /// # Errors
    /// Those of `setsockopt(2)`.
    fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()>;

    /// `FIONREAD`: bytes that can be read now; of packets and datagrams, those of the next one.
    ///
    /// # Errors
    /// Those of `ioctl(2)`.
    fn available(&self) -> io::Result<usize>;
}

/// One end of a connection, of a stream or of packets. No call raises `SIGPIPE`.
pub trait Connection: Timed {
    /// `recv(2)`.
    ///
    /// # Errors
    /// Its.
    fn read(&self, buf: &mut [u8]) -> io::Result<usize>;

    /// `readv(2)`.
    ///
    /// # Errors
    /// Its.
    fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize>;

    /// `recv(2)` with `MSG_PEEK`.
    ///
    /// # Errors
    /// Its.
    fn peek(&self, buf: &mut [u8]) -> io::Result<usize>;

    /// `recvmsg(2)`: one packet.
    ///
    /// # Errors
    /// Its.
    fn read_message(&self, buf: &mut [u8]) -> io::Result<Message>;

    /// `send(2)`.
    ///
    /// # Errors
    /// Its.
    fn write(&self, buf: &[u8]) -> io::Result<usize>;

    /// `writev(2)`.
    ///
    /// # Errors
    /// Its.
    fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize>;

    /// `shutdown(2)`.
    ///
    /// # Errors
    /// Its.
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;

    /// The peer's address.
    ///
    /// # Errors
    /// Those of `getpeername(2)`.
    fn peer_addr(&self) -> io::Result<String>;

    /// `dup(2)`: another handle of the same socket.
    ///
    /// # Errors
    /// Its.
    fn try_clone(&self) -> io::Result<Box<dyn Connection>>;

    /// `SO_RCVTIMEO`.
    ///
    /// # Errors
    /// Those of `getsockopt(2)`.
    fn read_timeout(&self) -> io::Result<Option<Duration>>;

    /// `SO_SNDTIMEO`.
    ///
    /// # Errors
    /// Those of `getsockopt(2)`.
    fn write_timeout(&self) -> io::Result<Option<Duration>>;

    /// `SO_ERROR`: takes the error that waits.
    ///
    /// # Errors
    /// Those of `getsockopt(2)`.
    fn take_error(&self) -> io::Result<Option<io::Error>>;

    /// Closes with `SO_LINGER` at time 0: a reset.
    ///
    /// # Errors
    /// Those of `setsockopt(2)`.
    fn abort(self: Box<Self>) -> io::Result<()>;
}

/// A datagram socket.
pub trait Datagram: Timed {
    /// `sendto(2)`.
    ///
    /// # Errors
    /// Its.
    fn send_to(&self, buf: &[u8], addr: &str) -> io::Result<usize>;

    /// `recvfrom(2)`: one datagram and its sender.
    ///
    /// # Errors
    /// Its.
    fn recv_from(&self, buf: &mut [u8]) -> io::Result<(Message, String)>;

    /// `recvfrom(2)` with `MSG_PEEK`.
    ///
    /// # Errors
    /// Its.
    fn peek_from(&self, buf: &mut [u8]) -> io::Result<(Message, String)>;

    /// `connect(2)`: only this peer from now on.
    ///
    /// # Errors
    /// Its.
    fn connect(&self, addr: &str) -> io::Result<()>;

    /// `send(2)` on a connected socket.
    ///
    /// # Errors
    /// Its.
    fn send(&self, buf: &[u8]) -> io::Result<usize>;
}

/// The names of all backends of this build; those before V4V are the references.
pub const NAMES: &[&str] = if cfg!(feature = "v4v") {
    &["tcp", "unix", "v4v"]
} else {
    &["tcp", "unix"]
};

/// The backend called `name`; `folder` is where AF_UNIX keeps its names, the same for both sides.
///
/// # Errors
/// `NotFound` where there is none.
pub fn by_name(name: &str, folder: &Path) -> io::Result<Arc<dyn Backend>> {
    match name {
        "tcp" => Ok(Arc::new(Inet)),
        "unix" => Ok(Arc::new(Unix::new(folder))),
        #[cfg(feature = "v4v")]
        "v4v" => Ok(Arc::new(V4v)),
        other => Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("no backend \"{other}\": there are {}", NAMES.join(", ")),
        )),
    }
}
