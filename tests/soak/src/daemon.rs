//! A `v4vd` of our own, and what it holds.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// How long the daemon may take to listen, and to let go of the dead.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running daemon; dropping it kills it.
pub struct Daemon {
    child: Child,
    socket: PathBuf,
}

/// The folder of programs that belong to this test: `target/<profile>`.
fn programs() -> io::Result<PathBuf> {
    let exe = env::current_exe()?;
    let folder = exe.ancestors().nth(2).ok_or(io::ErrorKind::NotFound)?;
    Ok(folder.to_owned())
}

/// Builds `v4vd` in the profile of this test, unless it is up to date.
fn build() -> io::Result<PathBuf> {
    let folder = programs()?;
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "-p", "v4v-hosted", "--bin", "v4vd"]);
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    if !cargo.status()?.success() {
        return Err(io::Error::other("v4vd does not build"));
    }
    Ok(folder.join("v4vd"))
}

impl Daemon {
    /// Starts a daemon with a socket of its own, and points this process and its children at it.
    ///
    /// # Errors
    /// Where it cannot be built, or does not listen.
    pub fn start() -> io::Result<Self> {
        let socket = env::temp_dir().join(format!("v4v-soak-{}.sock", std::process::id()));
        let child = Command::new(build()?)
            .arg("--socket")
            .arg(&socket)
            .args(["--log", "warn"])
            .spawn()?;
        let this = Self { child, socket };
        let end = Instant::now() + PATIENCE;
        while !this.socket.exists() {
            if Instant::now() > end {
                return Err(io::Error::other("v4vd does not listen"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(this)
    }

    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its open descriptors.
    ///
    /// # Errors
    /// Where it has died.
    pub fn descriptors(&self) -> io::Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count())
    }

    /// Waits until it holds `descriptors` descriptors and no ring but those that `rings` counts.
    ///
    /// # Errors
    /// A sentence that says what it still holds.
    pub fn await_clean(
        &self,
        descriptors: usize,
        rings: impl Fn() -> io::Result<(u32, u64)>,
    ) -> io::Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            let (held, (count, bytes)) = (self.descriptors()?, rings()?);
            if held <= descriptors && count == 0 && bytes == 0 {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(io::Error::other(format!(
                    "v4vd still holds {held} descriptors (at rest {descriptors}), {count} rings and {bytes} bytes of the dead"
                )));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops it; whether it ended cleanly and took its socket away.
    ///
    /// # Errors
    /// The system's.
    pub fn stop(mut self) -> io::Result<bool> {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            kill(Pid::from_raw(pid), Signal::SIGTERM)?;
        }
        Ok(self.child.wait()?.success() && !self.socket.exists())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended; the socket is ours either way.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.socket);
    }
}
