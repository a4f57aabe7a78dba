//! What passes: bytes, half-closes, many connections, back-pressure.

use crate::common::daemon;
use crate::rig::{Proxy, chain, echo, exchange, pattern, serve};
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

#[test]
fn bytes_and_half_closes_pass_both_ways() {
    let daemon = daemon();
    let server = serve(echo);
    let (mut near, mut far) = chain(daemon.socket(), &server, &[]);
    let sent = pattern(5_000_000);
    assert!(exchange(&near.at, &sent) == sent, "other bytes came back");
    for proxy in [&mut near, &mut far] {
        let opened = proxy.event("opened");
        let closed = proxy.event("closed");
        assert_eq!(opened["id"], closed["id"]);
        assert_eq!(
            (&closed["out"], &closed["back"]),
            (&5_000_000.into(), &5_000_000.into())
        );
        assert!(closed.get("error").is_none(), "{closed}");
    }
    assert_eq!((near.stop(), far.stop()), (0, 0));
}

#[test]
fn many_connections_at_once() {
    let daemon = daemon();
    let server = serve(echo);
    let (near, far) = chain(daemon.socket(), &server, &[]);
    let mut streams: Vec<TcpStream> = (0..300)
        .map(|_| TcpStream::connect(&near.at).expect("the proxy listens"))
        .collect();
    for (n, stream) in streams.iter_mut().enumerate() {
        stream.write_all(&n.to_le_bytes()).expect("written");
    }
    for (n, stream) in streams.iter_mut().enumerate() {
        let mut back = [0; size_of::<usize>()];
        stream.read_exact(&mut back).expect("read");
        assert_eq!(usize::from_le_bytes(back), n);
    }
    drop(streams);
    assert_eq!((near.stop(), far.stop()), (0, 0));
}

#[test]
fn who_comes_beyond_the_limit_waits() {
    let daemon = daemon();
    let server = serve(echo);
    let (near, _far) = chain(daemon.socket(), &server, &["--connections", "1"]);
    let mut first = TcpStream::connect(&near.at).expect("the proxy listens");
    first.write_all(b"1").expect("written");
    first.read_exact(&mut [0]).expect("the first is served");
    let mut second = TcpStream::connect(&near.at).expect("the kernel takes it");
    second.write_all(b"2").expect("written");
    second
        .set_read_timeout(Some(Duration::from_millis(200)))
        .expect("set");
    let early = second.read(&mut [0]).expect_err("it waits");
    assert_eq!(early.kind(), ErrorKind::WouldBlock);
    drop(first);
    second
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("set");
    second.read_exact(&mut [0]).expect("now it is served");
}

#[test]
fn a_reader_that_does_not_read_holds_its_sender_back() {
    let daemon = daemon();
    let server = serve(|stream| {
        thread::sleep(Duration::from_secs(600));
        drop(stream);
    });
    let (near, _far) = chain(daemon.socket(), &server, &[]);
    let mut stream = TcpStream::connect(&near.at).expect("the proxy listens");
    stream
        .set_write_timeout(Some(Duration::from_secs(1)))
        .expect("set");
    let chunk = vec![0; 1 << 20];
    let mut sent = 0;
    loop {
        match stream.write(&chunk) {
            Ok(n) => sent += n,
            Err(error) => break assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        assert!(sent < 64 << 20, "the proxies hold {sent} bytes");
    }
    let status = fs::read_to_string(format!("/proc/{}/status", near.child.id())).expect("/proc");
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).expect("a size");
    let kib: u64 = line
        .split_whitespace()
        .nth(1)
        .expect("a number")
        .parse()
        .expect("a number");
    assert!(kib < 64 << 10, "{line}");
}

/// Python's web server in one domain, curl in another, where the machine has both.
#[test]
fn curl_fetches_from_pythons_web_server() {
    let has = |program: &str| {
        Command::new(program)
            .arg("--version")
            .output()
            .is_ok_and(|o| o.status.success())
    };
    if !has("curl") || !has("python3") {
        println!("(no curl or no python3 here)");
        return;
    }
    let daemon = daemon();
    let folder = std::env::temp_dir().join(format!("v4v-proxy-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("made");
    let content = pattern(3_000_000);
    fs::write(folder.join("file"), &content).expect("written");
    let mut server = Command::new("python3")
        .args(["-u", "-m", "http.server", "--bind", "127.0.0.1", "0"])
        .current_dir(&folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    // Serving HTTP on 127.0.0.1 port 45678 (http://…
    let mut line = String::new();
    BufReader::new(server.stdout.take().expect("piped"))
        .read_line(&mut line)
        .expect("UTF-8");
    let port = line.split_whitespace().nth(5).expect("a port");
    let to = format!("tcp:127.0.0.1:{port}");
    let far = Proxy::start(daemon.socket(), "gpu", &["--listen", "v4v:5080", "--to", &to]);
    let near = Proxy::start(
        daemon.socket(),
        "near",
        &["--listen", "tcp:127.0.0.1:0", "--to", "v4v:gpu:5080"],
    );
    let url = format!("http://{}/file", near.at);
    // Several at once, each several times.
    let fetchers: Vec<_> = (0..8)
        .map(|_| {
            let url = url.clone();
            thread::spawn(move || {
                let output = Command::new("curl")
                    .args([
                        "--silent",
                        "--show-error",
                        "--fail",
                        "--max-time",
                        "30",
                        "--noproxy",
                        "*",
                    ])
                    .args([&url, &url, &url])
                    .output()
                    .expect("curl starts");
                assert!(
                    output.status.success(),
                    "{}",
                    String::from_utf8_lossy(&output.stderr)
                );
                output.stdout
            })
        })
        .collect();
    for fetcher in fetchers {
        assert!(
            fetcher.join().expect("fetched") == content.repeat(3),
            "other bytes came"
        );
    }
    let missing = Command::new("curl")
        .args([
            "--silent",
            "--noproxy",
            "*",
            "--write-out",
            "%{http_code}",
            "--output",
            "/dev/null",
        ])
        .arg(format!("http://{}/nothing", near.at))
        .output()
        .expect("curl starts");
    assert_eq!(missing.stdout, b"404");
    assert_eq!((near.stop(), far.stop()), (0, 0));
    server.kill().expect("ours");
    server.wait().expect("ours");
    fs::remove_dir_all(folder).expect("removed");
}
