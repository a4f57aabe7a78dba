//! Processes of a test's: servers that end with it, clients that have to succeed in time.

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

/// How long a client may take: far longer than any does.
const PATIENCE: Duration = Duration::from_secs(240);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// A server and what it has started; dropping it ends them.
pub struct Server {
    child: Child,
}

impl Server {
    /// Starts a server in a process group of its own, and waits until its port answers over TCP, which it does with the wrapper too.
    ///
    /// # Panics
    /// Where it cannot be started, ends, or does not answer.
    #[must_use]
    pub fn start(command: &mut Command, port: u16) -> Self {
        let child = command.process_group(0).stdin(Stdio::null()).spawn();
        let mut server = Self {
            child: child.unwrap_or_else(|error| panic!("{command:?}: {error}")),
        };
        let end = Instant::now() + PATIENCE;
        loop {
            match TcpStream::connect(("127.0.0.1", port)) {
                Ok(_) => return server,
                Err(error) if error.kind() != ErrorKind::ConnectionRefused => panic!("port {port}: {error}"),
                Err(_) => {}
            }
            let status = server.child.try_wait().expect("a child");
            assert!(status.is_none(), "{command:?} ended: {status:?}");
            assert!(Instant::now() < end, "{command:?} does not listen on port {port}");
            sleep(LOOK);
        }
    }

    /// Starts a server that answers one client and no other, so that nobody may knock.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    pub fn start_unasked(command: &mut Command) -> Self {
        let child = command.process_group(0).stdin(Stdio::null()).spawn();
        let server = Self {
            child: child.unwrap_or_else(|error| panic!("{command:?}: {error}")),
        };
        sleep(Duration::from_secs(1));
        server
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a pid")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = Pid::from_raw(self.pid());
        // It may have ended by itself.
        let _ = killpg(group, Signal::SIGTERM);
        let end = Instant::now() + Duration::from_secs(10);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
            sleep(LOOK);
        }
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// Runs a client to its end, and gives what it has printed.
///
/// # Panics
/// Where it fails, or hangs.
pub fn output(command: &mut Command) -> String {
    let (code, text) = finish(command);
    assert_eq!(code, Some(0), "{command:?}:\n{text}");
    text
}

/// Runs a client to its end: its exit code, and what it has printed, its standard error last.
///
/// # Panics
/// Where it cannot be started.
pub fn finish(command: &mut Command) -> (Option<i32>, String) {
    finish_within(command, PATIENCE)
}

/// The same with a time of one's own; who takes longer is killed, and has no exit code.
///
/// # Panics
/// Where it cannot be started.
pub fn finish_within(command: &mut Command, patience: Duration) -> (Option<i32>, String) {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = [
        listen(child.stdout.take().expect("a pipe")),
        listen(child.stderr.take().expect("a pipe")),
    ];
    let end = Instant::now() + patience;
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        if Instant::now() > end {
            let group = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
            killpg(group, Signal::SIGKILL).expect("kill");
            break child.wait().expect("a child");
        }
        sleep(LOOK);
    };
    // Somebody whom it has left behind may have its pipes.
    let text = said.map(|s| s.recv_timeout(Duration::from_secs(5)).unwrap_or_default());
    (status.code(), text.concat())
}

fn listen(mut pipe: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    spawn(move || {
        let mut bytes = Vec::new();
        // What came before an error is told all the same.
        let _ = pipe.read_to_end(&mut bytes);
        let _ = send.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receive
}
