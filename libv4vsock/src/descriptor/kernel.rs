//! Descriptors on the kernel's AF_V4V: its sockets as they are.

use super::Connecting;
use crate::addr::V4vAddr;
use crate::kernel::{decode, encode, socket};
use socket2::{SockAddr, Type};
use std::io;
use std::os::fd::OwnedFd;

pub(super) fn connect(family: i32, to: V4vAddr, nonblocking: bool) -> io::Result<Connecting> {
    let socket = socket(family, Type::STREAM)?;
    socket.set_nonblocking(nonblocking)?;
    let in_progress = match socket.connect(&encode(family, to)?) {
        Err(error) if nonblocking && error.raw_os_error() == Some(libc::EINPROGRESS) => true,
        outcome => outcome.map(|()| false)?,
    };
    Ok(Connecting {
        socket: socket.into(),
        in_progress,
    })
}

pub(super) fn listen(family: i32, port: u32, backlog: i32) -> io::Result<OwnedFd> {
    let socket = socket(family, Type::STREAM)?;
    socket.bind(&encode(family, V4vAddr::new(V4vAddr::ANY, port))?)?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

pub(super) fn is_of(address: &SockAddr, family: i32) -> bool {
    i32::from(address.family()) == family
}

pub(super) fn address(address: &SockAddr) -> io::Result<V4vAddr> {
    decode(address)
}
