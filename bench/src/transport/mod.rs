//! What carries the messages. Each transport is one file; V4V is one of them, measured by the same code as the rest.

mod futex;
mod tcp;
mod unix;
mod v4v;

pub use futex::Futex;
pub use tcp::Tcp;
pub use unix::Unix;
pub use v4v::V4v;

use clap::ValueEnum;
use std::fmt;
use std::io::{self, Read, Write};

/// A way to connect two processes of one machine by a byte stream.
pub trait Transport {
    /// A connected end.
    type Stream: Read + Write;
    /// Waits for connections.
    type Listener;

    /// Starts to listen, where `tag` (letters, digits, `-`) is unique on this machine, and returns the address to connect to.
    ///
    /// # Errors
    /// Those of the transport.
    fn listen(tag: &str) -> io::Result<(Self::Listener, String)>;

    /// Waits for one connection.
    ///
    /// # Errors
    /// Those of the transport.
    fn accept(listener: Self::Listener) -> io::Result<Self::Stream>;

    /// Connects to an address that [`listen`](Self::listen) returned, in another process.
    ///
    /// # Errors
    /// Those of the transport.
    fn connect(address: &str) -> io::Result<Self::Stream>;
}

/// The transports by name; the first of those that are measured is what the others are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Path {
    /// V4V: a stream of libv4vsock
    V4v,
    /// A stream socket of AF_UNIX
    Unix,
    /// TCP over the loopback device, without Nagle's delay
    Tcp,
    /// Bare shared memory: the reader sleeps on a futex, the writer wakes it
    Futex,
}

impl Path {
    /// The name in samples, plots and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V4v => "v4v",
            Self::Unix => "unix",
            Self::Tcp => "tcp",
            Self::Futex => "futex",
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
