//! The daemon as a program: start, stop, command line.

use crate::daemon::{PROGRAM, scratch};
use crate::{Client, Daemon};
use nix::sys::signal::Signal;
use std::fs;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use v4v_hosted::wire::op;

fn run(args: &[&str]) -> Output {
    Command::new(PROGRAM).args(args).output().expect("it starts")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn it_stops_cleanly_at_a_signal() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let daemon = Daemon::start();
        let socket = daemon.socket().to_owned();
        let client = Client::join(&daemon, "a");
        let (code, log) = daemon.stop(signal);
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("stops") && !socket.exists(), "{log}");
        assert!(client.receive().is_none(), "its clients see the end");
    }
}

#[test]
fn a_second_daemon_at_the_same_place_is_refused() {
    let daemon = Daemon::start();
    let second = run(&["--socket", daemon.socket().to_str().expect("a path")]);
    assert_eq!(second.status.code(), Some(1));
    assert!(
        said(&second).contains("listens here already"),
        "{}",
        said(&second)
    );
    assert_eq!(
        Client::connect(&daemon).hello("").result,
        0,
        "the first one goes on"
    );
}

#[test]
fn a_dead_daemons_socket_is_replaced() {
    let socket = Daemon::start().kill();
    assert!(socket.exists());
    let daemon = Daemon::at(socket);
    assert_eq!(Client::connect(&daemon).hello("").result, 0);
}

#[test]
fn a_policy_can_be_checked() {
    let file = scratch("toml");
    let path = file.to_str().expect("a path");
    fs::write(&file, "default = 'deny'").expect("written");
    assert!(run(&["--policy", path, "--check-policy"]).status.success());
    fs::write(&file, "\ndefault = 'maybe'").expect("written");
    let bad = run(&["--policy", path, "--check-policy"]);
    assert_eq!(bad.status.code(), Some(2));
    assert!(
        said(&bad).contains("line 2") && said(&bad).contains(path),
        "{}",
        said(&bad)
    );
    fs::remove_file(&file).expect("removed");
    let missing = run(&["--policy", path]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(said(&missing).contains("cannot open"), "{}", said(&missing));
}

#[test]
fn help_explains_and_a_mistake_is_code_2() {
    let help = run(&["--help"]);
    let text = String::from_utf8_lossy(&help.stdout);
    assert!(
        help.status.success() && text.contains("--policy") && text.contains("V4V_DOMAIN"),
        "{text}"
    );
    assert_eq!(run(&["--nonsense"]).status.code(), Some(2));
    let typo = run(&["--log", "wran"]);
    assert!(
        typo.status.code() == Some(2) && said(&typo).contains("warn"),
        "{}",
        said(&typo)
    );
}

#[test]
fn with_few_descriptors_there_is_less_room_and_a_reason() {
    let daemon = Daemon::launch(scratch("sock"), None, |command| {
        use nix::sys::resource::{Resource, setrlimit};
        use std::os::unix::process::CommandExt;
        // SAFETY: between fork and exec only one async-signal-safe system call is made.
        unsafe {
            command.pre_exec(|| setrlimit(Resource::RLIMIT_NOFILE, 300, 300).map_err(Into::into));
        }
    });
    let mut clients = Vec::new();
    let refused = loop {
        let client = Client::connect(&daemon);
        let reply = client.hello("a");
        if reply.result < 0 {
            break reply;
        }
        clients.push(client);
        assert!(clients.len() < 300);
    };
    refused.assert_refused(libc::EUSERS, "ulimit -Hn");
    clients.pop();
    while Client::connect(&daemon).hello("a").result < 0 {}
}

#[test]
fn without_descriptors_it_waits_and_goes_on_when_there_are_some() {
    let daemon = Daemon::start();
    let steady = Client::join(&daemon, "steady");
    let before = daemon.limit_descriptors(daemon.descriptors() as u64);
    let late = Client::connect(&daemon);
    let (start, cpu) = (Instant::now(), daemon.cpu_time());
    std::thread::sleep(Duration::from_secs(1));
    assert!(
        steady.call(op::RESOLVE, [0; 4], b"steady").result > 0,
        "it serves on"
    );
    let busy = daemon.cpu_time() - cpu;
    assert!(
        busy < start.elapsed() / 10,
        "it spins: {busy:?} of {:?}",
        start.elapsed()
    );
    daemon.limit_descriptors(before);
    assert_eq!(late.hello("").result, 0);
}
