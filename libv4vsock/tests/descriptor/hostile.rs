//! Who is not to be believed.

use crate::kernel::{assert_refused, here, read_all};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, bind, connect, listen, setsockopt, socket, sockopt,
};
use nix::unistd::{ForkResult, Uid, fork, getuid, setuid};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use v4vsock::descriptor;

fn unix() -> OwnedFd {
    socket(
        AddressFamily::Unix,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
    .expect("a socket")
}

/// The name that the kernel shows for a descriptor.
fn name(fd: &OwnedFd) -> Vec<u8> {
    let address: UnixAddr = nix::sys::socket::getsockname(fd.as_raw_fd()).expect("a name");
    address.as_abstract().expect("an abstract name").to_vec()
}

/// Connects to the listener without v4vd, as a caller of another domain.
fn intrude(listener: &[u8], from: &str) -> OwnedFd {
    let intruder = unix();
    // v4v/listen/PID.UID/DOMAIN:PORT/NONCE
    let listening = String::from_utf8_lossy(listener);
    let parts: Vec<&str> = listening.split('/').collect();
    let (daemon, to) = (parts[2], parts[3]);
    let false_name = format!("v4v/call/{daemon}/{from}/{to}/00000000000000ff");
    assert!(v4v_hosted::names::Name::decode(false_name.as_bytes()).is_some());
    bind(
        intruder.as_raw_fd(),
        &UnixAddr::new_abstract(false_name.as_bytes()).expect("it fits"),
    )
    .expect("bound");
    connect(
        intruder.as_raw_fd(),
        &UnixAddr::new_abstract(listener).expect("it fits"),
    )
    .expect("connected");
    intruder
}

pub(crate) fn callers_past_the_daemon() {
    let listener = descriptor::listen(5001, 16).expect("free");
    let intruder = intrude(&name(&listener), "7:50000");
    let unnamed = unix();
    connect(
        unnamed.as_raw_fd(),
        &UnixAddr::new_abstract(&name(&listener)).expect("it fits"),
    )
    .expect("connected");
    let caller = descriptor::connect(here(5001), false).expect("connected").socket;
    let (accepted, from) = descriptor::accept(listener.as_fd(), false).expect("one is honest");
    assert_eq!(descriptor::local_addr(caller.as_fd()).expect("asked"), Some(from));
    assert!(
        read_all(&intruder).is_empty() && read_all(&unnamed).is_empty(),
        "they were closed"
    );
    drop(accepted);
    // A program that accepts by itself is told by the address.
    let _intruder = intrude(&name(&listener), "7:50001");
    let raw = nix::sys::socket::accept4(listener.as_raw_fd(), SockFlag::SOCK_CLOEXEC).expect("one waits");
    // SAFETY: the kernel has just made it for this test.
    let raw = unsafe { <OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(raw) };
    assert_eq!(descriptor::peer_addr(raw.as_fd()).expect("asked"), None);
    // Without end: the call returns.
    let many: Vec<_> = (0..70)
        .map(|_| {
            let stranger = unix();
            connect(
                stranger.as_raw_fd(),
                &UnixAddr::new_abstract(&name(&listener)).expect("it fits"),
            )
            .expect("connected");
            stranger
        })
        .collect();
    assert_refused(
        descriptor::accept(listener.as_fd(), false),
        libc::ECONNABORTED,
        "past v4vd",
    );
    drop(many);
}

/// What a process of another user does; `None` where this test may not become one.
fn as_nobody(what: impl FnOnce() -> bool) -> Option<nix::unistd::Pid> {
    if !getuid().is_root() {
        println!("(skipped: only root can become another user)");
        return None;
    }
    // SAFETY: one thread.
    match unsafe { fork() }.expect("forked") {
        ForkResult::Child => {
            setuid(Uid::from_raw(65534)).expect("root may");
            std::process::exit(i32::from(!what()));
        }
        ForkResult::Parent { child } => Some(child),
    }
}

pub(crate) fn callers_of_another_user() {
    let listener = descriptor::listen(5001, 16).expect("free");
    let to = name(&listener);
    let Some(child) = as_nobody(|| read_all(intrude(&to, "7:50000")).is_empty()) else {
        return;
    };
    setsockopt(
        &listener,
        sockopt::ReceiveTimeout,
        &nix::sys::time::TimeVal::new(2, 0),
    )
    .expect("set");
    assert_refused(descriptor::accept(listener.as_fd(), false), libc::EAGAIN, "");
    let ended = nix::sys::wait::waitpid(child, None).expect("ours");
    assert_eq!(
        ended,
        nix::sys::wait::WaitStatus::Exited(child, 0),
        "it was closed"
    );
}

/// Another user listens under the name of a listener that has ended: nobody is connected to it.
pub(crate) fn a_stranger_at_a_dead_listeners_name() {
    let listener = descriptor::listen(5001, 16).expect("free");
    let dead = name(&listener);
    drop(listener);
    let (ready, told) = nix::unistd::pipe().expect("a pipe");
    let Some(child) = as_nobody(|| {
        let squatter = unix();
        bind(
            squatter.as_raw_fd(),
            &UnixAddr::new_abstract(&dead).expect("it fits"),
        )
        .expect("bound");
        listen(&squatter, nix::sys::socket::Backlog::MAXCONN).expect("listening");
        crate::kernel::write(&told, b"x");
        let raw = nix::sys::socket::accept4(squatter.as_raw_fd(), SockFlag::SOCK_CLOEXEC)
            .expect("v4vd connects once");
        // SAFETY: the kernel has just made it for this test.
        read_all(unsafe { <OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(raw) }).is_empty()
    }) else {
        return;
    };
    crate::kernel::read(&ready, 1);
    assert_refused(
        descriptor::connect(here(5001), false),
        libc::ECONNREFUSED,
        "nobody listens",
    );
    assert_refused(
        descriptor::connect(here(5001), false),
        libc::ECONNREFUSED,
        "nobody listens",
    );
    let ended = nix::sys::wait::waitpid(child, None).expect("ours");
    assert_eq!(
        ended,
        nix::sys::wait::WaitStatus::Exited(child, 0),
        "it got a connection without a byte"
    );
    drop(descriptor::listen(5001, 16).expect("and the port is free"));
}
