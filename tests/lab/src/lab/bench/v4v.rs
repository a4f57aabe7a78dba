//! `v4v netpipe` between two guests, over the kernel's AF_V4V.

use super::PATIENCE;
use super::figures::Figure;
use crate::lab::domains::Guest;
use crate::lab::link::Link;
use std::io;
use std::time::Duration;

/// How long the server may take to listen.
pub(super) const START: Duration = Duration::from_secs(60);

/// Loads the module, unless it is there.
pub(super) fn load(guest: &Guest) -> io::Result<()> {
    guest
        .sh("[ -e /proc/net/v4v ] || insmod /lib/v4v.ko", START)
        .map(drop)
}

pub(super) fn sweep(
    link: &Link,
    guests: &[Guest; 2],
    seconds: u64,
    longest: usize,
) -> io::Result<Vec<Figure>> {
    let [client, host] = guests;
    for guest in guests {
        load(guest)?;
    }
    let limit = Duration::from_secs(seconds) + PATIENCE;
    let server = link.start(&host.name, &["v4v", "netpipe"], limit)?;
    server.await_text("serving", START)?;
    eprintln!("lab: the sweep over AF_V4V ...");
    let line = format!(
        "v4v netpipe {}:5002 --seconds {seconds} --longest {longest} --json",
        host.domain
    );
    let rows = client.sh(&line, limit)?;
    server.wait()?.success("v4v netpipe")?;
    rows.lines()
        .map(|row| serde_json::from_str(row).map_err(io::Error::other))
        .collect()
}
