//! A `v4vd` of our own, for the time of a demonstration or a test.

use crate::workspace::program;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// How long a daemon may take to listen, and to stop.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running daemon; dropping it stops it.
pub(crate) struct Daemon {
    child: Child,
    socket: PathBuf,
}

impl Daemon {
    /// Starts a daemon that listens in `folder`.
    pub(crate) fn start(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let socket = folder.join(format!("v4vd-{}.sock", std::process::id()));
        let child = Command::new(program("v4vd"))
            .arg("--socket")
            .arg(&socket)
            .args(["--log", "warn"])
            .spawn()?;
        let mut daemon = Self { child, socket };
        daemon.await_socket()?;
        Ok(daemon)
    }

    /// Its socket, for `V4V_SOCKET`.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    fn await_socket(&mut self) -> io::Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            // The daemon speaks SOCK_SEQPACKET, so a stream connection that is refused for its type proves a listener.
            match UnixStream::connect(&self.socket) {
                Err(error) if error.raw_os_error() == Some(nix::libc::EPROTOTYPE) => return Ok(()),
                _ => {}
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!(
                    "v4vd ended at once ({status}); its message is above"
                )));
            }
            if Instant::now() > end {
                return Err(io::Error::other(format!(
                    "v4vd does not listen at {}",
                    self.socket.display()
                )));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).map(Pid::from_raw);
        if let Ok(pid) = pid {
            // Fails only where it has ended already.
            let _ = kill(pid, Signal::SIGTERM);
        }
        let end = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > end {
                eprintln!("v4vd ignored SIGTERM for {} s: killing it", PATIENCE.as_secs());
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
