//! The host's table of VM addresses, in xenstore.
//!
//! The administrator writes it in dom0, one key for each domain, its addresses separated by blanks, and makes it readable:
//!
//! ```text
//! xenstore-write /v4v/peers/7 "10.0.0.2 fd00::2"
//! xenstore-chmod -r /v4v r
//! ```
//!
//! (Keys are numbers because xenstore allows neither dots nor colons in them.) A guest reads it through `/dev/xen/xenbus`,
//! which as a rule only its root may open.

mod channel;
mod message;

use crate::address;
use crate::peer::{Domain, Peer};
use channel::Channel;
use std::io;
use std::path::Path;

/// The device through which a guest's programs talk to xenstore.
pub const DEVICE: &str = "/dev/xen/xenbus";
/// The directory of the table.
pub const DIRECTORY: &str = "/v4v/peers";
/// Domains that are read at most; a host has fewer.
const DOMAINS_MAX: usize = 4096;

/// What the table says.
#[derive(Debug, Default)]
pub struct Table {
    /// Its lines.
    pub peers: Vec<Peer>,
    /// A sentence for each entry that is none.
    pub mistakes: Vec<String>,
}

/// Reads the table.
///
/// # Errors
/// `NotFound` where there is no device or no table; `TimedOut` where xenstore does not answer; the system's others.
pub fn peers(device: &Path) -> io::Result<Table> {
    let mut channel = Channel::open(device)?;
    let mut table = Table::default();
    for key in channel.directory(DIRECTORY)?.into_iter().take(DOMAINS_MAX) {
        let path = format!("{DIRECTORY}/{key}");
        match channel.read(&path) {
            Ok(value) => table.add(&path, &key, &value),
            // It went between the two questions, or is not for this guest to read.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
                ) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(table)
}

impl Table {
    fn add(&mut self, path: &str, key: &str, value: &str) {
        let domain = match key.parse() {
            Ok(Domain::Id(id)) => Domain::Id(id),
            _ => {
                self.mistakes
                    .push(format!("xenstore: {path}: the key is no domain's number"));
                return;
            }
        };
        for text in value.split_ascii_whitespace() {
            match address::parse(text) {
                Ok(address) => self.peers.push(Peer::new(address, domain.clone())),
                Err(what) => self.mistakes.push(format!("xenstore: {path}: {what}")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_has_several_addresses_and_mistakes_are_named() {
        let mut table = Table::default();
        table.add("/v4v/peers/7", "7", "10.0.0.2 fd00::2 nonsense");
        table.add("/v4v/peers/gpu", "gpu", "10.0.0.3");
        assert_eq!(table.peers.len(), 2);
        assert!(table.peers.iter().all(|p| p.domain == Domain::Id(7)));
        assert_eq!(table.mistakes.len(), 2);
        assert!(table.mistakes[0].contains("nonsense") && table.mistakes[1].contains("/v4v/peers/gpu"));
    }
}
