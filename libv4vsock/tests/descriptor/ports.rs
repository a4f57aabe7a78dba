//! Who gets which port, and what the others are told.

use crate::kernel::{assert_refused, descriptors, here, pair, read};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use v4vsock::{V4vAddr, V4vListener, V4vStream, descriptor, stat};

pub(crate) fn refusals() {
    let connect = |domain, port| descriptor::connect(V4vAddr::new(domain, port), false);
    let me = here(0).domain();
    assert_refused(connect(me, 5001), libc::ECONNREFUSED, "nobody listens at");
    assert_refused(
        connect(31_000, 5001),
        libc::EHOSTUNREACH,
        "there is no domain 31000",
    );
    assert_refused(
        connect(V4vAddr::ANY, 5001),
        libc::EHOSTUNREACH,
        "there is no domain",
    );
    assert_refused(connect(me, 0), libc::EINVAL, "port 0");
    assert_refused(connect(me, 1 << 31), libc::EINVAL, "no socket's port");
    assert_refused(descriptor::listen(1 << 31, 1), libc::EINVAL, "no socket's port");
    let listener = descriptor::listen(5001, 1).expect("free");
    drop(listener);
    assert_refused(connect(me, 5001), libc::ECONNREFUSED, "nobody listens at");
    let before = descriptors();
    for _ in 0..50 {
        assert!(connect(me, 5001).is_err());
    }
    assert_eq!(descriptors(), before);
}

pub(crate) fn a_port_is_taken_once() {
    let first = descriptor::listen(5001, 1).expect("free");
    assert_refused(
        descriptor::listen(5001, 1),
        libc::EADDRINUSE,
        "port 5001 is in use",
    );
    let copy = first.try_clone().expect("a copy");
    drop(first);
    assert_refused(
        descriptor::listen(5001, 1),
        libc::EADDRINUSE,
        "port 5001 is in use",
    );
    drop(copy);
    drop(descriptor::listen(5001, 1).expect("free again"));
    // What is connected does not keep the port.
    let pair = pair();
    drop(pair.listener);
    drop(descriptor::listen(5001, 1).expect("free again"));
}

pub(crate) fn port_0_is_a_free_one() {
    let listeners: Vec<_> = (0..20)
        .map(|_| descriptor::listen(0, 1).expect("a free one"))
        .collect();
    let mut ports: Vec<u32> = listeners
        .iter()
        .map(|l| {
            descriptor::local_addr(l.as_fd())
                .expect("asked")
                .expect("ours")
                .port()
        })
        .collect();
    ports.sort_unstable();
    ports.dedup();
    assert!(
        ports.len() == 20 && ports.iter().all(|p| (49_152..=65_535).contains(p)),
        "{ports:?}"
    );
}

pub(crate) fn ring_sockets() {
    let rings = V4vListener::bind(5001).expect("free");
    assert_refused(
        descriptor::listen(5001, 1),
        libc::EADDRINUSE,
        "port 5001 is in use",
    );
    let outcome = descriptor::connect(here(5001), false);
    assert_refused(outcome, libc::ECONNREFUSED, "call it with V4vStream");
    drop(rings);
    let listener = descriptor::listen(5001, 1).expect("free again");
    assert_refused(V4vListener::bind(5001), libc::EADDRINUSE, "port 5001 is in use");
    let mut stream = V4vStream::connect(here(5001)).expect("a ring socket's user is connected all the same");
    let (socket, peer) = descriptor::accept(listener.as_fd(), false).expect("one waits");
    assert_eq!(stream.local_addr().expect("known"), peer);
    assert_eq!(stream.peer_addr().expect("known"), here(5001));
    stream.write_all(b"question").expect("written");
    assert_eq!(read(&socket, 8), b"question");
    File::from(socket).write_all(b"answer").expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("read");
    assert_eq!(answer, "answer");
}

pub(crate) fn other_descriptors_have_no_address() {
    let (a, b) = UnixStream::pair().expect("sockets");
    let path = std::env::temp_dir().join(format!("v4v-other-{}.sock", std::process::id()));
    let unix = UnixListener::bind(&path).expect("free");
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").expect("free");
    let file = File::open("/dev/null").expect("open");
    for fd in [a.as_fd(), b.as_fd(), unix.as_fd(), tcp.as_fd(), file.as_fd()] {
        assert_eq!(descriptor::local_addr(fd).expect("asked"), None);
    }
    for fd in [a.as_fd(), file.as_fd(), tcp.as_fd()] {
        assert!(matches!(descriptor::peer_addr(fd), Ok(None) | Err(_)));
    }
    assert_eq!(descriptor::peer_addr(a.as_fd()).expect("asked"), None);
    assert_refused(
        descriptor::accept(unix.as_fd(), false),
        libc::EINVAL,
        "no V4V socket",
    );
    std::fs::remove_file(path).expect("removed");
}

pub(crate) fn figures() {
    let me = here(0).domain();
    let figures = || {
        let domains = stat::domains().expect("asked");
        let domain = domains.into_iter().find(|d| d.id == me).expect("this one");
        (
            domain.listeners,
            domain.calls_out,
            domain.calls_in,
            domain.processes,
        )
    };
    assert_eq!(figures(), (0, 0, 0, 1));
    let pair = pair();
    assert_eq!(figures(), (1, 1, 1, 1));
    let ring = V4vListener::bind(5002).expect("free");
    assert_eq!(
        figures(),
        (1, 1, 1, 1),
        "rings and descriptors share a connection to v4vd"
    );
    drop((pair, ring));
}
