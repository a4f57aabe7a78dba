//! A `v4vd` of our own, for the V4V backend on a machine without AF_V4V.

use crate::names::{Folder, privileged};
use crate::pair::Role;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use std::env;
use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long the daemon may take to listen, and to stop.
const PATIENCE: Duration = Duration::from_secs(20);

/// The user that a privileged pair's client becomes where the runner is root: `nobody`.
pub(crate) const UNPRIVILEGED: u32 = 65534;

/// A running daemon; dropping it stops it.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    socket: PathBuf,
    _folder: Folder,
}

impl Daemon {
    /// Starts the daemon whose program lies beside `program`, which cargo builds first where this is cargo's doing.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub(crate) fn start(program: &Path) -> io::Result<Self> {
        let daemon = program.with_file_name("v4vd");
        if let Some(cargo) = env::var_os("CARGO") {
            build(Path::new(&cargo), &daemon)?;
        }
        let folder = Folder::create()?;
        let (socket, policy) = (folder.path().join("v4vd"), folder.path().join("policy.toml"));
        fs::write(&policy, policy_text())?;
        let child = Command::new(&daemon)
            .args(["--log", "warn", "--socket"])
            .arg(&socket)
            .arg("--policy")
            .arg(&policy)
            .spawn()
            .map_err(|error| no_program(&daemon, &error))?;
        let mut this = Self {
            child,
            socket,
            _folder: folder,
        };
        this.await_socket()?;
        Ok(this)
    }

    /// Its socket, for `V4V_SOCKET`.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    fn await_socket(&mut self) -> io::Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            // The daemon speaks SOCK_SEQPACKET, so a stream that is refused for its type proves that it listens.
            match UnixStream::connect(&self.socket) {
                Err(error) if error.raw_os_error() == Some(libc::EPROTOTYPE) => return Ok(()),
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
            sleep(Duration::from_millis(10));
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
                eprintln!("v4vd ignored SIGTERM for {} s: killing it", PATIENCE.as_secs());
                // Fails only where it has just ended.
                let _ = self.child.kill();
            }
            sleep(Duration::from_millis(5));
        }
    }
}

/// Builds `daemon` where it belongs, `TARGET/PROFILE/v4vd`, unless it is up to date.
fn build(cargo: &Path, daemon: &Path) -> io::Result<()> {
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "-p", "v4v-hosted", "--bin", "v4vd"]);
    if let Some(profile) = daemon.parent() {
        if profile.ends_with("release") {
            command.arg("--release");
        }
        if let Some(target) = profile.parent() {
            command.arg("--target-dir").arg(target);
        }
    }
    if command.status()?.success() {
        Ok(())
    } else {
        Err(io::Error::other("v4vd does not build"))
    }
}

fn no_program(path: &Path, error: &io::Error) -> io::Error {
    let reason = format!(
        "cannot start {} ({error}): build it with cargo build -p v4v-hosted",
        path.display()
    );
    io::Error::new(error.kind(), reason)
}

/// Everybody talks to everybody; of a privileged pair's two domains the server's alone may bind privileged ports, and the
/// client's belongs to a user who is not root.
fn policy_text() -> String {
    let user = if geteuid().is_root() {
        UNPRIVILEGED
    } else {
        geteuid().as_raw()
    };
    let [server, client] = Role::BOTH.map(privileged);
    format!("[domain.{server}]\nprivileged_ports = true\n\n[domain.{client}]\nuid = {user}\n")
}
