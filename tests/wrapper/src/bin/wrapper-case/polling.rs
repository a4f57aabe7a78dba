//! Waiting for several descriptors.

use crate::Case;
use crate::place::{Place, talk};
use crate::sys::{self, check, errno};
use libc::{EPOLLET, EPOLLEXCLUSIVE, EPOLLIN, EPOLLONESHOT, EPOLLOUT, c_int, epoll_event};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

pub(crate) const CASES: &[Case] = &[
    ("a_connection_is_edge_triggered", edge),
    ("a_listener_is_edge_triggered", edge_of_a_listener),
    ("a_connection_is_seen_once", oneshot),
    ("a_listener_is_in_a_set_exclusively", exclusive),
    ("a_socket_is_in_a_set_before_it_connects", before_connect),
    ("a_socket_is_in_two_sets_before_it_connects", in_two_sets),
    ("a_socket_is_in_a_set_before_it_listens", before_listen),
    ("select_sees_a_descriptor_above_1024", select_beyond),
    ("a_connect_does_not_wait", nonblocking),
    ("an_accept_does_not_wait", accept_nonblocking),
];

/// An epoll set.
struct Set(OwnedFd);

impl Set {
    fn new() -> Self {
        // SAFETY: a fresh descriptor.
        Self(unsafe { OwnedFd::from_raw_fd(check(libc::epoll_create1(0)).expect("epoll")) })
    }

    fn control(&self, operation: c_int, fd: c_int, events: c_int, data: u64) {
        let mut event = epoll_event {
            events: events.cast_unsigned(),
            u64: data,
        };
        // SAFETY: the event is this function's.
        check(unsafe { libc::epoll_ctl(self.0.as_raw_fd(), operation, fd, &raw mut event) })
            .expect("epoll_ctl");
    }

    fn add(&self, fd: c_int, events: c_int, data: u64) {
        self.control(libc::EPOLL_CTL_ADD, fd, events, data);
    }

    /// What has come, within these milliseconds: the data and the events.
    fn wait(&self, milliseconds: c_int) -> Option<(u64, c_int)> {
        let mut event = epoll_event { events: 0, u64: 0 };
        // SAFETY: room for one event.
        let got = check(unsafe { libc::epoll_wait(self.0.as_raw_fd(), &raw mut event, 1, milliseconds) });
        (got.expect("epoll_wait") == 1).then_some((event.u64, event.events.cast_signed()))
    }
}

/// Nothing happens in this time, in milliseconds.
const QUIET: c_int = 100;
/// What is to happen happens in this time.
const SOON: c_int = 5000;

fn edge(place: &Place) {
    let listener = place.listen();
    let (mut caller, called) = place.pair(&listener);
    let set = Set::new();
    set.add(called.as_raw_fd(), EPOLLIN | EPOLLET, 1);
    caller.write_all(b"one").expect("write");
    assert_eq!(set.wait(SOON).map(|(data, _)| data), Some(1));
    assert_eq!(set.wait(QUIET), None);
    caller.write_all(b"two").expect("write");
    assert!(set.wait(SOON).is_some());
}

fn edge_of_a_listener(place: &Place) {
    let listener = place.listen();
    let set = Set::new();
    set.add(listener.as_raw_fd(), EPOLLIN | EPOLLET, 1);
    for _ in 0..3 {
        let _caller = place.connect(&listener);
        assert!(
            set.wait(SOON)
                .is_some_and(|(data, events)| data == 1 && events & EPOLLIN != 0)
        );
        assert_eq!(set.wait(QUIET), None);
    }
    (0..3).for_each(|_| drop(listener.accept().expect("accept")));
}

fn oneshot(place: &Place) {
    let listener = place.listen();
    let (mut caller, called) = place.pair(&listener);
    let set = Set::new();
    set.add(called.as_raw_fd(), EPOLLIN | EPOLLONESHOT, 1);
    caller.write_all(b"one").expect("write");
    assert!(set.wait(SOON).is_some());
    caller.write_all(b"two").expect("write");
    assert_eq!(set.wait(QUIET), None);
    set.control(libc::EPOLL_CTL_MOD, called.as_raw_fd(), EPOLLIN | EPOLLONESHOT, 2);
    assert_eq!(set.wait(SOON).map(|(data, _)| data), Some(2));
}

fn exclusive(place: &Place) {
    let listener = place.listen();
    let set = Set::new();
    set.add(listener.as_raw_fd(), EPOLLIN | EPOLLEXCLUSIVE, 1);
    let _caller = place.connect(&listener);
    assert!(set.wait(SOON).is_some());
    drop(listener.accept().expect("accept"));
    assert_eq!(set.wait(QUIET), None);
}

fn fresh() -> OwnedFd {
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK;
    // SAFETY: a fresh descriptor.
    unsafe { OwnedFd::from_raw_fd(check(libc::socket(libc::AF_INET, kind, 0)).expect("socket")) }
}

fn raw(address: SocketAddr) -> libc::sockaddr_in {
    let SocketAddr::V4(address) = address else {
        panic!("{address}")
    };
    libc::sockaddr_in {
        sin_family: 2,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from(*address.ip()).to_be(),
        },
        sin_zero: [0; 8],
    }
}

fn connect(fd: c_int, address: SocketAddr) -> std::io::Result<c_int> {
    let address = raw(address);
    // SAFETY: the address is this function's, with its length.
    check(unsafe { libc::connect(fd, (&raw const address).cast(), 16) })
}

fn start_connect(fd: c_int, address: SocketAddr) {
    let error = connect(fd, address).expect_err("it does not wait");
    assert_eq!(errno(&error), libc::EINPROGRESS);
}

fn before_connect(place: &Place) {
    let listener = place.listen();
    let (set, socket) = (Set::new(), fresh());
    set.add(socket.as_raw_fd(), EPOLLIN | EPOLLOUT | EPOLLET, 7);
    // An unconnected socket is hung up; of that the program hears now.
    set.wait(0);
    start_connect(socket.as_raw_fd(), place.address(&listener));
    place.check(socket.as_raw_fd());
    assert!(
        set.wait(SOON)
            .is_some_and(|(data, events)| data == 7 && events & EPOLLOUT != 0)
    );
    let (mut called, _) = listener.accept().expect("accept");
    called.write_all(b"x").expect("write");
    assert!(
        set.wait(SOON)
            .is_some_and(|(data, events)| data == 7 && events & EPOLLIN != 0)
    );
}

fn in_two_sets(place: &Place) {
    let listener = place.listen();
    let (one, other, socket) = (Set::new(), Set::new(), fresh());
    one.add(socket.as_raw_fd(), EPOLLIN | EPOLLET, 1);
    other.add(socket.as_raw_fd(), EPOLLIN | EPOLLET, 2);
    one.wait(0);
    other.wait(0);
    start_connect(socket.as_raw_fd(), place.address(&listener));
    let (mut called, _) = listener.accept().expect("accept");
    one.wait(0);
    other.wait(0);
    called.write_all(b"x").expect("write");
    assert_eq!(
        (one.wait(SOON).map(|e| e.0), other.wait(SOON).map(|e| e.0)),
        (Some(1), Some(2))
    );
}

fn before_listen(place: &Place) {
    let (set, socket) = (Set::new(), fresh());
    set.add(socket.as_raw_fd(), EPOLLIN, 7);
    let any = raw("0.0.0.0:0".parse().expect("an address"));
    // SAFETY: the address is this function's, with its length.
    unsafe {
        check(libc::bind(socket.as_raw_fd(), (&raw const any).cast(), 16)).expect("bind");
        check(libc::listen(socket.as_raw_fd(), 5)).expect("listen");
    }
    let listener = TcpListener::from(socket);
    assert_eq!(set.wait(QUIET), None);
    let _caller = place.connect(&listener);
    assert_eq!(set.wait(SOON).map(|(data, _)| data), Some(7));
    drop(listener.accept().expect("accept"));
}

fn select_beyond(place: &Place) {
    const HIGH: c_int = 1500;
    let limit = libc::rlimit {
        rlim_cur: 4096,
        rlim_max: 4096,
    };
    // SAFETY: the limit is this function's.
    check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }).expect("setrlimit");
    let listener = place.listen();
    let (mut caller, called) = place.pair(&listener);
    // SAFETY: the number is free; what is made is this case's.
    let high = unsafe { TcpStream::from_raw_fd(check(libc::dup2(called.as_raw_fd(), HIGH)).expect("dup2")) };
    let mut bits = [0_u64; 64];
    let (word, bit) = (HIGH as usize / 64, HIGH as usize % 64);
    bits[word] = 1 << bit;
    let mut select = |microseconds| {
        let mut timeout = libc::timeval {
            tv_sec: 0,
            tv_usec: microseconds,
        };
        let none = std::ptr::null_mut();
        bits[word] = 1 << bit;
        // SAFETY: the bits are as many as the numbers that are said to be there.
        let n = unsafe { libc::select(HIGH + 1, bits.as_mut_ptr().cast(), none, none, &raw mut timeout) };
        (check(n).expect("select"), bits[word])
    };
    assert_eq!(select(100_000), (0, 0));
    caller.write_all(b"x").expect("write");
    assert_eq!(select(999_999), (1, 1 << bit));
    talk_after(&high);
}

/// Reads what is there.
fn talk_after(mut stream: &TcpStream) {
    let mut byte = [0];
    stream.read_exact(&mut byte).expect("read");
    assert_eq!(&byte, b"x");
}

fn nonblocking(place: &Place) {
    let listener = place.listen();
    let (set, socket) = (Set::new(), fresh());
    let fd = socket.as_raw_fd();
    start_connect(fd, place.address(&listener));
    set.add(fd, EPOLLOUT, 1);
    assert!(set.wait(SOON).is_some());
    assert_eq!(
        sys::option(fd, libc::SOL_SOCKET, libc::SO_ERROR).expect("an option"),
        0
    );
    // The first says that it is there, the next that it was.
    assert_eq!(connect(fd, place.address(&listener)).expect("it is there"), 0);
    let error = connect(fd, place.address(&listener)).expect_err("it was there");
    assert_eq!(errno(&error), libc::EISCONN);
    let (called, _) = listener.accept().expect("accept");
    let caller = TcpStream::from(socket);
    caller.set_nonblocking(false).expect("fcntl");
    talk(&caller, &called);
}

fn accept_nonblocking(place: &Place) {
    let listener = place.listen();
    listener.set_nonblocking(true).expect("ioctl");
    let error = listener.accept().expect_err("nobody calls");
    assert_eq!(errno(&error), libc::EAGAIN);
    let _caller = place.connect(&listener);
    let (called, _) = listener.accept().expect("accept");
    // What is accepted waits, whatever its listener does.
    // SAFETY: no argument is taken.
    let flags = check(unsafe { libc::fcntl(called.as_raw_fd(), libc::F_GETFL) }).expect("fcntl");
    assert_eq!(flags & libc::O_NONBLOCK, 0);
}
