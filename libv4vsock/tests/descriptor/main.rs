//! Sockets that are descriptors, hosted: each test is a process in the domain "gpu" of a `v4vd` of its own, and starts others.

mod daemon;
mod hostile;
mod kernel;
mod many;
mod ports;
mod process;
mod stream;

use std::env;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};
use v4v_hosted::paths::{DOMAIN_VAR, SOCKET_VAR};
use v4v_hosted::spawn::{self, Daemon};

/// Names the test that a process is.
const TEST_VAR: &str = "V4V_DESCRIPTOR_TEST";
/// The process id of its daemon.
const DAEMON_VAR: &str = "V4V_DESCRIPTOR_DAEMON";
/// After this a test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

type Test = fn();

const TESTS: &[(&str, Test)] = &[
    ("bytes_go_both_ways", stream::bytes_go_both_ways),
    (
        "addresses_are_known_at_both_ends",
        stream::addresses_are_known_at_both_ends,
    ),
    ("ends_are_seen", stream::ends_are_seen),
    (
        "nonblocking_and_close_on_exec",
        stream::nonblocking_and_close_on_exec,
    ),
    ("poll_and_epoll", stream::poll_and_epoll),
    ("a_full_backlog", stream::a_full_backlog),
    ("sendfile_and_splice", stream::sendfile_and_splice),
    ("refusals", ports::refusals),
    ("a_port_is_taken_once", ports::a_port_is_taken_once),
    ("port_0_is_a_free_one", ports::port_0_is_a_free_one),
    ("ring_sockets", ports::ring_sockets),
    (
        "other_descriptors_have_no_address",
        ports::other_descriptors_have_no_address,
    ),
    ("figures", ports::figures),
    ("fork", process::fork),
    ("exec", process::exec),
    ("dup2_and_scm_rights", process::dup2_and_scm_rights),
    (
        "a_listener_of_a_daemonized_server",
        process::a_listener_of_a_daemonized_server,
    ),
    (
        "a_program_that_closes_everything",
        process::a_program_that_closes_everything,
    ),
    ("a_fork_beside_threads", process::a_fork_beside_threads),
    ("no_threads", process::no_threads),
    ("many_connections", many::many_connections),
    ("callers_past_the_daemon", hostile::callers_past_the_daemon),
    ("callers_of_another_user", hostile::callers_of_another_user),
    (
        "a_stranger_at_a_dead_listeners_name",
        hostile::a_stranger_at_a_dead_listeners_name,
    ),
    ("the_daemons_end", daemon::the_daemons_end),
];

fn main() -> ExitCode {
    if let Ok(role) = env::var(process::ROLE_VAR) {
        process::play(&role);
        return ExitCode::SUCCESS;
    }
    if let Ok(name) = env::var(TEST_VAR) {
        let test = TESTS
            .iter()
            .find(|(n, _)| *n == name)
            .expect("a test of this name");
        test.1();
        return ExitCode::SUCCESS;
    }
    let filter: Vec<String> = env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let chosen = |name: &str| filter.is_empty() || filter.iter().any(|f| name.contains(f.as_str()));
    let mut failed = 0;
    for (name, _) in TESTS.iter().filter(|(name, _)| chosen(name)) {
        let passed = run(name);
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed += u32::from(!passed);
    }
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// A test in a process of its own, with a daemon; whether it passed.
fn run(name: &str) -> bool {
    let me = env::current_exe().expect("a program");
    // target/debug/deps/descriptor-…
    let folder = me.parent().and_then(|p| p.parent()).expect("cargo's folder");
    let program = spawn::built_in(folder).expect("v4vd builds");
    let socket: PathBuf = env::temp_dir().join(format!("v4v-descriptor-{}-{name}.sock", std::process::id()));
    let daemon = Daemon::start(&program, socket.clone(), None).expect("v4vd listens");
    let mut test = Command::new(me)
        .env(TEST_VAR, name)
        .env(DAEMON_VAR, daemon.pid().to_string())
        .env(SOCKET_VAR, &socket)
        .env(DOMAIN_VAR, "gpu")
        .env("V4V_BACKEND", "hosted")
        .process_group(0)
        .spawn()
        .expect("it starts");
    let end = Instant::now() + PATIENCE;
    let passed = loop {
        if let Some(status) = test.try_wait().expect("ours") {
            break status.success();
        }
        if Instant::now() > end {
            eprintln!("{name} has not ended after {} s", PATIENCE.as_secs());
            break false;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    // Whatever it has left, in its group.
    let group = nix::unistd::Pid::from_raw(test.id().try_into().expect("a process id"));
    let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
    let _ = test.wait();
    drop(daemon);
    // A test may have killed it.
    let _ = std::fs::remove_file(socket);
    passed
}
