//! Processes that share sockets.

use crate::Case;
use crate::place::{Place, echo, expect_echo, talk};
use crate::sys::check;
use libc::{c_int, c_void};
use std::net::TcpListener;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::process::{Command, Stdio};

pub(crate) const CASES: &[Case] = &[
    ("workers_accept_from_one_listener", workers),
    ("a_child_closes_its_copy", a_child_closes),
    ("a_child_of_vfork_closes_its_descriptors", a_vfork_child_closes),
    ("a_connection_is_a_childs_standard_input", standard_input),
    ("an_execed_program_accepts", an_execed_program_accepts),
    ("a_listener_on_descriptor_0_is_execed", inetd),
];

/// Runs `work` in a child, whose end is awaited by [`reap`].
fn fork(work: impl FnOnce()) -> libc::pid_t {
    // SAFETY: this process has one thread.
    match check(unsafe { libc::fork() }).expect("fork") {
        0 => {
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            // SAFETY: it ends the child, which shares what its parent still needs.
            unsafe { libc::_exit(i32::from(done.is_err())) }
        }
        child => child,
    }
}

fn reap(child: libc::pid_t) {
    let mut status = 0;
    // SAFETY: the status is this function's.
    check(unsafe { libc::waitpid(child, &raw mut status, 0) }).expect("a child");
    assert_eq!(status, 0, "the child's outcome");
}

fn workers(place: &Place) {
    let listener = place.listen();
    let children: Vec<_> = (0..3)
        .map(|_| {
            fork(|| {
                let (called, _) = listener.accept().expect("accept");
                place.check(called.as_raw_fd());
                echo(called);
            })
        })
        .collect();
    for _ in &children {
        expect_echo(place.connect(&listener));
    }
    children.into_iter().for_each(reap);
}

fn a_child_closes(place: &Place) {
    let listener = place.listen();
    let address = place.address(&listener);
    reap(fork(|| {
        // SAFETY: the child's copy.
        check(unsafe { libc::close(listener.as_raw_fd()) }).expect("close");
        // There is one still, the parent's: the connection waits there.
        drop(place.connect_to(address));
    }));
    drop(listener.accept().expect("the child's call"));
    let (caller, called) = place.pair(&listener);
    talk(&caller, &called);
}

fn a_vfork_child_closes(place: &Place) {
    /// What a shell's child does before it becomes another program.
    extern "C" fn child(_: *mut c_void) -> c_int {
        for fd in 3..2048 {
            // SAFETY: the descriptors are the child's copies.
            unsafe { libc::close(fd) };
        }
        // SAFETY: it ends the child.
        unsafe { libc::_exit(0) }
    }
    let listener = place.listen();
    let mut stack = vec![0_u8; 1 << 16];
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: the stack is as large as the child needs, stacks grow down, and this process waits until the child has ended.
    let pid = unsafe {
        let top = stack.as_mut_ptr().add(stack.len() & !15);
        libc::clone(child, top.cast(), flags, std::ptr::null_mut())
    };
    reap(check(pid).expect("vfork"));
    let (caller, called) = place.pair(&listener);
    talk(&caller, &called);
}

fn standard_input(place: &Place) {
    let listener = place.listen();
    let caller = place.connect(&listener);
    let (called, _) = listener.accept().expect("accept");
    let copy = called.try_clone().expect("dup");
    let mut cat = Command::new("cat");
    cat.stdin(Stdio::from(OwnedFd::from(called)))
        .stdout(Stdio::from(OwnedFd::from(copy)));
    let mut child = cat.spawn().expect("cat");
    drop(cat);
    expect_echo(caller);
    assert!(child.wait().expect("cat").success());
}

/// The word by which this program becomes the one that accepts.
pub(crate) const ACCEPT_ONE: &str = "accept-one";

/// Accepts one connection of an inherited listener, and echoes.
pub(crate) fn accept_one(fd: RawFd) {
    // SAFETY: the descriptor was inherited for this.
    let listener = unsafe { TcpListener::from_raw_fd(fd) };
    assert_ne!(listener.local_addr().expect("getsockname").port(), 0);
    echo(listener.accept().expect("accept").0);
}

fn an_execed_program_accepts(place: &Place) {
    let listener = place.listen();
    // SAFETY: a number alone. What is behind the listener has to follow.
    check(unsafe { libc::fcntl(listener.as_raw_fd(), libc::F_SETFD, 0) }).expect("fcntl");
    let mut again = Command::new(std::env::current_exe().expect("a path"));
    let mut child = again
        .args([ACCEPT_ONE, &listener.as_raw_fd().to_string()])
        .spawn()
        .expect("exec");
    expect_echo(place.connect(&listener));
    assert!(child.wait().expect("a child").success());
}

/// As inetd and systemd hand a listener on: under a number of their choice, copied in the child.
fn inetd(place: &Place) {
    use std::os::unix::process::CommandExt;
    let listener = place.listen();
    let fd = listener.as_raw_fd();
    let mut again = Command::new(std::env::current_exe().expect("a path"));
    again.args([ACCEPT_ONE, "7"]);
    // SAFETY: dup2 may be called between fork and exec.
    unsafe { again.pre_exec(move || check(libc::dup2(fd, 7)).map(drop)) };
    let mut child = again.spawn().expect("exec");
    let caller = place.connect(&listener);
    drop(listener);
    expect_echo(caller);
    assert!(child.wait().expect("a child").success());
}
