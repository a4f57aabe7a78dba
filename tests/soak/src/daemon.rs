//! A `v4vd` of our own, and what it holds.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use v4v_hosted::spawn;

/// How long the daemon may take to let go of the dead.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running daemon; dropping it stops it.
#[derive(Debug)]
pub struct Daemon(spawn::Daemon);

/// The folder of programs that belong to this test: `target/<profile>`.
fn programs() -> io::Result<PathBuf> {
    let exe = env::current_exe()?;
    let folder = exe.ancestors().nth(2).ok_or(io::ErrorKind::NotFound)?;
    Ok(folder.to_owned())
}

impl Daemon {
    /// Starts a daemon with a socket of its own.
    ///
    /// # Errors
    /// Where it cannot be built, or does not listen.
    pub fn start() -> io::Result<Self> {
        Self::named("first")
    }

    /// Starts a daemon beside that one.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn another() -> io::Result<Self> {
        Self::named("other")
    }

    fn named(name: &str) -> io::Result<Self> {
        let socket = env::temp_dir().join(format!("v4v-soak-{}-{name}.sock", std::process::id()));
        let program = spawn::built_in(&programs()?)?;
        spawn::Daemon::start(&program, socket, None).map(Self)
    }

    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> &Path {
        self.0.socket()
    }

    /// Its open descriptors.
    ///
    /// # Errors
    /// Where it has died.
    pub fn descriptors(&self) -> io::Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.0.pid()))?.count())
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

    /// Kills it, so that it cannot say farewell, and takes its socket away.
    ///
    /// # Errors
    /// The system's.
    pub fn kill(self) -> io::Result<()> {
        let pid = i32::try_from(self.0.pid()).map_err(io::Error::other)?;
        kill(Pid::from_raw(pid), Signal::SIGKILL)?;
        let socket = self.socket().to_owned();
        self.0.stop()?;
        fs::remove_file(socket)
    }

    /// Stops it; whether it ended cleanly and took its socket away.
    ///
    /// # Errors
    /// The system's.
    pub fn stop(self) -> io::Result<bool> {
        self.0.stop()
    }
}
