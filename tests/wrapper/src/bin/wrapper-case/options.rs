//! Options, names, and what a socket says that it is.

use crate::Case;
use crate::place::{Place, talk};
use crate::sys::{self, check, errno, option, set_option};
use libc::{IPPROTO_TCP, SOL_SOCKET};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

pub(crate) const CASES: &[Case] = &[
    ("options_are_kept_over_connect", options_are_kept),
    ("a_connection_has_its_listeners_options", options_are_inherited),
    ("a_socket_says_that_it_is_tcps", identity),
    ("an_accept_has_a_time_limit", accept_timeout),
    ("ipv6_sees_ipv6_addresses", ipv6),
    ("two_listeners_share_a_port", reuse_port),
    ("a_listener_is_shut_down", shut_down),
];

fn socket(family: i32) -> OwnedFd {
    // SAFETY: a fresh descriptor.
    unsafe { OwnedFd::from_raw_fd(check(libc::socket(family, libc::SOCK_STREAM, 0)).expect("socket")) }
}

/// Options that programs set, with a value that is not the first.
const SET: [(i32, i32, i32); 6] = [
    (IPPROTO_TCP, libc::TCP_NODELAY, 1),
    (IPPROTO_TCP, libc::TCP_KEEPIDLE, 60),
    (IPPROTO_TCP, libc::TCP_KEEPINTVL, 10),
    (IPPROTO_TCP, libc::TCP_KEEPCNT, 5),
    (SOL_SOCKET, libc::SO_KEEPALIVE, 1),
    (libc::IPPROTO_IP, libc::IP_TOS, 0x10),
];

fn connect(fd: i32, address: SocketAddr) {
    let SocketAddr::V4(address) = address else {
        panic!("{address}")
    };
    let raw = libc::sockaddr_in {
        sin_family: 2,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from(*address.ip()).to_be(),
        },
        sin_zero: [0; 8],
    };
    // SAFETY: the address is this function's, with its length.
    check(unsafe { libc::connect(fd, (&raw const raw).cast(), 16) }).expect("connect");
}

fn options_are_kept(place: &Place) {
    let listener = place.listen();
    let socket = socket(libc::AF_INET);
    let fd = socket.as_raw_fd();
    for (level, name, value) in SET {
        set_option(fd, level, name, value);
    }
    let stream = std::net::TcpStream::from(socket);
    stream
        .set_read_timeout(Some(Duration::from_millis(200)))
        .expect("an option");
    connect(fd, place.address(&listener));
    place.check(fd);
    for (level, name, value) in SET {
        assert_eq!(
            option(fd, level, name).expect("an option"),
            value,
            "{level} {name}"
        );
    }
    let start = Instant::now();
    let error = std::io::Read::read(&mut &stream, &mut [0]).expect_err("nothing comes");
    assert_eq!(errno(&error), libc::EAGAIN);
    assert!(start.elapsed() > Duration::from_millis(150));
    set_option(fd, IPPROTO_TCP, libc::TCP_NODELAY, 0);
    assert_eq!(option(fd, IPPROTO_TCP, libc::TCP_NODELAY).expect("an option"), 0);
}

fn options_are_inherited(place: &Place) {
    let listener = place.listen();
    for (level, name, value) in SET {
        set_option(listener.as_raw_fd(), level, name, value);
    }
    let (_, called) = place.pair(&listener);
    for (level, name, value) in SET {
        // A route's type of service is a connection's own.
        if level != libc::IPPROTO_IP {
            assert_eq!(
                option(called.as_raw_fd(), level, name).expect("an option"),
                value,
                "{level} {name}"
            );
        }
    }
}

fn identity(place: &Place) {
    let listener = place.listen();
    let (caller, called) = place.pair(&listener);
    for fd in [listener.as_raw_fd(), caller.as_raw_fd(), called.as_raw_fd()] {
        let ask = |name| option(fd, SOL_SOCKET, name).expect("an option");
        assert_eq!(ask(libc::SO_DOMAIN), libc::AF_INET);
        assert_eq!(ask(libc::SO_PROTOCOL), IPPROTO_TCP);
        assert_eq!(ask(libc::SO_TYPE), libc::SOCK_STREAM);
        assert_eq!(ask(libc::SO_ACCEPTCONN), i32::from(fd == listener.as_raw_fd()));
    }
    assert_eq!(
        called.local_addr().expect("a name"),
        caller.peer_addr().expect("a name")
    );
    assert_eq!(caller.peer_addr().expect("a name"), place.address(&listener));
    let unknown = option(caller.as_raw_fd(), IPPROTO_TCP, 999).expect_err("no such option");
    assert_eq!(errno(&unknown), libc::ENOPROTOOPT);
}

fn accept_timeout(place: &Place) {
    let listener = place.listen();
    let limit = libc::timeval {
        tv_sec: 0,
        tv_usec: 200_000,
    };
    // SAFETY: the limit is this function's, with its length.
    check(unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            SOL_SOCKET,
            libc::SO_RCVTIMEO,
            (&raw const limit).cast(),
            16,
        )
    })
    .expect("an option");
    let start = Instant::now();
    let error = listener.accept().expect_err("nobody calls");
    assert_eq!(errno(&error), libc::EAGAIN);
    assert!((100..2000).contains(&start.elapsed().as_millis()));
    let (caller, called) = place.pair(&listener);
    talk(&caller, &called);
}

fn ipv6(place: &Place) {
    let listener = TcpListener::bind("[::]:0").expect("listen");
    let (caller, called) = (place.connect(&listener), listener.accept().expect("accept").0);
    place.check(called.as_raw_fd());
    for name in [called.peer_addr(), called.local_addr()] {
        let SocketAddr::V6(name) = name.expect("a name") else {
            panic!("an IPv4 address")
        };
        assert!(name.ip().to_ipv4_mapped().is_some(), "{name}");
    }
    assert!(caller.peer_addr().expect("a name").is_ipv4());
    assert_eq!(
        option(called.as_raw_fd(), SOL_SOCKET, libc::SO_DOMAIN).expect("an option"),
        libc::AF_INET6
    );
}

fn reuse_port(place: &Place) {
    let first = socket(libc::AF_INET);
    set_option(first.as_raw_fd(), SOL_SOCKET, libc::SO_REUSEPORT, 1);
    let listen = |socket: OwnedFd, port: u16| {
        let raw = libc::sockaddr_in {
            sin_family: 2,
            sin_port: port.to_be(),
            sin_addr: libc::in_addr { s_addr: 0 },
            sin_zero: [0; 8],
        };
        // SAFETY: the address is this function's, with its length.
        unsafe {
            check(libc::bind(socket.as_raw_fd(), (&raw const raw).cast(), 16)).expect("bind");
            check(libc::listen(socket.as_raw_fd(), 128)).expect("listen");
        }
        TcpListener::from(socket)
    };
    let first = listen(first, 0);
    let second = socket(libc::AF_INET);
    set_option(second.as_raw_fd(), SOL_SOCKET, libc::SO_REUSEPORT, 1);
    let second = listen(second, place.address(&first).port());
    for listener in [&first, &second] {
        listener.set_nonblocking(true).expect("ioctl");
    }
    let callers: Vec<_> = (0..10).map(|_| place.connect(&first)).collect();
    let mut accepted = 0;
    let end = Instant::now() + Duration::from_secs(5);
    while accepted < callers.len() && Instant::now() < end {
        accepted += [&first, &second]
            .into_iter()
            .filter(|l| l.accept().is_ok())
            .count();
    }
    assert_eq!(accepted, callers.len());
}

fn shut_down(place: &Place) {
    let listener = place.listen();
    let address = place.address(&listener);
    // SAFETY: numbers alone.
    check(unsafe { libc::shutdown(listener.as_raw_fd(), libc::SHUT_RDWR) }).expect("shutdown");
    let error = listener.accept().expect_err("no listener any more");
    assert_eq!(errno(&error), libc::EINVAL);
    let error = std::net::TcpStream::connect(address).expect_err("nobody listens");
    assert_eq!(errno(&error), libc::ECONNREFUSED);
    assert!(sys::descriptors() > 0 && (place.is_over_v4v() || address.ip().is_loopback()));
}
