//! A policy with a mistake: the program starts without V4V, or does not start, and a message names file and line.

use std::fs;
use std::process::Command;
use v4v_wrapper_tests::{built, finish, folder};

/// Runs a program with this policy, by `v4v run` and by the loader alone, as an exec'ed program would be.
fn run(name: &str, policy: &str) -> [(Option<i32>, String); 2] {
    let file = std::env::temp_dir().join(format!("v4v-wrapper-{name}-{}.toml", std::process::id()));
    fs::write(&file, policy).expect("a file");
    let by_run = finish(
        Command::new(built("v4v"))
            .args(["run", "--policy"])
            .arg(&file)
            .args(["--", "echo", "runs"]),
    );
    let mut alone = Command::new("echo");
    alone
        .arg("runs")
        .env("LD_PRELOAD", folder().join("libv4vsock_preload.so"))
        .env("V4V_WRAPPER_POLICY", &file);
    let by_loader = finish(&mut alone);
    fs::remove_file(&file).expect("there");
    [by_run, by_loader]
}

#[test]
fn a_program_goes_on_without_v4v() {
    for (code, text) in run("continue", "mode = \"only\"\nlisten = 70000\n") {
        assert!(
            text.contains("v4v-wrapper-continue") && text.contains("line 2"),
            "{text}"
        );
        assert!(text.contains("runs") && text.contains("without V4V"), "{text}");
        assert_eq!(code, Some(0));
    }
}

#[test]
fn a_program_does_not_start() {
    let [(run, run_text), (alone, alone_text)] =
        run("refuse", "on_error = \"refuse\"\n[peers]\n\"10.0.0\" = 7\n");
    assert_eq!((run, alone), (Some(2), Some(78)));
    for text in [run_text, alone_text] {
        assert!(
            text.contains("line 3") && text.contains("IP address") && !text.contains("runs\n"),
            "{text}"
        );
    }
}

#[test]
fn run_says_what_it_would_do() {
    let mut command = Command::new(built("v4v"));
    command
        .args(["run", "--explain", "198.51.100.2:80"])
        .env("V4V_WRAPPER_POLICY", "")
        .env("V4V_PEERS", "198.51.100.2=gpu");
    let (code, text) = finish(&mut command);
    assert_eq!(code, Some(0));
    assert_eq!(
        text,
        "198.51.100.2:80: V4V, port 80 of domain gpu; TCP where V4V refuses\n"
    );
    let (_, text) = finish(command.env("V4V_PEERS", "198.51.100.3=gpu"));
    assert_eq!(text, "198.51.100.2:80: TCP, because no peer has this address\n");
}

#[test]
fn run_says_of_whom_the_loader_takes_no_notice() {
    let mut command = Command::new(built("v4v"));
    let (code, text) = finish(
        command
            .args(["run", "--", "/sbin/ldconfig", "--version"])
            .env("V4V_WRAPPER_POLICY", ""),
    );
    assert_eq!(code, Some(0));
    assert!(
        text.contains("statically linked") && text.contains("v4v proxy"),
        "{text}"
    );
}
