//! Where a case runs.

use crate::sys;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};

/// The address of this process's listeners, and what is to carry connections to it.
pub(crate) struct Place {
    host: String,
    over_v4v: bool,
}

impl Place {
    pub(crate) fn new(host: &str, over_v4v: bool) -> Self {
        Self {
            host: host.to_owned(),
            over_v4v,
        }
    }

    /// A listener on all addresses.
    pub(crate) fn listen(&self) -> TcpListener {
        TcpListener::bind("0.0.0.0:0").expect("listen")
    }

    /// Where it is reached.
    pub(crate) fn address(&self, listener: &TcpListener) -> SocketAddr {
        let port = listener.local_addr().expect("getsockname").port();
        SocketAddr::new(self.host.parse().expect("an address"), port)
    }

    /// A connection to it.
    pub(crate) fn connect(&self, listener: &TcpListener) -> TcpStream {
        self.connect_to(self.address(listener))
    }

    pub(crate) fn connect_to(&self, address: SocketAddr) -> TcpStream {
        let stream = TcpStream::connect(address).expect("connect");
        self.check(stream.as_raw_fd());
        stream
    }

    /// Both ends of a connection.
    pub(crate) fn pair(&self, listener: &TcpListener) -> (TcpStream, TcpStream) {
        let caller = self.connect(listener);
        let (called, peer) = listener.accept().expect("accept");
        self.check(called.as_raw_fd());
        assert_eq!(peer, caller.local_addr().expect("getsockname"));
        (caller, called)
    }

    /// Whether this is a connection of the kind that it should be. Asked past the C library, and so past the wrapper.
    pub(crate) fn check(&self, fd: RawFd) {
        let is_tcp = matches!(sys::kernels_family(fd), libc::AF_INET | libc::AF_INET6);
        assert_eq!(is_tcp, !self.over_v4v, "what carries descriptor {fd}");
    }

    pub(crate) fn is_over_v4v(&self) -> bool {
        self.over_v4v
    }
}

/// Sends bytes each way.
pub(crate) fn talk(mut one: &TcpStream, mut other: &TcpStream) {
    for text in [b"there", b"again"] {
        one.write_all(text).expect("write");
        let mut read = [0; 5];
        other.read_exact(&mut read).expect("read");
        assert_eq!(&read, text);
        other.write_all(b"back!").expect("write");
        one.read_exact(&mut read).expect("read");
        assert_eq!(&read, b"back!");
    }
}

/// Sends to a peer that gives everything back, and closes.
pub(crate) fn expect_echo(mut caller: TcpStream) {
    caller.write_all(b"echo").expect("write");
    caller.shutdown(std::net::Shutdown::Write).expect("shutdown");
    let mut text = String::new();
    caller.read_to_string(&mut text).expect("read");
    assert_eq!(text, "echo");
}

/// Gives everything back until the end.
pub(crate) fn echo(mut called: TcpStream) {
    let mut bytes = Vec::new();
    called.read_to_end(&mut bytes).expect("read");
    called.write_all(&bytes).expect("write");
}
