//! `v4v stat` beside real connections.

mod common;

use common::{PROGRAM, daemon};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use v4v_hosted::paths::{DOMAIN_VAR, SOCKET_VAR};

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn v4v(socket: &Path, domain: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(arguments)
        .env(SOCKET_VAR, socket)
        .env(DOMAIN_VAR, domain)
        .env("V4V_BACKEND", "hosted")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn start(socket: &Path, domain: &str, arguments: &[&str]) -> Running {
    Running(v4v(socket, domain, arguments).spawn().expect("v4v starts"))
}

/// The lines of `v4v stat` with these arguments.
fn stat(socket: &Path, arguments: &[&str]) -> Vec<String> {
    let output = v4v(socket, "", &[&["stat"], arguments].concat())
        .output()
        .expect("it runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(str::to_owned).collect()
}

fn json(lines: &[String]) -> Vec<Value> {
    lines
        .iter()
        .map(|l| serde_json::from_str(l).expect("JSON"))
        .collect()
}

/// A domain of this name, when it is as wanted.
#[track_caller]
fn await_domain(socket: &Path, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let domains = json(&stat(socket, &["--json"]));
        if let Some(domain) = domains.iter().find(|d| d["name"] == name && wanted(d)) {
            return domain.clone();
        }
        assert!(Instant::now() < end, "{domains:?}");
    }
}

/// Bytes that came into all rings of a domain.
fn bytes(domain: &Value) -> u64 {
    let rings = domain["rings"].as_array().expect("rings");
    rings.iter().filter_map(|r| r["bytes"].as_u64()).sum()
}

/// Two domains with a connection over rings, on which `caller` sends.
fn pair(socket: &Path) -> (Running, Running) {
    let listener = start(socket, "gpu", &["nc", "--listen", "5001"]);
    await_domain(socket, "gpu", |d| d["ring_count"] == 1);
    let caller = start(socket, "caller", &["nc", "gpu:5001"]);
    await_domain(socket, "gpu", |d| d["ring_count"] == 2);
    (listener, caller)
}

#[test]
fn bytes_over_rings_are_counted_and_shown_by_the_second() {
    let daemon = daemon();
    let (mut listener, mut caller) = pair(daemon.socket());
    let mut input = caller.0.stdin.take().expect("piped");
    let mut sink = listener.0.stdout.take().expect("piped");
    std::thread::spawn(move || std::io::copy(&mut sink, &mut std::io::sink()));
    input.write_all(&[7; 100_000]).expect("taken");
    let gpu = await_domain(daemon.socket(), "gpu", |d| bytes(d) >= 100_000);
    assert!(bytes(&gpu) < 110_000, "{gpu}");
    assert!(gpu["rings"][1].get("bytes_per_s").is_none());

    // It sends on, while it is watched.
    let sender = std::thread::spawn(move || {
        let end = Instant::now() + Duration::from_secs(2);
        while Instant::now() < end {
            input.write_all(&[7; 10_000]).expect("taken");
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    let lines = json(&stat(
        daemon.socket(),
        &["--json", "--watch", "0.5", "--count", "3"],
    ));
    sender.join().expect("sent");
    let frames: Vec<&Value> = lines.iter().filter(|d| d["name"] == "gpu").collect();
    assert_eq!(frames.len(), 3);
    let rate = |frame: &Value| -> f64 {
        let rings = frame["rings"].as_array().expect("rings");
        rings.iter().filter_map(|r| r["bytes_per_s"].as_f64()).sum()
    };
    // At most 1 MB/s are sent; half a second of them is between two looks.
    assert_eq!(rate(frames[0]), 0.0, "nothing to compare with");
    for frame in &frames[1..] {
        assert!((10_000.0..2_000_000.0).contains(&rate(frame)), "{}", rate(frame));
    }
}

#[test]
fn descriptors_are_listed_while_they_are_open() {
    let daemon = daemon();
    let server = TcpListener::bind("127.0.0.1:0").expect("free");
    let to = format!("tcp:{}", server.local_addr().expect("bound"));
    let mut proxy = start(
        daemon.socket(),
        "gpu",
        &["proxy", "--json", "--listen", "v4v:5001", "--to", &to],
    );
    let mut events = BufReader::new(proxy.0.stdout.take().expect("piped"));
    events.read_line(&mut String::new()).expect("it listens");
    let mut caller = start(daemon.socket(), "caller", &["nc", "gpu:5001"]);
    let gpu = await_domain(daemon.socket(), "gpu", |d| d["calls_in"] == 1);
    assert_eq!((&gpu["listeners"], &gpu["calls_out"]), (&1.into(), &0.into()));
    let calls = gpu["calls"].as_array().expect("calls");
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(calls[0]["to"], format!("{}:5001", gpu["domain"]));
    let other = await_domain(daemon.socket(), "caller", |d| d["calls_out"] == 1);
    let from = calls[0]["from"].as_str().expect("an address");
    assert!(from.starts_with(&format!("{}:", other["domain"])), "{from}");
    let text = stat(daemon.socket(), &[]).join("\n");
    assert!(text.contains(&format!("descriptor {from} -> ")), "{text}");
    assert!(text.contains("listeners 1, calls out 0, in 1"), "{text}");

    drop(caller.0.stdin.take());
    drop(server.accept().expect("the proxy calls"));
    let mut rest = String::new();
    caller
        .0
        .stdout
        .take()
        .expect("piped")
        .read_to_string(&mut rest)
        .expect("read");
    let gone = await_domain(daemon.socket(), "gpu", |d| {
        d["calls"].as_array().is_some_and(Vec::is_empty)
    });
    assert_eq!(gone["calls_in"], 1, "what is over stays counted");
}

#[test]
fn a_watch_without_a_terminal_has_no_control_characters() {
    let daemon = daemon();
    let _pair = pair(daemon.socket());
    let lines = stat(daemon.socket(), &["--watch", "0.05", "--count", "3"]);
    let text = lines.join("\n");
    assert!(!text.contains('\x1b'), "{text}");
    assert_eq!(text.matches("\"gpu\"").count(), 3);
    assert_eq!(text.matches("bytes/s").count() % 2, 0, "{text}");
    assert!(
        text.contains("messages/s") && lines.iter().any(String::is_empty),
        "{text}"
    );
    let domains = stat(daemon.socket(), &["--domains", "--json"]);
    assert!(
        json(&domains)
            .iter()
            .all(|d| d.get("rings").is_none() && d.get("calls").is_none())
    );
}

#[test]
fn a_watch_ends_with_the_daemon_and_mistakes_are_said() {
    let daemon = daemon();
    let _pair = pair(daemon.socket());
    let mut watch = start(daemon.socket(), "", &["stat", "--json", "--watch", "0.05"]);
    let mut frames = BufReader::new(watch.0.stdout.take().expect("piped"));
    frames.read_line(&mut String::new()).expect("a frame");
    drop(daemon);
    let mut said = String::new();
    frames.read_to_string(&mut String::new()).expect("read");
    watch
        .0
        .stderr
        .take()
        .expect("piped")
        .read_to_string(&mut said)
        .expect("UTF-8");
    assert_eq!(watch.0.wait().expect("ours").code(), Some(1));
    assert!(said.contains("v4vd"), "{said}");
    for (arguments, part) in [
        (&["stat", "--watch", "0"][..], "number of seconds"),
        (&["stat", "--count", "3"], "--watch"),
    ] {
        let output = v4v(Path::new("/nonexistent"), "", arguments)
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(part), "{said}");
    }
}
