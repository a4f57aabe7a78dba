//! C programs against a real `v4vd`.

use crate::Installed;
use crate::install::here;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use v4v_hosted::paths::{DOMAIN_VAR, SOCKET_VAR};
use v4v_hosted::spawn::Daemon;

fn daemon() -> Daemon {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let socket = std::env::temp_dir().join(format!("v4v-capi-{}-{count}.sock", std::process::id()));
    Daemon::start(&Installed::get().path("sbin/v4vd"), socket, None).expect("v4vd listens")
}

fn command(program: &Path, daemon: &Path, domain: &str) -> Command {
    let mut command = Command::new(program);
    command
        .env("LD_LIBRARY_PATH", Installed::get().path("lib"))
        .env(SOCKET_VAR, daemon)
        .env(DOMAIN_VAR, domain)
        .env("V4V_BACKEND", "hosted");
    command
}

fn example(name: &str) -> PathBuf {
    let source = here().join("examples").join(format!("{name}.c"));
    Installed::get().compile(&source, name)
}

/// The server, when it listens, and its lines.
fn server(program: &Path, daemon: &Path, callers: usize) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = command(program, daemon, "gpu")
        .args(["5001", &callers.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    lines.read_line(&mut line).expect("UTF-8");
    assert!(
        line.starts_with("listening at ") && line.ends_with(":5001\n"),
        "{line}"
    );
    (child, lines)
}

#[test]
fn the_echo_examples_talk_to_each_other() {
    let daemon = daemon();
    let (serve, call) = (example("echo-server"), example("echo-client"));
    let (mut child, mut lines) = server(&serve, daemon.socket(), 3);
    for bytes in [0, 5, 3_000_000_usize] {
        let text: Vec<u8> = (0..bytes).map(|i| (i % 251) as u8).collect();
        let mut client = command(&call, daemon.socket(), "client")
            .arg("gpu:5001")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut input = client.stdin.take().expect("piped");
        let sent = text.clone();
        let writer = std::thread::spawn(move || input.write_all(&sent).expect("taken"));
        let mut back = Vec::new();
        client
            .stdout
            .take()
            .expect("piped")
            .read_to_end(&mut back)
            .expect("read");
        writer.join().expect("written");
        assert!(client.wait().expect("ours").success());
        assert!(back == text, "{bytes} bytes came back as {}", back.len());
    }
    assert!(child.wait().expect("ours").success());
    let mut rest = String::new();
    lines.read_to_string(&mut rest).expect("UTF-8");
    assert_eq!(rest.matches(" calls\n").count(), 3, "{rest}");
}

#[test]
fn a_failed_call_says_why() {
    let daemon = daemon();
    let call = example("echo-client");
    for (to, part) in [
        ("31000:1", "there is no domain 31000"),
        ("nobody:1", "no domain is called"),
        ("1", "write DOMAIN:PORT"),
    ] {
        let said = command(&call, daemon.socket(), "client")
            .arg(to)
            .stdin(Stdio::null())
            .output()
            .expect("it runs");
        let text = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(
            said.status.code() == Some(1) && text.contains(part),
            "{to}: {text}"
        );
    }
}

#[test]
fn every_function_does_what_the_header_says() {
    let daemon = daemon();
    let program = Installed::get().compile(&here().join("tests/capi/functions.c"), "functions");
    let said = command(&program, daemon.socket(), "gpu")
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.status.success(), "{:?}: {text}", said.status);
    let kernel = command(&program, daemon.socket(), "gpu")
        .arg("--no-kernel")
        .env("V4V_BACKEND", "kernel")
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&kernel.stderr).into_owned();
    let has_module = Path::new("/sys/module/v4v").exists();
    assert!(kernel.status.success() || has_module, "{text}");
}
