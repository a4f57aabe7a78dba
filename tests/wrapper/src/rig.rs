//! A `v4vd`, a policy, a folder: what one test needs.

use crate::built;
use crate::process::output;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use v4v_hosted::spawn::Daemon;

/// Everybody may join, since a server may become another user than the one who starts it.
const DAEMON_POLICY: &str = "unlisted = \"allow\"\n";

/// A daemon of the test's own, and a folder that goes with it.
pub struct Rig {
    daemon: Option<Daemon>,
    folder: PathBuf,
}

impl Rig {
    /// Starts the daemon.
    ///
    /// # Panics
    /// Where that cannot be.
    #[must_use]
    pub fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("v4v-wrapper-{name}-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).expect("a folder for all");
        let policy = folder.join("v4vd.toml");
        fs::write(&policy, DAEMON_POLICY).expect("a policy");
        let daemon = Daemon::start(&built("v4vd"), folder.join("v4vd.sock"), Some(&policy)).expect("v4vd");
        Self {
            daemon: Some(daemon),
            folder,
        }
    }

    /// A folder that any user may write to; it goes with the rig.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the daemon listens.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.join("v4vd.sock")
    }

    /// Kills the daemon.
    ///
    /// # Panics
    /// Where it was killed before.
    pub fn kill_daemon(&mut self) {
        let daemon = self.daemon.take().expect("a daemon");
        let pid = nix::unistd::Pid::from_raw(i32::try_from(daemon.pid()).expect("a pid"));
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("kill");
    }

    /// Connections that were opened to a domain by V4V, as `v4vd` counts them; 0 where there is no such domain.
    ///
    /// # Panics
    /// Where `v4v stat` fails, or says what it does not document.
    #[must_use]
    pub fn calls_to(&self, domain: &str) -> u64 {
        let mut stat = Command::new(built("v4v"));
        stat.args(["stat", "--json", "--domains"]);
        stat.env("V4V_SOCKET", self.socket()).env("V4V_BACKEND", "hosted");
        let lines = output(&mut stat);
        let objects = lines.lines().filter(|line| line.starts_with('{'));
        let all = objects.map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let found = all
            .filter(|d| d["name"] == domain)
            .map(|d| d["calls_in"].as_u64().expect("a count"));
        found.sum()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        drop(self.daemon.take());
        // Servers that became another user may have left files; the system's folder for temporary ones keeps those.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
