//! `v4vd` ends, and comes again.

use crate::kernel::{assert_refused, here, pair, read, write};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::fd::AsFd;
use std::path::PathBuf;
use v4v_hosted::paths::socket_path;
use v4v_hosted::spawn::{Daemon, built_in};
use v4vsock::descriptor;

pub(crate) fn the_daemons_end() {
    let pair = pair();
    assert!(descriptor::is_reachable(pair.listener.as_fd()).expect("asked"));
    assert_refused(
        descriptor::is_reachable(pair.caller.as_fd()),
        libc::EINVAL,
        "listens",
    );
    let daemon: i32 = std::env::var(crate::DAEMON_VAR)
        .expect("set")
        .parse()
        .expect("a process id");
    kill(Pid::from_raw(daemon), Signal::SIGKILL).expect("ours");
    // Its end is there when its socket refuses.
    while std::os::unix::net::UnixStream::connect(socket_path())
        .is_err_and(|e| e.raw_os_error() == Some(libc::EPROTOTYPE))
    {}
    write(&pair.caller, b"what is connected stays so");
    assert_eq!(read(&pair.accepted, 26), b"what is connected stays so");
    assert_eq!(
        descriptor::peer_addr(pair.accepted.as_fd()).expect("asked"),
        Some(pair.from)
    );
    assert_refused(descriptor::connect(pair.to, false), libc::ENETUNREACH, "v4vd");
    assert_refused(descriptor::connect(pair.to, true), libc::ENETUNREACH, "v4vd");
    assert_refused(descriptor::listen(5002, 1), libc::ENETDOWN, "v4vd");
    assert_refused(
        descriptor::is_reachable(pair.listener.as_fd()),
        libc::ENETDOWN,
        "v4vd",
    );

    let me = std::env::current_exe().expect("a program");
    let folder: PathBuf = me
        .parent()
        .and_then(|p| p.parent())
        .expect("cargo's folder")
        .into();
    let _again = Daemon::start(&built_in(&folder).expect("built"), socket_path(), None).expect("it listens");
    assert_refused(
        descriptor::connect(here(5001), false),
        libc::ECONNREFUSED,
        "nobody listens",
    );
    assert!(!descriptor::is_reachable(pair.listener.as_fd()).expect("asked"));
    let listener = descriptor::listen(5001, 1).expect("the new daemon knows of no other");
    let caller = descriptor::connect(here(5001), false).expect("connected").socket;
    let (accepted, _) = descriptor::accept(listener.as_fd(), false).expect("one waits");
    write(&caller, b"x");
    assert_eq!(read(&accepted, 1), b"x");
    write(&pair.caller, b"and the old pair goes on");
    assert_eq!(read(&pair.accepted, 24), b"and the old pair goes on");
}
