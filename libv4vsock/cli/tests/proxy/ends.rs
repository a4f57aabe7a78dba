//! A stop, and the end of `v4vd`.

use crate::common::{PROGRAM, daemon};
use crate::rig::{chain, echo, exchange, opened, serve};
use nix::sys::signal::Signal;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;

#[test]
fn a_stop_leaves_open_connections_until_a_second_signal() {
    let daemon = daemon();
    let server = serve(echo);
    let (mut near, far) = chain(daemon.socket(), &server, &["--grace", "600"]);
    let mut stream = opened(&mut near);
    near.signal(Signal::SIGTERM);
    assert_eq!(near.event("stopping")["open"], 1);
    assert!(TcpStream::connect(&near.at).is_err(), "it still listens");
    stream.write_all(b"y").expect("written");
    stream.read_exact(&mut [0]).expect("what is open goes on");
    assert_eq!(near.stop(), 1);
    let error = stream.read(&mut [0]).expect_err("cut off, which is no clean end");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(far.stop(), 0);
}

#[test]
fn a_stop_cuts_open_connections_off_when_their_time_is_over() {
    let daemon = daemon();
    let server = serve(echo);
    let (mut near, _far) = chain(daemon.socket(), &server, &["--grace", "1"]);
    let mut stream = opened(&mut near);
    near.signal(Signal::SIGINT);
    near.event("stopping");
    assert_eq!(near.event("stopped")["cut"], 1);
    let error = stream.read(&mut [0]).expect_err("cut off, which is no clean end");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(near.child.wait().expect("ours").code(), Some(0));
}

#[test]
fn it_listens_anew_when_the_daemon_comes_again() {
    let daemon = daemon();
    let server = serve(echo);
    let (near, mut far) = chain(daemon.socket(), &server, &[]);
    assert_eq!(exchange(&near.at, b"before"), b"before");
    far.event("opened");
    far.event("closed");
    let socket = daemon.socket().to_owned();
    drop(daemon);
    let program = v4v_hosted::spawn::built_in(&Path::new(PROGRAM).with_file_name("")).expect("v4vd builds");
    let _again = v4v_hosted::spawn::Daemon::start(&program, socket, None).expect("it listens");
    far.event("listening");
    assert_eq!(exchange(&near.at, b"after"), b"after");
}
