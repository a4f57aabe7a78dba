//! Where the daemon listens.

use nix::unistd::{Uid, geteuid};
use std::env;
use std::path::PathBuf;
use std::sync::OnceLock;

/// The variable that overrides the path of the daemon's socket.
pub const SOCKET_VAR: &str = "V4V_SOCKET";
/// The variable that names the domain which a process joins.
pub const DOMAIN_VAR: &str = "V4V_DOMAIN";

/// Where root's daemon listens unless told otherwise, for root and those whom its policy lets in.
pub const ROOT_SOCKET: &str = "/run/v4vd.sock";

/// What [`SOCKET_VAR`] said when it was first asked for: servers clear their environment later.
fn given() -> Option<&'static PathBuf> {
    static GIVEN: OnceLock<Option<PathBuf>> = OnceLock::new();
    let read = || env::var_os(SOCKET_VAR).filter(|path| !path.is_empty());
    GIVEN.get_or_init(|| read().map(PathBuf::from)).as_ref()
}

/// Whether the user said where the daemon is, so that its path is no default.
#[must_use]
pub fn is_path_given() -> bool {
    given().is_some()
}

/// The daemon's socket: `$V4V_SOCKET`, else `/run/v4vd.sock` for root, else `v4vd.sock` in the user's runtime directory, else
/// `/tmp/v4vd-UID.sock`.
#[must_use]
pub fn socket_path() -> PathBuf {
    if let Some(path) = given() {
        return path.clone();
    }
    let uid = geteuid();
    if uid.is_root() {
        return ROOT_SOCKET.into();
    }
    match env::var_os("XDG_RUNTIME_DIR").filter(|p| !p.is_empty()) {
        Some(dir) => PathBuf::from(dir).join("v4vd.sock"),
        None => format!("/tmp/v4vd-{uid}.sock").into(),
    }
}

/// Whose path [`socket_path`] is, and what to do where nobody answers there: the end of a sentence.
#[must_use]
pub fn advice() -> String {
    advise(is_path_given(), geteuid())
}

fn advise(is_path_given: bool, uid: Uid) -> String {
    if is_path_given {
        format!("which {SOCKET_VAR} names: start it there with `v4vd`, or name another socket")
    } else if uid.is_root() {
        format!(
            "which belongs to root: start it with `v4vd`, or point {SOCKET_VAR} at the socket of another user's"
        )
    } else {
        format!(
            "which belongs to uid {uid}: start it with `v4vd`, or, if its policy lets you in, join root's with {SOCKET_VAR}={ROOT_SOCKET}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_says_whose_path_it_is() {
        let root = Uid::from_raw(0);
        assert!(advise(false, root).starts_with("which belongs to root: start it with `v4vd`"));
        let user = advise(false, Uid::from_raw(1000));
        assert!(user.starts_with("which belongs to uid 1000: start it"), "{user}");
        assert!(user.contains("V4V_SOCKET=/run/v4vd.sock"), "{user}");
        assert!(advise(true, root).starts_with("which V4V_SOCKET names"));
    }
}
