//! Many connections that nobody accepts, and the process that they wait at.

use crate::roles::{PORT, ready};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::fs::File;
use std::io;
use std::thread;
use std::time::Duration;
use v4vsock::{SocketOptions, V4vListener};

/// Ports that the crowd waits at, from [`PORT`] on.
const PORTS: u32 = 3;
/// Attempts at each of them.
const ATTEMPTS: u32 = 100;
/// The limit of descriptors of the process that they wait at.
const LIMIT: u64 = 256;
/// Files that it is to be able to open all the same: half of what it may have.
const FILES: usize = 128;

/// Listens, accepts nobody, and needs descriptors for something else once the crowd has come.
///
/// # Errors
/// Where it has none left.
pub(crate) fn crowded() -> io::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, LIMIT, most)?;
    let _listeners: Vec<V4vListener> = (0..PORTS)
        .map(|i| V4vListener::bind(PORT + i))
        .collect::<io::Result<_>>()?;
    ready()?;
    thread::sleep(Duration::from_secs(2));
    let files: Vec<File> = (0..FILES)
        .map(|_| File::open("/dev/null"))
        .collect::<io::Result<_>>()?;
    drop(files);
    Ok(())
}

/// Connects to every port of `server` and waits to be killed.
///
/// # Errors
/// Where an attempt cannot even begin.
pub(crate) fn crowd(server: &str) -> io::Result<()> {
    let mut attempts = Vec::new();
    for i in 0..PORTS * ATTEMPTS {
        let options = SocketOptions::new().nonblocking(true).receive_buffer(4096);
        attempts.push(options.connect_stream((server, PORT + i % PORTS))?);
    }
    ready()?;
    loop {
        thread::park();
    }
}
