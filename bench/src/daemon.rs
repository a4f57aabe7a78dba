//! A `v4vd` for the time of a measurement.

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::env;
use std::io::{Error, Result};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The variable by which clients find the daemon.
pub const SOCKET_VAR: &str = "V4V_SOCKET";

/// How long the daemon may take to listen, and to stop.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running daemon with a socket of its own; dropping it stops it.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    socket: PathBuf,
}

impl Daemon {
    /// Starts the daemon that `program` is, and waits until it listens.
    ///
    /// # Errors
    /// Where it cannot be started, or ends at once, or does not listen.
    pub fn start(program: &Path) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let socket = env::temp_dir().join(format!("v4v-bench-{}-{count}.sock", std::process::id()));
        let child = Command::new(program)
            .arg("--socket")
            .arg(&socket)
            .args(["--log", "warn"])
            .spawn()
            .map_err(|e| Error::new(e.kind(), format!("cannot start {}: {e}", program.display())))?;
        let mut daemon = Self { child, socket };
        daemon.await_socket()?;
        Ok(daemon)
    }

    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    fn await_socket(&mut self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            // The daemon speaks SOCK_SEQPACKET: a stream that is refused for its type has met a listener.
            let met = UnixStream::connect(&self.socket).map_err(|e| e.raw_os_error());
            if met.is_err_and(|errno| errno == Some(Errno::EPROTOTYPE as i32)) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                let text = format!("v4vd ended at once ({status}); its message is above");
                return Err(Error::other(text));
            }
            if Instant::now() > end {
                let text = format!("v4vd does not listen at {}", self.socket.display());
                return Err(Error::other(text));
            }
            sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            // Fails only where it has ended already.
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let end = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > end {
                // Fails only where it has just ended.
                let _ = self.child.kill();
            }
            sleep(Duration::from_millis(2));
        }
    }
}
