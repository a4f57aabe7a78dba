//! What the commands say and how they end, where there is little or nothing to be had.

mod common;

use common::{PROGRAM, daemon};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use v4v_hosted::paths::{DOMAIN_VAR, SOCKET_VAR};

fn v4v(socket: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(arguments)
        .env(SOCKET_VAR, socket)
        .env(DOMAIN_VAR, "gpu")
        .env("V4V_BACKEND", "hosted")
        .stdin(Stdio::null());
    command
}

fn output(socket: &Path, arguments: &[&str]) -> Output {
    v4v(socket, arguments).output().expect("v4v starts")
}

/// The program fails with a sentence that has these parts, and puts nothing out.
fn assert_fails(socket: &Path, arguments: &[&str], parts: &[&str]) {
    assert_ends(1, socket, arguments, parts);
}

/// The same where the command line is at fault.
fn assert_mistake(socket: &Path, arguments: &[&str], parts: &[&str]) {
    assert_ends(2, socket, arguments, parts);
}

fn assert_ends(code: i32, socket: &Path, arguments: &[&str], parts: &[&str]) {
    let output = output(socket, arguments);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {complaint}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    for part in parts {
        assert!(complaint.contains(part), "{arguments:?}: {part} in {complaint}");
    }
}

#[test]
fn a_domain_that_is_not_there_is_an_error() {
    let daemon = daemon();
    for form in [&["resolve", "9999"][..], &["resolve", "--json", "9999"]] {
        assert_fails(daemon.socket(), form, &["no domain has the number 9999"]);
    }
    assert_fails(daemon.socket(), &["resolve", "nobody"], &["\"nobody\""]);
}

#[test]
fn no_domains_are_said_on_stderr() {
    let daemon = daemon();
    for form in [&["stat"][..], &["stat", "--json"]] {
        let output = output(daemon.socket(), form);
        assert!(output.status.success() && output.stdout.is_empty(), "{form:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("there are no domains"), "{said}");
    }
}

#[test]
fn port_0_is_no_port_to_connect_to() {
    let daemon = daemon();
    for command in ["nc", "netpipe"] {
        assert_mistake(daemon.socket(), &[command, "1:0"], &["port 0", "for binding"]);
    }
}

#[test]
fn a_number_beyond_ports_is_said_to_be_none() {
    let daemon = daemon();
    for command in [
        &["nc", "1:3000000000"][..],
        &["nc", "--listen", "3000000000"],
        &["netpipe", "1:4294967295"],
    ] {
        assert_mistake(daemon.socket(), command, &["is no socket's port", "2147483647"]);
    }
}

#[test]
fn what_is_no_address_is_a_mistake() {
    let daemon = daemon();
    for (command, part) in [
        (&["nc", "gpu"][..], "write DOMAIN:PORT"),
        (&["nc", "gpu:abc"], "is no port"),
        (&["nc", "--listen", "gpu:5001"], "gpu:5001"),
        (&["nc", "99999:5001"], "no domain has the number 99999"),
        (&["netpipe", "5002"], "write DOMAIN:PORT"),
    ] {
        assert_mistake(daemon.socket(), command, &[part]);
    }
}

#[test]
fn a_listener_that_nobody_calls_gives_up() {
    let daemon = daemon();
    assert_fails(
        daemon.socket(),
        &["nc", "--listen", "-w", "1", "5001"],
        &["nobody has connected within 1 s"],
    );
    let mistake = output(daemon.socket(), &["nc", "--listen", "-w", "0", "5001"]);
    assert_eq!(mistake.status.code(), Some(2));
}

#[test]
fn a_listener_on_port_0_says_where_it_is() {
    let daemon = daemon();
    let mut listener = v4v(daemon.socket(), &["nc", "--listen", "0", "-w", "20"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("v4v starts");
    let mut said = String::new();
    let stderr = listener.stderr.take().expect("piped");
    BufReader::new(stderr).read_line(&mut said).expect("UTF-8");
    let address = said.trim().rsplit(' ').next().expect("a word");
    let client = output(daemon.socket(), &["nc", "-w", "20", address]);
    assert!(client.status.success(), "{said}: {client:?}");
    assert!(listener.wait_with_output().expect("ours").status.success());
}

#[test]
fn without_a_daemon_the_sentence_says_whose_path_it_is_and_names_the_error_once() {
    let nowhere = Path::new("/nonexistent/v4vd.sock");
    assert_fails(
        nowhere,
        &["stat"],
        &["no v4vd answers at /nonexistent/v4vd.sock, which V4V_SOCKET names"],
    );
    let said = String::from_utf8_lossy(&output(nowhere, &["stat"]).stderr).into_owned();
    assert_eq!(said.matches("os error").count(), 1, "{said}");
}

#[test]
fn a_user_whom_the_daemon_does_not_serve_is_told_so() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let daemon = daemon();
    // Where the program lies in a folder of root's alone, nobody else can start it.
    let Ok(outsider) = v4v(daemon.socket(), &["stat"]).uid(4321).output() else {
        return;
    };
    let said = String::from_utf8_lossy(&outsider.stderr);
    assert!(
        said.contains("uid 4321 may not reach") && said.contains("policy"),
        "{said}"
    );
}

#[test]
fn a_netpipe_of_few_rows() {
    let daemon = daemon();
    let mut server = v4v(daemon.socket(), &["netpipe"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("v4v starts");
    let mut stderr = BufReader::new(server.stderr.take().expect("piped"));
    stderr.read_line(&mut String::new()).expect("UTF-8");
    let quick = [
        "netpipe",
        "gpu:5002",
        "--seconds",
        "1",
        "--longest",
        "1K",
        "--perturbation",
        "0",
        "--json",
    ];
    let rows = output(daemon.socket(), &quick);
    assert_eq!(
        String::from_utf8_lossy(&rows.stdout).lines().count(),
        20,
        "{rows:?}"
    );
    assert!(server.wait().expect("ours").success());
}
