//! The policy file: TOML, every mistake named with its line.

use crate::BadPolicy;
use crate::address;
use crate::peer::{Domain, Peer};
use crate::policy::{Mode, OnError, Policy};
use crate::ports::Ports;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use toml::Spanned;

/// The longest file that is read, in bytes: some ten thousand peers.
const FILE_MAX: u64 = 1 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    mode: Option<Mode>,
    /// [`on_error`] reads it, in a file with mistakes too; here it is only known and checked.
    #[serde(rename = "on_error")]
    _on_error: Option<OnError>,
    listen: Option<Ports>,
    xenstore: Option<bool>,
    #[serde(default)]
    peers: BTreeMap<Spanned<String>, RawPeer>,
}

/// `"10.0.0.2" = "gpu"`, or a table.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "no peer: write a domain (\"gpu\" or 7), or { domain = …, mode = …, ports = … }"
)]
enum RawPeer {
    Domain(Domain),
    Table(RawTable),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    domain: Domain,
    mode: Option<Mode>,
    ports: Option<Ports>,
}

/// What a file says.
pub(crate) struct Contents {
    pub(crate) policy: Policy,
    pub(crate) xenstore: Option<bool>,
}

/// Reads a file's text.
///
/// # Errors
/// `NotFound` and the system's others, with the file's name.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    let say = |e: io::Error| {
        io::Error::new(
            e.kind(),
            format!("{}: cannot read the policy: {e}", path.display()),
        )
    };
    let mut text = String::new();
    let file = File::open(path).map_err(say)?;
    file.take(FILE_MAX + 1).read_to_string(&mut text).map_err(say)?;
    if text.len() as u64 > FILE_MAX {
        return Err(say(io::Error::other(format!(
            "it is longer than {FILE_MAX} bytes"
        ))));
    }
    Ok(text)
}

/// Understands a file's text.
///
/// # Errors
/// [`BadPolicy`], with the line.
pub(crate) fn parse(text: &str) -> Result<Contents, BadPolicy> {
    let raw: RawFile = toml::from_str(text).map_err(|e| BadPolicy(e.to_string().trim_end().to_owned()))?;
    let mut policy = Policy::default();
    policy.mode = raw.mode.unwrap_or_default();
    policy.listen = raw.listen.unwrap_or_else(Ports::all);
    for (address, peer) in raw.peers {
        let line = line_of(text, address.span().start);
        let peer = self::peer(address.as_ref(), peer)
            .and_then(|peer| match policy.peer(peer.address) {
                Some(_) => Err(format!("{} is there twice", peer.address)),
                None => Ok(peer),
            })
            .map_err(|what| BadPolicy(format!("line {line}: {what}")))?;
        policy.set_peer(peer);
    }
    Ok(Contents {
        policy,
        xenstore: raw.xenstore,
    })
}

fn peer(address: &str, raw: RawPeer) -> Result<Peer, String> {
    let address = address::parse(address)?;
    Ok(match raw {
        RawPeer::Domain(domain) => Peer::new(address, domain),
        RawPeer::Table(table) => Peer {
            address,
            domain: table.domain,
            mode: table.mode,
            ports: table.ports.unwrap_or_else(Ports::all),
        },
    })
}

/// The line, from 1, that has the byte at `offset`.
fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|b| *b == b'\n').count()
}

/// What a file with a mistake says about mistakes: its line `on_error = "…"`, read without the rest.
pub(crate) fn on_error(text: &str) -> Option<OnError> {
    #[derive(Deserialize)]
    struct Line {
        on_error: OnError,
    }
    text.lines()
        .take_while(|line| !line.trim_start().starts_with('['))
        .find_map(|line| toml::from_str::<Line>(line).ok())
        .map(|line| line.on_error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Route;

    const WHOLE: &str = r#"
mode = "fallback"
on_error = "refuse"
listen = [80, "5000-5010"]
xenstore = false

[peers]
"10.0.0.2" = "gpu"
"10.0.0.3" = 7
"fd00::4" = { domain = "db", mode = "only", ports = [5432] }
"#;

    fn mistake(text: &str) -> String {
        parse(text).err().expect("a mistake").to_string()
    }

    #[test]
    fn every_key_is_understood() {
        let contents = parse(WHOLE).expect("a policy");
        assert_eq!(
            (on_error(WHOLE), contents.xenstore),
            (Some(OnError::Refuse), Some(false))
        );
        let policy = contents.policy;
        assert_eq!(policy.peers().len(), 3);
        assert!(policy.listen.contain(5003) && !policy.listen.contain(81));
        let domain = &Domain::Name("db".into());
        assert_eq!(
            policy.route("[fd00::4]:5432".parse().expect("an address")),
            Route::V4v {
                domain,
                fallback: false
            }
        );
    }

    #[test]
    fn the_example_says_the_defaults() {
        let text = include_str!("../../wrapper.example.toml");
        let example = parse(text).expect("a policy");
        assert_eq!(
            (on_error(text), example.xenstore),
            (Some(OnError::Continue), Some(true))
        );
        let (policy, default) = (example.policy, Policy::default());
        assert_eq!(
            (policy.mode, &policy.listen, policy.peers().len()),
            (default.mode, &default.listen, 4)
        );
    }

    #[test]
    fn what_is_shown_can_be_read_again() {
        let policy = parse(WHOLE).expect("a policy").policy;
        assert_eq!(parse(&policy.to_string()).expect("the same").policy, policy);
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        for (text, line, word) in [
            ("mode = \"of\"", "line 1", "of"),
            ("mode = \"off\"\nlisten = 70000", "line 2", "ports"),
            ("\n[peers]\n\"10.0.0\" = \"gpu\"", "line 3", "IP address"),
            ("[peers]\n\"10.0.0.2\" = \"g u\"", "line 2", "domain"),
            (
                "[peers]\n\"10.0.0.2\" = { domain = 3, prts = 1 }",
                "line 2",
                "domain",
            ),
            (
                "[peers]\n\"10.0.0.2\" = 1\n\"::ffff:10.0.0.2\" = 2",
                "line 3",
                "twice",
            ),
            ("modus = 1", "line 1", "modus"),
            ("[peers", "line 1", ""),
        ] {
            let said = mistake(text);
            assert!(said.contains(line) && said.contains(word), "{text}: {said}");
        }
    }

    #[test]
    fn what_to_do_about_a_mistake_is_read_beside_it() {
        assert_eq!(
            on_error("mode = 7\non_error = \"refuse\" # strict\n"),
            Some(OnError::Refuse)
        );
        assert_eq!(on_error("mode = 7\n"), None);
        assert_eq!(on_error("[peers]\non_error = \"refuse\"\n"), None);
    }
}
