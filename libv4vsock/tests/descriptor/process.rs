//! Descriptors in other processes.

use crate::kernel::{assert_refused, descriptors, here, pair, read, read_all, write};
use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, dup2_raw, fork as nix_fork};
use std::env;
use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, exit};
use std::time::{Duration, Instant};
use v4vsock::{V4vAddr, descriptor, stat};

/// Names what a process of a test's does.
pub(crate) const ROLE_VAR: &str = "V4V_DESCRIPTOR_ROLE";

/// Plays a role.
pub(crate) fn play(role: &str) {
    match role {
        "inherited" => inherited(),
        _ => panic!("no role {role}"),
    }
}

/// What `child` does in a child; the parent waits, and the child must end well.
fn in_child(child: impl FnOnce()) {
    // SAFETY: these tests' processes have one thread here, so the child may do anything.
    match unsafe { nix_fork() }.expect("forked") {
        ForkResult::Child => {
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
            exit(i32::from(outcome.is_err()));
        }
        ForkResult::Parent { child } => {
            assert_eq!(waitpid(child, None).expect("ours"), WaitStatus::Exited(child, 0));
        }
    }
}

pub(crate) fn fork() {
    let pair = pair();
    in_child(|| {
        // What was inherited is as good as in the parent.
        assert_eq!(
            descriptor::peer_addr(pair.accepted.as_fd()).expect("asked"),
            Some(pair.from)
        );
        write(&pair.caller, b"from the child");
        // And new sockets are to be had, as the same domain.
        let listener = descriptor::listen(5002, 1).expect("free");
        let caller = descriptor::connect(here(5002), false).expect("connected").socket;
        let (accepted, from) = descriptor::accept(listener.as_fd(), false).expect("one waits");
        assert_eq!(from.domain(), pair.from.domain());
        write(&caller, b"x");
        assert_eq!(read(&accepted, 1), b"x");
        // A caller of the parent's listener, too.
        drop(descriptor::connect(pair.to, false).expect("connected"));
        // A child's child.
        in_child(|| {
            drop(descriptor::connect(pair.to, false).expect("connected"));
            drop(descriptor::listen(5003, 1).expect("free"));
        });
    });
    assert_eq!(read(&pair.accepted, 14), b"from the child");
    for _ in 0..2 {
        let (socket, from) = descriptor::accept(pair.listener.as_fd(), false).expect("the child called");
        assert_eq!(from.domain(), pair.from.domain());
        assert!(read_all(&socket).is_empty());
    }
    // The parent's connection to v4vd is as it was.
    drop(descriptor::listen(5002, 1).expect("free again"));
    drop(descriptor::connect(pair.to, false).expect("connected"));
}

/// Runs the program anew, with these descriptors as 10 and 11.
fn spawn_with(accepted: &OwnedFd, listener: &OwnedFd, peer: V4vAddr) -> std::process::ExitStatus {
    let numbers = (accepted.as_raw_fd(), listener.as_raw_fd());
    let mut command = Command::new(env::current_exe().expect("a program"));
    command.env(ROLE_VAR, "inherited").env("PEER", peer.to_string());
    // SAFETY: between fork and exec, only dup2 is called, on numbers that are open.
    unsafe {
        command.pre_exec(move || {
            if libc::dup2(numbers.0, 10) < 0 || libc::dup2(numbers.1, 11) < 0 {
                return Err(std::io::Error::last_os_error());
            }
            Ok(())
        })
    };
    command.status().expect("it ran")
}

/// Another program, which got 10 and 11.
fn inherited() {
    // SAFETY: the parent opened them for this process.
    let (accepted, listener) = unsafe { (BorrowedFd::borrow_raw(10), BorrowedFd::borrow_raw(11)) };
    let peer: V4vAddr = env::var("PEER").expect("set").parse().expect("an address");
    assert_eq!(descriptor::peer_addr(accepted).expect("asked"), Some(peer));
    assert_eq!(read(accepted, 5), b"hello");
    write(accepted, b"world");
    let (socket, from) = descriptor::accept(listener, false).expect("one waits");
    assert_eq!(from.domain(), peer.domain());
    write(socket, b"accepted by another program");
}

pub(crate) fn exec() {
    let pair = pair();
    write(&pair.caller, b"hello");
    let second = descriptor::connect(pair.to, false).expect("connected").socket;
    assert!(spawn_with(&pair.accepted, &pair.listener, pair.from).success());
    assert_eq!(read(&pair.caller, 5), b"world");
    assert_eq!(read_all(&second), b"accepted by another program");
}

pub(crate) fn dup2_and_scm_rights() {
    let pair = pair();
    // SAFETY: nothing of this test's is open under that number.
    let copy = unsafe { dup2_raw(&pair.accepted, 700) }.expect("a copy");
    assert_eq!(
        descriptor::peer_addr(copy.as_fd()).expect("asked"),
        Some(pair.from)
    );
    let (here, there) = UnixStream::pair().expect("sockets");
    // SAFETY: one thread.
    match unsafe { nix_fork() }.expect("forked") {
        ForkResult::Child => {
            // It forgets what it inherited, and gets a descriptor from the parent.
            drop((pair.accepted, pair.caller, pair.listener, copy, here));
            let mut byte = [0; 1];
            let received = v4v_hosted::packet::receive(&there, &mut byte).expect("received");
            let socket = received.fds.into_iter().next().expect("a descriptor");
            let known = descriptor::peer_addr(socket.as_fd()).ok().flatten() == Some(pair.from);
            write(&socket, b"passed");
            exit(i32::from(!known));
        }
        ForkResult::Parent { child } => {
            let fds = [copy.as_raw_fd()];
            sendmsg::<UnixAddr>(
                here.as_raw_fd(),
                &[IoSlice::new(b"x")],
                &[ControlMessage::ScmRights(&fds)],
                MsgFlags::empty(),
                None,
            )
            .expect("sent");
            assert_eq!(waitpid(child, None).expect("ours"), WaitStatus::Exited(child, 0));
        }
    }
    assert_eq!(read(&pair.caller, 6), b"passed");
}

/// nginx and its like: the parent listens, the child serves, the parent is gone.
pub(crate) fn a_listener_of_a_daemonized_server() {
    // SAFETY: one thread.
    let server = match unsafe { nix_fork() }.expect("forked") {
        ForkResult::Child => {
            let listener = descriptor::listen(5001, 1).expect("free");
            // SAFETY: as above.
            if let ForkResult::Parent { .. } = unsafe { nix_fork() }.expect("forked") {
                exit(0);
            }
            // The child never asks v4vd anything.
            let (socket, _) = descriptor::accept(listener.as_fd(), false).expect("one calls");
            write(socket, b"served");
            exit(0);
        }
        ForkResult::Parent { child } => child,
    };
    assert_eq!(
        waitpid(server, None).expect("ours"),
        WaitStatus::Exited(server, 0)
    );
    let socket = descriptor::connect(here(5001), false)
        .expect("the child listens")
        .socket;
    assert_eq!(read_all(socket), b"served");
    // Its end frees the port.
    let end = Instant::now() + Duration::from_secs(10);
    while descriptor::listen(5001, 1).is_err() {
        assert!(Instant::now() < end, "the port is still taken");
    }
}

pub(crate) fn a_program_that_closes_everything() {
    let listener = descriptor::listen(5001, 16).expect("free");
    let kept = listener.as_raw_fd();
    for number in 3..200 {
        if number != kept {
            // SAFETY: this is what such programs do. Nothing here uses what is closed but the library, which has to cope.
            unsafe { libc::close(number) };
        }
    }
    // Files of the program's under the numbers that were the library's.
    let files: Vec<OwnedFd> = (0..10)
        .map(|_| std::fs::File::open("/dev/null").expect("open").into())
        .collect();
    in_child(|| {
        let bad = files.iter().filter(|f| !is_null_device(f)).count();
        assert_eq!(bad, 0, "the child lost files of its own");
        drop(descriptor::connect(here(5001), false).expect("connected"));
    });
    drop(descriptor::connect(here(5001), false).expect("connected"));
    assert!(
        files.iter().all(is_null_device),
        "the library has closed files of the program's"
    );
    for _ in 0..2 {
        descriptor::accept(listener.as_fd(), false).expect("two called");
    }
}

fn is_null_device(file: &OwnedFd) -> bool {
    let null = std::fs::metadata("/dev/null").expect("there");
    use std::os::unix::fs::MetadataExt;
    nix::sys::stat::fstat(file).is_ok_and(|stat| stat.st_rdev == null.rdev())
}

pub(crate) fn a_fork_beside_threads() {
    let listener = descriptor::listen(5001, 4096).expect("free");
    let to = here(5001);
    let stop = std::sync::atomic::AtomicBool::new(false);
    let busy = || {
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            drop(descriptor::connect(to, true));
            drop(descriptor::accept(listener.as_fd(), true));
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(busy);
        for _ in 0..100 {
            // SAFETY: the child calls the library, which must not wait for a thread that is not there, and leaves.
            match unsafe { nix_fork() }.expect("forked") {
                ForkResult::Child => {
                    let connected = descriptor::connect(to, true);
                    // SAFETY: no handlers are to run, which a thread may have been in.
                    unsafe {
                        libc::_exit(i32::from(
                            connected.is_err_and(|e| v4vsock::errno(&e) != Some(libc::EAGAIN)),
                        ))
                    };
                }
                ForkResult::Parent { child } => {
                    assert_eq!(waitpid(child, None).expect("ours"), WaitStatus::Exited(child, 0));
                }
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        // Whoever waits in accept gets a caller.
        drop(descriptor::connect(to, true));
    });
}

pub(crate) fn no_threads() {
    let before = descriptors();
    let pair = pair();
    assert_refused(descriptor::connect(here(5009), false), libc::ECONNREFUSED, "");
    let threads = std::fs::read_dir("/proc/self/task").expect("/proc").count();
    assert_eq!(threads, 1);
    stat::domains().expect("asked");
    // The three of the pair, and the library's connection.
    assert_eq!(descriptors() - before, 4);
    drop(pair);
}
