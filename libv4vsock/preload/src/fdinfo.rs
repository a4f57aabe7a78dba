//! What an epoll set watches, as `/proc/self/fdinfo` shows it (proc(5)).
//!
//! Read without the heap: a connect may be a signal handler's.

use crate::next;
use libc::c_int;
use std::io::Write;

/// One descriptor in the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The number under which it was put in.
    pub(crate) fd: c_int,
    pub(crate) events: u32,
    pub(crate) data: u64,
}

/// Bytes that are read at once; a line has fewer.
const CHUNK: usize = 2048;

/// Calls `see` for what the set watches, until it says that it has seen enough. Nothing where it is no set.
pub(crate) fn targets(set: c_int, mut see: impl FnMut(Target) -> bool) {
    let Some(file) = open(set) else { return };
    let mut buffer = [0_u8; CHUNK];
    let mut held = 0;
    'file: loop {
        let room = &mut buffer[held..];
        // SAFETY: there is as much room as is said.
        let got = unsafe { libc::read(file, room.as_mut_ptr().cast(), room.len()) };
        let Some(got @ 1..) = usize::try_from(got).ok() else {
            break;
        };
        let mut rest = &buffer[..held + got];
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            if parse(&rest[..end]).is_some_and(|target| !see(target)) {
                break 'file;
            }
            rest = &rest[end + 1..];
        }
        let (start, len) = (held + got - rest.len(), rest.len());
        buffer.copy_within(start..start + len, 0);
        held = len;
        if held == CHUNK {
            break;
        }
    }
    // SAFETY: the descriptor is this function's.
    unsafe { next::close(file) };
}

fn open(set: c_int) -> Option<c_int> {
    let mut path = [0_u8; 40];
    // The last byte stays 0.
    let room = path.len() - 1;
    write!(&mut path[..room], "/proc/self/fdinfo/{set}").ok()?;
    // SAFETY: the path is a C string.
    let file = unsafe { libc::open(path.as_ptr().cast(), libc::O_RDONLY | libc::O_CLOEXEC) };
    (file >= 0).then_some(file)
}

/// `tfd:        5 events:       19 data:                5 pos:0 ino:1 sdev:2`, the two in the middle in hexadecimal.
fn parse(line: &[u8]) -> Option<Target> {
    let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
    let mut value = |name| (words.next()? == name).then(|| words.next())?;
    Some(Target {
        fd: value("tfd:")?.parse().ok()?,
        events: u32::from_str_radix(value("events:")?, 16).ok()?,
        data: u64::from_str_radix(value("data:")?, 16).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
    use std::os::unix::net::UnixStream;

    #[test]
    fn everything_in_a_set_is_seen() {
        // SAFETY: a fresh descriptor.
        let set = unsafe { OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC)) };
        let sockets: Vec<_> = (0..100).map(|_| UnixStream::pair().expect("a pair").0).collect();
        for (at, socket) in (0..).zip(&sockets) {
            let mut event = libc::epoll_event {
                events: (libc::EPOLLIN | libc::EPOLLET) as u32,
                u64: u64::MAX - at,
            };
            // SAFETY: the event is this function's.
            let result = unsafe {
                next::epoll_ctl(
                    set.as_raw_fd(),
                    libc::EPOLL_CTL_ADD,
                    socket.as_raw_fd(),
                    &raw mut event,
                )
            };
            assert_eq!(result, 0);
        }
        let mut seen = Vec::new();
        targets(set.as_raw_fd(), |target| {
            seen.push(target);
            true
        });
        seen.sort_by_key(|t| std::cmp::Reverse(t.data));
        let numbers: Vec<_> = seen.iter().map(|t| t.fd).collect();
        assert_eq!(
            numbers,
            sockets.iter().map(AsRawFd::as_raw_fd).collect::<Vec<_>>()
        );
        assert!(seen.iter().all(|t| t.events & libc::EPOLLET as u32 != 0));
    }
}
