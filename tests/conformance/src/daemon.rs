//! A `v4vd` of our own, for the V4V backend on a machine without AF_V4V.

use crate::names::{Folder, privileged};
use crate::pair::Role;
use nix::unistd::geteuid;
use std::fs;
use std::io;
use std::path::Path;
use v4v_hosted::spawn;

/// The user that a privileged pair's client becomes where the runner is root: `nobody`.
pub(crate) const UNPRIVILEGED: u32 = 65534;

/// A running daemon; dropping it stops it, and takes its folder away.
#[derive(Debug)]
pub(crate) struct Daemon {
    daemon: spawn::Daemon,
    _folder: Folder,
}

impl Daemon {
    /// Starts the daemon whose program lies beside `program`, which cargo builds first where this is cargo's doing.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub(crate) fn start(program: &Path) -> io::Result<Self> {
        let daemon = spawn::built_in(program.parent().unwrap_or_else(|| Path::new(".")))?;
        let folder = Folder::create()?;
        let policy = folder.path().join("policy.toml");
        fs::write(&policy, policy_text())?;
        Ok(Self {
            daemon: spawn::Daemon::start(&daemon, folder.path().join("v4vd"), Some(&policy))?,
            _folder: folder,
        })
    }

    /// Its socket, for `V4V_SOCKET`.
    pub(crate) fn socket(&self) -> &Path {
        self.daemon.socket()
    }
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
