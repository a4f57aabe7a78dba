//! `wrapper-rounds N`: does N times what network programs do, over the loopback interface, which no table gives to a domain.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;

fn main() {
    let rounds: u32 = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .expect("a number");
    let listener = TcpListener::bind("0.0.0.0:0").expect("listen");
    let port = listener.local_addr().expect("getsockname").port();
    for _ in 0..rounds {
        round(&listener, port);
    }
}

fn round(listener: &TcpListener, port: u16) {
    let mut caller = TcpStream::connect(("127.0.0.1", port)).expect("connect");
    let (mut called, peer) = listener.accept().expect("accept");
    assert_eq!(caller.local_addr().expect("getsockname"), peer);
    assert_eq!(called.peer_addr().expect("getpeername"), peer);
    caller.set_nodelay(true).expect("setsockopt");
    assert!(caller.nodelay().expect("getsockopt"));
    caller.set_nonblocking(true).expect("ioctl");
    caller.set_nonblocking(false).expect("ioctl");
    caller.write_all(b"hello").expect("write");
    let mut text = [0; 5];
    called.read_exact(&mut text).expect("read");
    let copy = called.try_clone().expect("fcntl");
    copy.shutdown(std::net::Shutdown::Write).expect("shutdown");
    assert_eq!(caller.read(&mut text).expect("the end"), 0);
    datagram();
    epoll(&caller);
    // SAFETY: the number is free, and closed again.
    unsafe {
        assert_eq!(libc::dup2(caller.as_raw_fd(), 700), 700);
        assert_eq!(libc::close(700), 0);
    }
    drop(File::open("/dev/null").expect("open"));
}

fn datagram() {
    let (one, other) = (
        UdpSocket::bind("127.0.0.1:0").expect("bind"),
        UdpSocket::bind("127.0.0.1:0").expect("bind"),
    );
    one.send_to(b"hello", other.local_addr().expect("getsockname"))
        .expect("sendto");
    let (len, from) = other.recv_from(&mut [0; 8]).expect("recvfrom");
    assert_eq!((len, from), (5, one.local_addr().expect("getsockname")));
}

fn epoll(stream: &TcpStream) {
    let mut event = libc::epoll_event {
        events: libc::EPOLLIN.cast_unsigned(),
        u64: 1,
    };
    // SAFETY: the set is this function's, and so is the event.
    unsafe {
        let set = libc::epoll_create1(0);
        assert_eq!(
            libc::epoll_ctl(set, libc::EPOLL_CTL_ADD, stream.as_raw_fd(), &raw mut event),
            0
        );
        assert_eq!(libc::epoll_wait(set, &raw mut event, 1, 0), 1);
        libc::close(set);
    }
}
