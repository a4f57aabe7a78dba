//! A descriptor that the library keeps for itself, in a process whose program may close what it does not know: `closefrom`,
//! `close_range`, a loop over all numbers. What is then open under that number is the program's.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;

/// A socket of the library's own.
#[derive(Debug)]
pub(crate) struct Line {
    socket: ManuallyDrop<OwnedFd>,
    cookie: u64,
}

impl Line {
    pub(crate) fn new(socket: OwnedFd) -> io::Result<Self> {
        let cookie = cookie(socket.as_fd()).ok_or_else(io::Error::last_os_error)?;
        Ok(Self {
            socket: ManuallyDrop::new(socket),
            cookie,
        })
    }

    /// Whether it is still what is open under its number.
    pub(crate) fn is_ours(&self) -> bool {
        cookie(self.socket.as_fd()) == Some(self.cookie)
    }
}

impl AsFd for Line {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.is_ours() {
            // SAFETY: dropped once, here, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.socket) };
        }
    }
}

/// The kernel's number of a socket, which no other socket since the system's start has; `None` for what is no socket. Safe in a child
/// of a process with threads.
pub(crate) fn cookie(socket: BorrowedFd<'_>) -> Option<u64> {
    let mut cookie = 0_u64;
    let mut len = size_of::<u64>() as libc::socklen_t;
    // SAFETY: SO_COOKIE writes 8 bytes to `cookie`, and `len` says that it has them. Both outlive the call.
    let got = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_COOKIE,
            ptr::from_mut(&mut cookie).cast(),
            &mut len,
        )
    };
    (got == 0).then_some(cookie)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::dup2_raw;
    use std::os::unix::net::UnixStream;

    #[test]
    fn what_took_its_number_stays_open() {
        let (mine, _peer) = UnixStream::pair().expect("sockets");
        let line = Line::new(mine.into()).expect("a socket");
        assert!(line.is_ours());
        let number = line.as_fd().as_raw_fd();
        let (theirs, _other) = UnixStream::pair().expect("sockets");
        // SAFETY: the number is the line's, which makes no use of what is behind it but to ask the kernel what that is.
        let taken = unsafe { dup2_raw(&theirs, number) }.expect("in its place");
        assert!(!line.is_ours());
        drop(line);
        assert_eq!(cookie(taken.as_fd()), cookie(theirs.as_fd()), "it is still open");
    }

    #[test]
    fn a_file_has_no_cookie() {
        let file = std::fs::File::open("/dev/null").expect("open");
        assert_eq!(cookie(file.as_fd()), None);
    }
}
