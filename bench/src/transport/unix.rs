//! AF_UNIX.

use super::Transport;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

/// Stream sockets of AF_UNIX, named in the abstract namespace so that no file stays behind.
#[derive(Debug)]
pub struct Unix;

impl Transport for Unix {
    type Stream = UnixStream;
    type Listener = UnixListener;

    fn listen(tag: &str) -> io::Result<(UnixListener, String)> {
        let name = format!("v4v-bench-{tag}");
        Ok((
            UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?)?,
            name,
        ))
    }

    fn accept(listener: UnixListener) -> io::Result<UnixStream> {
        Ok(listener.accept()?.0)
    }

    fn connect(address: &str) -> io::Result<UnixStream> {
        UnixStream::connect_addr(&SocketAddr::from_abstract_name(address)?)
    }
}
