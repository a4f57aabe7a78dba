//! Proxies that run, servers behind them, callers before them.

use crate::common::PROGRAM;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::{self, JoinHandle};
use v4v_hosted::paths::{DOMAIN_VAR, SOCKET_VAR};

/// A running proxy, and its events.
pub(crate) struct Proxy {
    pub(crate) child: Child,
    pub(crate) events: BufReader<ChildStdout>,
    /// Where it listens.
    pub(crate) at: String,
}

impl Proxy {
    pub(crate) fn start(socket: &Path, domain: &str, arguments: &[&str]) -> Self {
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
    pub(crate) fn event(&mut self, name: &str) -> serde_json::Value {
        let mut line = String::new();
        self.events.read_line(&mut line).expect("UTF-8");
        let event: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(event["event"], name, "{line}");
        event
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().expect("a pid")), signal).expect("ours");
    }

    /// Stops it; what its last event said was cut off.
    #[track_caller]
    pub(crate) fn stop(mut self) -> u64 {
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
pub(crate) fn chain(socket: &Path, server: &TcpListener, more: &[&str]) -> (Proxy, Proxy) {
    let to = format!("tcp:{}", server.local_addr().expect("bound"));
    let far = Proxy::start(socket, "gpu", &["--listen", "v4v:5001", "--to", &to]);
    let near = ["--listen", "tcp:127.0.0.1:0", "--to", "v4v:gpu:5001"];
    let near = Proxy::start(socket, "near", &[&near, more].concat());
    (near, far)
}

/// A server that does this with each caller.
pub(crate) fn serve(what: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> TcpListener {
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

pub(crate) fn echo(mut stream: TcpStream) {
    let mut writer = stream.try_clone().expect("a copy");
    // A caller that goes ends it.
    if std::io::copy(&mut stream, &mut writer).is_ok() {
        let _ = writer.shutdown(Shutdown::Write);
    }
}

pub(crate) fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|i| (i % 251) as u8).collect()
}

/// Sends all, half-closes, and reads to the end.
pub(crate) fn exchange(at: &str, sent: &[u8]) -> Vec<u8> {
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

/// A connection through `near` that has been served once.
pub(crate) fn opened(near: &mut Proxy) -> TcpStream {
    let mut stream = TcpStream::connect(&near.at).expect("the proxy listens");
    stream.write_all(b"x").expect("written");
    stream.read_exact(&mut [0]).expect("served");
    near.event("opened");
    stream
}
