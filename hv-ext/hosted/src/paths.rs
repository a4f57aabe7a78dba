//! Where the daemon listens.

use std::env;
use std::path::PathBuf;

/// The variable that overrides the path of the daemon's socket.
pub const SOCKET_VAR: &str = "V4V_SOCKET";
/// The variable that names the domain which a process joins.
pub const DOMAIN_VAR: &str = "V4V_DOMAIN";

/// Whether the user said where the daemon is, so that its path is no default.
#[must_use]
pub fn is_path_given() -> bool {
    env::var_os(SOCKET_VAR).is_some_and(|path| !path.is_empty())
}

/// The daemon's socket: `$V4V_SOCKET`, else `/run/v4vd.sock` for root, else `v4vd.sock` in the user's runtime directory, else
/// `/tmp/v4vd-UID.sock`.
#[must_use]
pub fn socket_path() -> PathBuf {
    if let Some(path) = env::var_os(SOCKET_VAR).filter(|p| !p.is_empty()) {
        return path.into();
    }
    let uid = nix::unistd::geteuid();
    if uid.is_root() {
        return "/run/v4vd.sock".into();
    }
    match env::var_os("XDG_RUNTIME_DIR").filter(|p| !p.is_empty()) {
        Some(dir) => PathBuf::from(dir).join("v4vd.sock"),
        None => format!("/tmp/v4vd-{uid}.sock").into(),
    }
}
