//! A process that opens connections until it has no descriptors left.

use crate::roles::connect;
use nix::libc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::fs;
use std::io;

/// Descriptors that it may open beyond those that it has. One connection does not take them evenly, so the last attempt of each
/// size fails at another point of its way.
const SPARE: std::ops::Range<u64> = 8..24;

/// Starves with each number of spare descriptors; an error unless every attempt ends with `EMFILE` and leaves no ring at the daemon.
///
/// # Errors
/// What was left, or ended otherwise.
pub(crate) fn starve(server: &str) -> io::Result<()> {
    let domain = v4vsock::local_domain()?;
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    for spare in SPARE {
        let open = fs::read_dir("/proc/self/fd")?.count() as u64;
        setrlimit(Resource::RLIMIT_NOFILE, open + spare, most)?;
        let mut streams = Vec::new();
        let error = loop {
            match connect(server) {
                Ok(stream) => streams.push(stream),
                Err(error) => break error,
            }
        };
        let held = rings(domain)?;
        setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
        if v4vsock::errno(&error) != Some(libc::EMFILE) {
            return Err(io::Error::other(format!("{spare} spare descriptors: {error}")));
        }
        let connections = u32::try_from(streams.len()).unwrap_or(u32::MAX);
        if held != connections {
            return Err(io::Error::other(format!(
                "{connections} connections, but v4vd holds {held} rings of this domain"
            )));
        }
    }
    Ok(())
}

fn rings(domain: u16) -> io::Result<u32> {
    let domains = v4vsock::stat::domains()?;
    Ok(domains.iter().filter(|d| d.id == domain).map(|d| d.rings).sum())
}
