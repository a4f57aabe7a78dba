//! Resets and refusals are passed on, and told.

use crate::common::{PROGRAM, daemon};
use crate::rig::{Proxy, serve};
use std::io::{BufRead, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use v4v_hosted::paths::{DOMAIN_VAR, SOCKET_VAR};

#[test]
fn a_servers_reset_ends_the_connection_and_is_told() {
    let daemon = daemon();
    let server = serve(|stream| {
        let mut byte = [0];
        let mut reader = &stream;
        reader.read_exact(&mut byte).expect("one");
        // Bytes that it has not read make its close a reset.
        thread::sleep(Duration::from_millis(50));
    });
    let to = format!("tcp:{}", server.local_addr().expect("bound"));
    let mut proxy = Proxy::start(daemon.socket(), "gpu", &["--listen", "v4v:5001", "--to", &to]);
    let near = Proxy::start(
        daemon.socket(),
        "near",
        &["--listen", "tcp:127.0.0.1:0", "--to", "v4v:gpu:5001"],
    );
    let mut stream = TcpStream::connect(&near.at).expect("the proxy listens");
    stream.write_all(b"two bytes and more").expect("written");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("set");
    // Between the proxies are descriptors, which know no reset without bytes unread: an end or a reset, but no time-out.
    let end = stream.read(&mut [0]);
    assert!(
        matches!(&end, Ok(0))
            || end
                .as_ref()
                .is_err_and(|e| e.kind() == ErrorKind::ConnectionReset),
        "{end:?}"
    );
    proxy.event("opened");
    let closed = proxy.event("closed");
    assert!(
        closed["error"].is_string(),
        "the server's reset is known: {closed}"
    );
}

#[test]
fn a_reset_of_a_tcp_client_reaches_a_ring_socket() {
    let daemon = daemon();
    let mut listener = Command::new(PROGRAM)
        .args(["nc", "--listen", "5001"])
        .env(SOCKET_VAR, daemon.socket())
        .env(DOMAIN_VAR, "gpu")
        .env("V4V_BACKEND", "hosted")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("v4v starts");
    let mut near = Proxy::start(
        daemon.socket(),
        "near",
        &["--listen", "tcp:127.0.0.1:0", "--to", "v4v:gpu:5001"],
    );
    let end = Instant::now() + Duration::from_secs(20);
    let stream = loop {
        let mut stream = TcpStream::connect(&near.at).expect("the proxy listens");
        stream.write_all(b"hello").expect("written");
        let mut line = String::new();
        near.events.read_line(&mut line).expect("UTF-8");
        if line.contains("\"opened\"") {
            break stream;
        }
        assert!(Instant::now() < end, "{line}");
    };
    let mut hello = [0; 5];
    listener
        .stdout
        .as_mut()
        .expect("piped")
        .read_exact(&mut hello)
        .expect("read");
    assert_eq!(&hello, b"hello");
    let linger = nix::libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    nix::sys::socket::setsockopt(&stream, nix::sys::socket::sockopt::Linger, &linger).expect("set");
    drop(stream);
    let output = listener.wait_with_output().expect("ours");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("reset"), "{said}");
    assert!(near.event("closed")["error"].is_string());
}

#[test]
fn a_caller_is_reset_where_nobody_listens_and_the_event_says_why() {
    let daemon = daemon();
    let mut near = Proxy::start(
        daemon.socket(),
        "near",
        &["--listen", "tcp:127.0.0.1:0", "--to", "v4v:nobody:5001"],
    );
    let mut stream = TcpStream::connect(&near.at).expect("the proxy listens");
    let error = stream.read(&mut [0]).expect_err("reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let refused = near.event("refused");
    let why = refused["error"].as_str().expect("a sentence");
    assert!(
        why.contains("v4v:nobody:5001") && why.contains("no domain is called"),
        "{why}"
    );
    assert_eq!(near.stop(), 0);
}
