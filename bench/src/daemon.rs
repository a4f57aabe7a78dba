//! A `v4vd` for the time of a measurement, where the user runs none.

use crate::peer::Launcher;
use crate::transport::Path as Transport;
use std::env;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use v4v_hosted::paths::{SOCKET_VAR, is_path_given, socket_path};
use v4v_hosted::spawn::Daemon;
use v4vsock::{Backend, backend};

/// Starts the daemon that `program` is, with a socket of its own.
///
/// # Errors
/// As [`Daemon::start`].
pub fn start(program: &Path) -> io::Result<Daemon> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("v4v-bench-{}-{count}.sock", std::process::id());
    Daemon::start(program, env::temp_dir().join(name), None)
}

/// A launcher for measurements over `paths`; where V4V is among them, has to be hosted and nobody serves it, with the daemon
/// that lies beside this program. That runs as long as what is returned with it.
///
/// # Errors
/// Where a daemon is needed and does not start. One that is not there is the ends' business: they say what to do.
pub fn launcher(paths: &[Transport]) -> io::Result<(Launcher, Option<Daemon>)> {
    let launcher = Launcher::this_program()?;
    let program = env::current_exe()?.with_file_name("v4vd");
    if !paths.contains(&Transport::V4v) || is_served()? || !program.exists() {
        return Ok((launcher, None));
    }
    let daemon = start(&program)?;
    Ok((launcher.with_env(SOCKET_VAR, daemon.socket()), Some(daemon)))
}

/// Whether V4V is there, or the user has said where it has to be.
fn is_served() -> io::Result<bool> {
    let refused = || {
        let error = UnixStream::connect(socket_path()).err();
        matches!(
            error.map(|e| e.kind()),
            Some(io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
        )
    };
    Ok(backend()? != Backend::Hosted || is_path_given() || !refused())
}
