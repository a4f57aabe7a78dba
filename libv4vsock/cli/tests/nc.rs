//! `v4v nc` as in the README, with every order of ends.

mod common;

use common::{PROGRAM, daemon};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use v4v_hosted::paths::{DOMAIN_VAR, SOCKET_VAR};

/// More than a ring holds.
const LONG: usize = 3 << 20;

/// A running `v4v nc`, and what it puts out.
struct Nc {
    child: Child,
    out: JoinHandle<Vec<u8>>,
}

impl Nc {
    fn start(socket: &Path, domain: &str, arguments: &[&str], input: Stdio) -> Self {
        let mut child = Command::new(PROGRAM)
            .arg("nc")
            .args(arguments)
            .env(SOCKET_VAR, socket)
            .env(DOMAIN_VAR, domain)
            .env("V4V_BACKEND", "hosted")
            .stdin(input)
            .stdout(Stdio::piped())
            .spawn()
            .expect("v4v starts");
        let mut from = child.stdout.take().expect("piped");
        let out = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            from.read_to_end(&mut bytes).expect("read");
            bytes
        });
        Self { child, out }
    }

    /// All its input.
    fn send(&mut self, bytes: &[u8]) {
        let mut input = self.child.stdin.take().expect("piped");
        input.write_all(bytes).expect("taken");
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a pid");
        kill(Pid::from_raw(pid), signal).expect("ours");
    }

    /// Whether it ended well, and its output. One that does not end fails the test.
    fn finish(mut self) -> (bool, Vec<u8>) {
        let end = Instant::now() + Duration::from_secs(20);
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("ours") {
                break status;
            }
            if Instant::now() > end {
                self.child.kill().expect("ours");
                panic!("v4v nc does not end");
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        (status.success(), self.out.join().expect("no panic"))
    }

    fn assert_took(self, expected: &[u8]) {
        let (success, bytes) = self.finish();
        assert_eq!((success, bytes.len()), (true, expected.len()));
        assert!(bytes == expected, "the bytes are the ones that were sent");
    }
}

/// Waits until the port of a listener that was just started is there.
fn await_listener(socket: &Path, port: &str) {
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        let stat = Command::new(PROGRAM)
            .args(["stat", "--json"])
            .env(SOCKET_VAR, socket)
            .env("V4V_BACKEND", "hosted")
            .output()
            .expect("v4v starts");
        if String::from_utf8_lossy(&stat.stdout).contains(port) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("nobody listens on {port}");
}

#[test]
fn a_listener_without_input_gets_all() {
    let daemon = daemon();
    let socket = daemon.socket();
    for length in [5, LONG] {
        let listener = Nc::start(socket, "gpu", &["--listen", "5001"], Stdio::null());
        await_listener(socket, "5001");
        let mut client = Nc::start(socket, "app", &["gpu:5001"], Stdio::piped());
        // The listener has half-closed by now, and still reads.
        std::thread::sleep(Duration::from_millis(100));
        let bytes: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
        client.send(&bytes);
        client.assert_took(b"");
        listener.assert_took(&bytes);
    }
}

#[test]
fn both_directions_carry_more_than_a_ring_at_once() {
    let daemon = daemon();
    let socket = daemon.socket();
    let mut listener = Nc::start(socket, "gpu", &["--listen", "5002"], Stdio::piped());
    await_listener(socket, "5002");
    let mut client = Nc::start(socket, "app", &["gpu:5002"], Stdio::piped());
    let (there, back) = (vec![1; LONG], vec![2; LONG]);
    std::thread::scope(|scope| {
        scope.spawn(|| listener.send(&back));
        scope.spawn(|| client.send(&there));
    });
    client.assert_took(&back);
    listener.assert_took(&there);
}

#[test]
fn input_that_a_peer_did_not_take_is_an_error() {
    let daemon = daemon();
    let socket = daemon.socket();
    let listener = Nc::start(socket, "gpu", &["--listen", "5004"], Stdio::null());
    await_listener(socket, "5004");
    let mut client = Nc::start(socket, "app", &["gpu:5004"], Stdio::piped());
    // The listener reads no more, so that the ring fills, and then goes.
    std::thread::sleep(Duration::from_millis(100));
    listener.signal(Signal::SIGSTOP);
    let mut input = client.child.stdin.take().expect("piped");
    let writer = std::thread::spawn(move || input.write_all(&vec![0; LONG]));
    std::thread::sleep(Duration::from_millis(300));
    listener.signal(Signal::SIGKILL);
    listener.finish();
    assert!(writer.join().expect("no panic").is_err(), "nobody took all of it");
    assert!(!client.finish().0, "bytes were lost");
}

#[test]
fn a_client_whose_input_stays_open_ends_with_its_peer() {
    let daemon = daemon();
    let socket = daemon.socket();
    let mut listener = Nc::start(socket, "gpu", &["--listen", "5003"], Stdio::piped());
    await_listener(socket, "5003");
    let client = Nc::start(socket, "app", &["gpu:5003"], Stdio::piped());
    listener.send(b"last words");
    // The listener has ended its input and waits for ours; its death ends the connection.
    std::thread::sleep(Duration::from_millis(200));
    listener.child.kill().expect("ours");
    let (_, output) = client.finish();
    assert_eq!(output, b"last words");
    assert!(!listener.finish().0, "it was killed");
}
