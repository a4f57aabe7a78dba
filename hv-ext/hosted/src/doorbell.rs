//! A descriptor that polls like a socket, for a ring that the kernel knows nothing of.
//!
//! A doorbell is a pair of connected Unix stream sockets. The owner of a ring shows its users one end, the *face*; whoever
//! has the other end, the *button* (the owner, its partner, the daemon), changes what the face polls as:
//!
//! | the face polls as | because |
//! |---|---|
//! | `POLLIN` | somebody wrote a byte to the button ([`Button::light`]) |
//! | no `POLLIN` | the owner read the face empty ([`Face::darken`]) |
//! | no `POLLOUT` | the owner filled the face's send buffer ([`Face::block`]) |
//! | `POLLOUT` | somebody read the button empty ([`Button::unblock`]) |
//! | `POLLRDHUP` | the button was shut down for sending ([`Button::end`]) |
//! | `POLLHUP` | that, and the face was shut down for sending ([`Face::end`]) |
//! | `POLLHUP` | the button was shut down ([`Button::hang_up`]) |
//!
//! Each change wakes pollers, level- and edge-triggered, as the same change of a socket does. A partner that plays with its
//! button troubles only the one connection that it shares.

use nix::sys::socket::{
    AddressFamily, MsgFlags, Shutdown, SockFlag, SockType, recv, send, setsockopt, shutdown, socketpair,
    sockopt,
};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Enough to exceed the least send buffer that the kernel gives (`SOCK_MIN_SNDBUF`, about 4.6 KB), which is what we ask for.
const FILLER: [u8; 8192] = [0; 8192];

/// The end that users poll.
#[derive(Debug)]
pub struct Face(OwnedFd);

/// The end that changes what the face polls as.
#[derive(Debug)]
pub struct Button(OwnedFd);

/// A new pair: not readable, writable, close-on-exec.
///
/// # Errors
/// The system's: no descriptors, no memory.
pub fn pair() -> io::Result<(Face, Button)> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let (face, button) = socketpair(AddressFamily::Unix, SockType::Stream, None, flags)?;
    // The kernel raises this to its least buffer, which makes blocking and unblocking cheap.
    setsockopt(&face, sockopt::SndBuf, &1)?;
    // Nobody has descriptors to send here; a partner that did could keep the other in a close.
    crate::packet::refuse_descriptors(&face);
    crate::packet::refuse_descriptors(&button);
    Ok((Face(face), Button(button)))
}

impl Face {
    /// No `POLLIN` until the next [`Button::light`]. Whether there was one.
    pub fn darken(&self) -> bool {
        empty(&self.0)
    }

    /// The owner sends nothing more: together with [`Button::end`] that is `POLLHUP`.
    pub fn end(&self) {
        // Fails only where the button is hung up.
        let _ = shutdown(self.0.as_raw_fd(), Shutdown::Write);
    }

    /// No `POLLOUT` until the next [`Button::unblock`].
    pub fn block(&self) {
        // A full buffer, or a hung-up button, is what was asked for.
        let _ = send(
            self.0.as_raw_fd(),
            &FILLER,
            MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL,
        );
    }
}

impl Button {
    /// `POLLIN` at the face.
    pub fn light(&self) {
        // A full buffer means that the face is lit already; a closed face, that nobody looks.
        let _ = send(
            self.0.as_raw_fd(),
            &[1],
            MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL,
        );
    }

    /// `POLLOUT` at the face.
    pub fn unblock(&self) {
        empty(&self.0);
    }

    /// `POLLIN` and `POLLRDHUP` at the face, for good.
    pub fn end(&self) {
        // Fails only where the face is closed.
        let _ = shutdown(self.0.as_raw_fd(), Shutdown::Write);
    }

    /// `POLLHUP` at the face, for good.
    pub fn hang_up(&self) {
        // Fails only where the face is closed.
        let _ = shutdown(self.0.as_raw_fd(), Shutdown::Both);
    }
}

/// Reads until nothing is left; whether there was something, or the end. The other end cannot keep us here: more than a
/// buffer's worth is left for the next call.
fn empty(fd: &OwnedFd) -> bool {
    let mut sink = [0; FILLER.len()];
    for round in 0..64 {
        match recv(fd.as_raw_fd(), &mut sink, MsgFlags::MSG_DONTWAIT) {
            Ok(n) if n == sink.len() => {}
            outcome => return round > 0 || outcome.is_ok(),
        }
    }
    true
}

impl AsFd for Face {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsFd for Button {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for Face {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

impl From<OwnedFd> for Button {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

    fn polls(face: &Face) -> PollFlags {
        let asked = PollFlags::POLLIN | PollFlags::POLLOUT;
        let mut fds = [PollFd::new(face.as_fd(), asked)];
        poll(&mut fds, PollTimeout::ZERO).expect("poll");
        fds[0].revents().expect("known flags")
    }

    #[test]
    fn a_face_polls_as_told() {
        let (face, button) = pair().expect("sockets");
        assert_eq!(polls(&face), PollFlags::POLLOUT);
        button.light();
        assert_eq!(polls(&face), PollFlags::POLLIN | PollFlags::POLLOUT);
        face.block();
        assert_eq!(polls(&face), PollFlags::POLLIN);
        face.darken();
        assert_eq!(polls(&face), PollFlags::empty());
        button.unblock();
        assert_eq!(polls(&face), PollFlags::POLLOUT);
        face.block();
        face.block();
        button.unblock();
        assert_eq!(
            polls(&face),
            PollFlags::POLLOUT,
            "blocking twice is blocking once"
        );
        button.hang_up();
        assert!(polls(&face).contains(PollFlags::POLLHUP));
    }

    #[test]
    fn a_dark_face_says_that_it_was() {
        let (face, button) = pair().expect("sockets");
        assert!(!face.darken());
        button.light();
        assert!(face.darken() && !face.darken());
    }

    #[test]
    fn both_ends_are_a_hang_up() {
        let (face, button) = pair().expect("sockets");
        face.end();
        assert_eq!(polls(&face), PollFlags::POLLOUT);
        button.unblock();
        button.end();
        assert!(polls(&face).contains(PollFlags::POLLHUP | PollFlags::POLLIN | PollFlags::POLLOUT));
    }

    #[test]
    fn each_change_is_an_edge() {
        let (face, button) = pair().expect("sockets");
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("epoll");
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
        epoll.add(&face, EpollEvent::new(flags, 1)).expect("add");
        let next = || {
            let mut events = [EpollEvent::empty()];
            let n = epoll.wait(&mut events, EpollTimeout::ZERO).expect("wait");
            (n > 0).then(|| events[0].events())
        };
        assert_eq!(next(), Some(EpollFlags::EPOLLOUT));
        assert_eq!(next(), None);
        button.light();
        assert!(next().is_some_and(|e| e.contains(EpollFlags::EPOLLIN)));
        assert_eq!(next(), None);
        button.light();
        assert!(
            next().is_some_and(|e| e.contains(EpollFlags::EPOLLIN)),
            "a second message is a second edge"
        );
        face.darken();
        face.block();
        assert_eq!(next(), None);
        button.unblock();
        assert_eq!(next(), Some(EpollFlags::EPOLLOUT));
    }
}
