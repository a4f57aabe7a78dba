//! `v4vd` killed under connections: programs see what they would see from TCP, and nothing hangs. (That a peer's death is seen as TCP
//! shows it, the conformance suite's pairs `killed_…` say, which run through the wrapper too.)

use std::io::{Read, Write};
use std::process::Stdio;
use v4v_wrapper_tests::{Rig, SERVER, Wire, finish_within};

#[test]
fn connections_outlive_v4vd_and_new_ones_are_refused() {
    let mut rig = Rig::new("faults");
    let mut command = Wire::V4v(&rig).server(env!("CARGO_BIN_EXE_wrapper-case"));
    command
        .args(["survive", SERVER.1])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().expect("a program");
    let mut said = child.stdout.take().expect("a pipe");
    let mut ready = [0; 6];
    said.read_exact(&mut ready).expect("it is ready");
    assert_eq!(&ready, b"ready\n");
    rig.kill_daemon();
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(b"go\n")
        .expect("it reads");
    let mut text = String::new();
    said.read_to_string(&mut text).expect("what it says");
    assert!(child.wait().expect("a child").success(), "{text}");
    let refused = format!("a new one: errno {}\nwithin 0 s", libc::ECONNREFUSED);
    assert_eq!(
        text,
        format!("the connection goes on\n{refused}\nTCP is served\n")
    );
}

#[test]
fn a_program_starts_without_v4vd() {
    let mut rig = Rig::new("without");
    rig.kill_daemon();
    // Nobody is asked before a connection or a listener: this has neither.
    let mut command = Wire::V4v(&rig).client("true");
    assert_eq!(
        finish_within(&mut command, std::time::Duration::from_secs(10)).0,
        Some(0)
    );
}
