//! TCP over loopback.

use super::Transport;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

/// TCP over 127.0.0.1, on a port that the kernel picks, with TCP_NODELAY.
#[derive(Debug)]
pub struct Tcp;

impl Transport for Tcp {
    type Stream = TcpStream;
    type Listener = TcpListener;

    fn listen(_tag: &str) -> io::Result<(TcpListener, String)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?.to_string();
        Ok((listener, address))
    }

    fn accept(listener: TcpListener) -> io::Result<TcpStream> {
        prompt(listener.accept()?.0)
    }

    fn connect(address: &str) -> io::Result<TcpStream> {
        prompt(TcpStream::connect(address)?)
    }
}

fn prompt(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    Ok(stream)
}
