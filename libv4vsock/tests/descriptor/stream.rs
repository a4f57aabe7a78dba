//! Bytes, ends and readiness.

use crate::kernel::{assert_refused, here, pair, read, read_all, write};
use nix::fcntl::{FcntlArg, FdFlag, OFlag, SpliceFFlags, fcntl, splice};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{Shutdown, shutdown};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};
use v4vsock::descriptor;

pub(crate) fn bytes_go_both_ways() {
    let pair = pair();
    write(&pair.caller, b"question");
    assert_eq!(read(&pair.accepted, 8), b"question");
    write(&pair.accepted, b"answer");
    assert_eq!(read(&pair.caller, 6), b"answer");
    // Many times what a buffer holds, checked byte by byte.
    let long: Vec<u8> = (0..8_000_000_u32).map(|i| (i % 251) as u8).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            write(&pair.caller, &long);
            shutdown(pair.caller.as_raw_fd(), Shutdown::Write).expect("half closed");
        });
        assert!(read_all(&pair.accepted) == long, "other bytes came");
    });
    write(&pair.accepted, b"still open");
    assert_eq!(read(&pair.caller, 10), b"still open");
}

pub(crate) fn addresses_are_known_at_both_ends() {
    let pair = pair();
    let local = |fd: &OwnedFd| descriptor::local_addr(fd.as_fd()).expect("asked");
    let peer = |fd: &OwnedFd| descriptor::peer_addr(fd.as_fd()).expect("asked");
    assert_eq!(
        (local(&pair.caller), peer(&pair.caller)),
        (Some(pair.from), Some(pair.to))
    );
    assert_eq!(
        (local(&pair.accepted), peer(&pair.accepted)),
        (Some(pair.to), Some(pair.from))
    );
    assert_eq!(local(&pair.listener), Some(pair.to));
    assert_eq!(pair.from.domain(), pair.to.domain());
    assert_refused(descriptor::peer_addr(pair.listener.as_fd()), libc::ENOTCONN, "");
    drop(pair.caller);
    assert_eq!(
        peer(&pair.accepted),
        Some(pair.from),
        "also when the other end is closed"
    );
}

pub(crate) fn ends_are_seen() {
    let first = pair();
    drop(first.caller);
    assert!(read_all(&first.accepted).is_empty(), "a close is an end of file");
    drop((first.accepted, first.listener));
    let second = pair();
    write(&second.caller, b"unread");
    drop(second.accepted);
    let mut byte = [0];
    let error = nix::unistd::read(&second.caller, &mut byte).expect_err("reset");
    assert_eq!(
        error,
        nix::errno::Errno::ECONNRESET,
        "a close with bytes unread is a reset"
    );
}

pub(crate) fn nonblocking_and_close_on_exec() {
    let listener = descriptor::listen(5001, 1).expect("free");
    let flags = |fd: &OwnedFd| {
        let status = fcntl(fd, FcntlArg::F_GETFL).expect("flags");
        let fd = fcntl(fd, FcntlArg::F_GETFD).expect("flags");
        (
            OFlag::from_bits_retain(status).contains(OFlag::O_NONBLOCK),
            FdFlag::from_bits_retain(fd).contains(FdFlag::FD_CLOEXEC),
        )
    };
    assert_eq!(flags(&listener), (false, true));
    for nonblocking in [false, true] {
        let connecting = descriptor::connect(here(5001), nonblocking).expect("connected");
        assert!(!connecting.in_progress);
        assert_eq!(flags(&connecting.socket), (nonblocking, true));
        let (accepted, _) = descriptor::accept(listener.as_fd(), nonblocking).expect("one waits");
        assert_eq!(flags(&accepted), (nonblocking, true));
    }
    fcntl(&listener, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("set");
    assert_refused(descriptor::accept(listener.as_fd(), false), libc::EAGAIN, "");
}

fn polls(fd: &OwnedFd, asked: PollFlags) -> PollFlags {
    let mut fds = [PollFd::new(fd.as_fd(), asked)];
    poll(&mut fds, PollTimeout::ZERO).expect("poll");
    fds[0].revents().expect("known flags")
}

pub(crate) fn poll_and_epoll() {
    let listener = descriptor::listen(5001, 1).expect("free");
    assert_eq!(polls(&listener, PollFlags::POLLIN), PollFlags::empty());
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("epoll");
    epoll
        .add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, 1))
        .expect("added");
    let next = |epoll: &Epoll| {
        let mut events = [EpollEvent::empty()];
        let n = epoll.wait(&mut events, EpollTimeout::ZERO).expect("waited");
        (n > 0).then(|| (events[0].data(), events[0].events()))
    };
    assert_eq!(next(&epoll), None);
    let caller = descriptor::connect(here(5001), true).expect("connected").socket;
    assert_eq!(polls(&listener, PollFlags::POLLIN), PollFlags::POLLIN);
    assert_eq!(next(&epoll), Some((1, EpollFlags::EPOLLIN)));
    assert_eq!(next(&epoll), Some((1, EpollFlags::EPOLLIN)), "level");
    let (accepted, _) = descriptor::accept(listener.as_fd(), true).expect("one waits");
    assert_eq!(next(&epoll), None);

    let edges = EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLET;
    epoll.add(&accepted, EpollEvent::new(edges, 2)).expect("added");
    assert_eq!(next(&epoll), None);
    for _ in 0..2 {
        write(&caller, b"x");
        assert_eq!(next(&epoll), Some((2, EpollFlags::EPOLLIN)));
        assert_eq!(next(&epoll), None, "edge");
    }
    let once = EpollFlags::EPOLLOUT | EpollFlags::EPOLLONESHOT;
    epoll.add(&caller, EpollEvent::new(once, 3)).expect("added");
    assert_eq!(next(&epoll), Some((3, EpollFlags::EPOLLOUT)));
    assert_eq!(next(&epoll), None, "oneshot");
    shutdown(caller.as_raw_fd(), Shutdown::Write).expect("half closed");
    let (_, end) = next(&epoll).expect("an edge");
    assert!(end.contains(EpollFlags::EPOLLRDHUP), "{end:?}");
    drop(caller);
    let hup = polls(&accepted, PollFlags::POLLIN);
    assert!(hup.contains(PollFlags::POLLHUP), "{hup:?}");
}

pub(crate) fn a_full_backlog() {
    let listener = descriptor::listen(5001, 1).expect("free");
    let mut callers = Vec::new();
    let error = loop {
        match descriptor::connect(here(5001), true) {
            Ok(connecting) => callers.push(connecting.socket),
            Err(error) => break error,
        }
        assert!(callers.len() < 5000, "no end of the backlog");
    };
    assert!(callers.len() >= 128, "{} fitted", callers.len());
    assert_refused::<()>(Err(error), libc::EAGAIN, "backlog");
    // One that waits gets the place of the first that is accepted.
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| {
            descriptor::connect(here(5001), false)
                .expect("there is room")
                .socket
        });
        let start = Instant::now();
        std::thread::sleep(Duration::from_millis(50));
        assert!(!waits.is_finished());
        descriptor::accept(listener.as_fd(), false).expect("one waits");
        waits.join().expect("connected");
        assert!(start.elapsed() < Duration::from_secs(5));
    });
}

pub(crate) fn sendfile_and_splice() {
    let pair = pair();
    let path = std::env::temp_dir().join(format!("v4v-sendfile-{}", std::process::id()));
    let content: Vec<u8> = (0..100_000_u32).map(|i| (i % 253) as u8).collect();
    std::fs::write(&path, &content).expect("written");
    let file = File::open(&path).expect("open");
    std::fs::remove_file(&path).expect("removed");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut offset = 0;
            while (offset as usize) < content.len() {
                // SAFETY: both descriptors are open, and the offset outlives the call.
                let n = unsafe {
                    libc::sendfile(
                        pair.caller.as_raw_fd(),
                        file.as_raw_fd(),
                        &mut offset,
                        content.len(),
                    )
                };
                assert!(n > 0, "{}", std::io::Error::last_os_error());
            }
        });
        assert!(read(&pair.accepted, content.len()) == content);
    });
    let (reader, writer) = nix::unistd::pipe().expect("a pipe");
    write(&pair.caller, b"through a pipe");
    let moved = splice(&pair.accepted, None, &writer, None, 14, SpliceFFlags::empty()).expect("spliced");
    assert_eq!((moved, read(reader, 14).as_slice()), (14, &b"through a pipe"[..]));
}
