//! A `v4vd` of one's own, for the time of a measurement or a test.

use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use nix::unistd::Pid;
use std::env;
use std::ffi::OsString;
use std::io::{self, Error};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a daemon may take to listen, and to stop.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks whether it does.
const LOOK: Duration = Duration::from_millis(5);

/// A running daemon; dropping it stops it.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    socket: PathBuf,
}

impl Daemon {
    /// Starts the daemon that `program` is, listening at `socket`, and waits until it does. With the default policy, unless
    /// `policy` names a file.
    ///
    /// # Errors
    /// A sentence that says why: it cannot be started, has ended at once, or does not listen.
    pub fn start(program: &Path, socket: PathBuf, policy: Option<&Path>) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.args(["--log", "warn", "--socket"]).arg(&socket);
        if let Some(policy) = policy {
            command.arg("--policy").arg(policy);
        }
        let child = command.spawn().map_err(|error| no_program(program, &error))?;
        let mut daemon = Self { child, socket };
        daemon.await_socket()?;
        Ok(daemon)
    }

    /// Where it listens, for [`SOCKET_VAR`](crate::paths::SOCKET_VAR).
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop and waits until it has; whether it ended cleanly and took its socket away.
    ///
    /// # Errors
    /// The system's; `TimedOut` where it does not stop.
    pub fn stop(mut self) -> io::Result<bool> {
        Ok(self.terminate()?.success() && !self.socket.exists())
    }

    fn await_socket(&mut self) -> io::Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            let flags = SockFlag::SOCK_CLOEXEC;
            let probe = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)?;
            // It leaves again without a word.
            if connect(probe.as_raw_fd(), &UnixAddr::new(&self.socket)?).is_ok() {
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
            sleep(LOOK);
        }
    }

    fn terminate(&mut self) -> io::Result<ExitStatus> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(status);
        }
        // A process id is a positive i32 on Linux, and this one is not reaped, so it is nobody else's.
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM)?;
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > end {
                let text = format!("v4vd ignores SIGTERM for {} s", PATIENCE.as_secs());
                return Err(Error::new(io::ErrorKind::TimedOut, text));
            }
            sleep(LOOK);
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Err(error) = self.terminate() {
            eprintln!("{error}: killing it");
            // Fails only where it has just ended.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The `v4vd` in `folder`, a cargo profile's (`target/debug`, `target/release`). Where cargo runs the caller, cargo builds it
/// first unless it is up to date.
///
/// # Errors
/// Where cargo cannot be started, or the daemon does not build.
pub fn built_in(folder: &Path) -> io::Result<PathBuf> {
    if let Some(cargo) = env::var_os("CARGO") {
        build(cargo, folder)?;
    }
    Ok(folder.join("v4vd"))
}

fn build(cargo: OsString, folder: &Path) -> io::Result<()> {
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "-p", "v4v-hosted", "--bin", "v4vd"]);
    if folder.ends_with("release") {
        command.arg("--release");
    }
    if let Some(target) = folder.parent() {
        command.arg("--target-dir").arg(target);
    }
    if command.status()?.success() {
        Ok(())
    } else {
        Err(Error::other("v4vd does not build; cargo's message is above"))
    }
}

fn no_program(path: &Path, error: &Error) -> Error {
    let reason = format!(
        "cannot start {} ({error}): build it with cargo build -p v4v-hosted",
        path.display()
    );
    Error::new(error.kind(), reason)
}
