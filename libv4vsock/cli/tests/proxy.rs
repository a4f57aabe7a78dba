//! `v4v proxy` between TCP and V4V, against a real `v4vd`.

mod common;

use common::{PROGRAM, daemon};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use v4v_hosted::paths::{DOMAIN_VAR, SOCKET_VAR};

/// A running proxy, and its events.
struct Proxy {
    child: Child,
    events: BufReader<ChildStdout>,
    /// Where it listens.
    at: String,
}

impl Proxy {
    fn start(socket: &Path, domain: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["proxy", "--json"])
            .args(arguments)
            .env(SOCKET_VAR, socket)
            .env(DOMAIN_VAR, domain)
            .env("V4V_BACKEND", "hosted")
            .stdout(Stdio::piped())
            .spawn()
            .expect("v4v starts");
        let events = BufReader::new(child.stdout.take().expect("piped"));
        let mut this = Self {
            child,
            events,
            at: String::new(),
        };
        let listening = this.event("listening");
        let at = listening["at"].as_str().expect("an address");
        this.at = at.split_once(':').expect("a kind").1.to_owned();
        this
    }

    /// The next event, which is to be this one.
    #[track_caller]
    fn event(&mut self, name: &str) -> serde_json::Value {
        let mut line = String::new();
        self.events.read_line(&mut line).expect("UTF-8");
        let event: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(event["event"], name, "{line}");
        event
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().expect("a pid")), signal).expect("ours");
    }

    /// Stops it; what its last event said was cut off.
    #[track_caller]
    fn stop(mut self) -> u64 {
        self.signal(Signal::SIGTERM);
        let mut last = String::new();
        for line in (&mut self.events).lines() {
            last = line.expect("UTF-8");
            if last.contains("\"stopped\"") {
                break;
            }
        }
        assert_eq!(self.child.wait().expect("ours").code(), Some(0));
        let event: serde_json::Value = serde_json::from_str(&last).expect("JSON");
        event["cut"].as_u64().expect("a number")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// TCP → V4V → TCP: the port of the far server's own, and the two proxies.
fn chain(socket: &Path, server: &TcpListener, more: &[&str]) -> (Proxy, Proxy) {
    let to = format!("tcp:{}", server.local_addr().expect("bound"));
    let far = Proxy::start(socket, "gpu", &["--listen", "v4v:5001", "--to", &to]);
    let near = ["--listen", "tcp:127.0.0.1:0", "--to", "v4v:gpu:5001"];
    let near = Proxy::start(socket, "near", &[&near, more].concat());
    (near, far)
}

/// A server that does this with each caller.
fn serve(what: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").expect("free");
    let ours = listener.try_clone().expect("a copy");
    thread::spawn(move || {
        for stream in ours.incoming().map_while(Result::ok) {
            let what = what.clone();
            thread::spawn(move || what(stream));
        }
    });
    listener
}

fn echo(mut stream: TcpStream) {
    let mut writer = stream.try_clone().expect("a copy");
    // A caller that goes ends it.
    if std::io::copy(&mut stream, &mut writer).is_ok() {
        let _ = writer.shutdown(Shutdown::Write);
    }
}

fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|i| (i % 251) as u8).collect()
}

/// Sends all, half-closes, and reads to the end.
fn exchange(at: &str, sent: &[u8]) -> Vec<u8> {
    let stream = TcpStream::connect(at).expect("the proxy listens");
    let mut reader = stream.try_clone().expect("a copy");
    let reading: JoinHandle<Vec<u8>> = thread::spawn(move || {
        let mut back = Vec::new();
        reader.read_to_end(&mut back).expect("read");
        back
    });
    (&stream).write_all(sent).expect("written");
    stream.shutdown(Shutdown::Write).expect("half closed");
    reading.join().expect("read")
}

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

/// A connection through `near` that has been served once.
fn opened(near: &mut Proxy) -> TcpStream {
    let mut stream = TcpStream::connect(&near.at).expect("the proxy listens");
    stream.write_all(b"x").expect("written");
    stream.read_exact(&mut [0]).expect("served");
    near.event("opened");
    stream
}

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

#[test]
fn mistakes_are_said() {
    let daemon = daemon();
    for (arguments, part) in [
        (
            &["--listen", "tcp:127.0.0.1:0", "--to", "tcp:127.0.0.1:1"][..],
            "neither side is V4V",
        ),
        (
            &["--listen", "gpu:1", "--to", "tcp:127.0.0.1:1"],
            "tcp:HOST:PORT or v4v:PORT",
        ),
        (&["--listen", "v4v:5001", "--to", "v4v:gpu"], "DOMAIN:PORT"),
        (&["--listen", "v4v:5001"], "--to"),
    ] {
        let said = proxy_output(daemon.socket(), arguments);
        assert!(
            said.0 == Some(2) && said.1.contains(part),
            "{arguments:?}: {said:?}"
        );
    }
    let taken = TcpListener::bind("127.0.0.1:0").expect("free");
    let at = format!("tcp:{}", taken.local_addr().expect("bound"));
    let said = proxy_output(daemon.socket(), &["--listen", &at, "--to", "v4v:gpu:1"]);
    assert!(
        said.0 == Some(1) && said.1.contains("in use") && said.1.contains(&at),
        "{said:?}"
    );
}

fn proxy_output(socket: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(PROGRAM)
        .arg("proxy")
        .args(arguments)
        .env(SOCKET_VAR, socket)
        .env("V4V_BACKEND", "hosted")
        .output()
        .expect("v4v starts");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
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
