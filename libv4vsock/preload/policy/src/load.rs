//! Where a policy comes from, in order: the host's table, the file, the environment.

use crate::policy::{OnError, Policy};
use crate::{BadPolicy, environment, file, xenstore};
use std::io;
use std::path::{Path, PathBuf};

/// The file that is read where none is named; it need not be there.
pub const DEFAULT_FILE: &str = "/etc/v4v/wrapper.toml";

/// What [`load`] reads.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The file, and whether somebody named it: then it has to be there.
    pub file: Option<(PathBuf, bool)>,
    /// The device through which a guest talks to xenstore.
    pub xenbus: PathBuf,
}

impl Sources {
    /// Those of this process: the file that the environment names, or the default one.
    #[must_use]
    pub fn of_process() -> Self {
        Self::of(|name| std::env::var(name).ok())
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let file = match variable(environment::POLICY_VAR) {
            Some(name) if name.is_empty() => None,
            Some(name) => Some((name.into(), true)),
            None => Some((DEFAULT_FILE.into(), false)),
        };
        Self {
            file,
            xenbus: xenstore::DEVICE.into(),
        }
    }
}

/// A policy, or the mistake in it and what to do about that.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The policy; with a mistake the sentence about it.
    pub policy: Result<Policy, BadPolicy>,
    /// What a program does where there is a mistake.
    pub on_error: OnError,
    /// What was no mistake of the policy's but worth knowing: a host's table that could not be read.
    pub notes: Vec<String>,
}

/// Reads everything. What the environment says goes before the file, and the file before the host's table.
#[must_use]
pub fn load(sources: &Sources) -> Loaded {
    load_with(sources, |name| std::env::var(name).ok())
}

fn load_with(sources: &Sources, variable: impl Fn(&str) -> Option<String>) -> Loaded {
    let mut notes = Vec::new();
    let mut on_error = OnError::default();
    let mut read = || {
        let wish = environment::on_error(&variable)?;
        on_error = wish.unwrap_or_default();
        let text = file_text(sources)?;
        if let Some((path, text)) = &text {
            on_error = wish.or_else(|| file::on_error(text)).unwrap_or_default();
            return finish(sources, Some((path, text)), &variable, &mut notes);
        }
        finish(sources, None, &variable, &mut notes)
    };
    let policy = read();
    Loaded {
        policy,
        on_error,
        notes,
    }
}

fn file_text(sources: &Sources) -> Result<Option<(&Path, String)>, BadPolicy> {
    let Some((path, named)) = &sources.file else {
        return Ok(None);
    };
    match file::read(path) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !named => Ok(None),
        Err(error) => Err(BadPolicy(error.to_string())),
    }
}

fn finish(
    sources: &Sources,
    text: Option<(&Path, &String)>,
    variable: impl Fn(&str) -> Option<String>,
    notes: &mut Vec<String>,
) -> Result<Policy, BadPolicy> {
    let (mut policy, wants_xenstore) = match text {
        Some((path, text)) => {
            let contents = file::parse(text).map_err(|e| BadPolicy(format!("{}: {e}", path.display())))?;
            (contents.policy, contents.xenstore.unwrap_or(true))
        }
        None => (Policy::default(), true),
    };
    if wants_xenstore {
        add_host_table(&sources.xenbus, &mut policy, notes);
    }
    environment::apply(&mut policy, variable)?;
    Ok(policy)
}

/// The host's table is nobody's mistake here: where it cannot be read, the policy does without.
fn add_host_table(device: &Path, policy: &mut Policy, notes: &mut Vec<String>) {
    match xenstore::peers(device) {
        Ok(table) => {
            notes.extend(table.mistakes);
            for peer in table.peers {
                if policy.peer(peer.address).is_none() {
                    policy.set_peer(peer);
                }
            }
        }
        // A host that offers no table: xenstore forbids to look at what a guest could not have made.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
            ) => {}
        Err(error) => notes.push(format!("{}: no table of peers: {error}", device.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn nothing(_: &str) -> Option<String> {
        None
    }

    fn sources(text: &str) -> Sources {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "v4v-policy-{}-{}.toml",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        fs::write(&path, text).expect("a file");
        Sources {
            file: Some((path, true)),
            xenbus: "/nonexistent/xenbus".into(),
        }
    }

    #[test]
    fn a_mistake_names_file_and_line_and_what_to_do() {
        let sources = sources("on_error = \"refuse\"\nmode = \"of\"\n");
        let loaded = load_with(&sources, nothing);
        let path = &sources.file.as_ref().expect("a file").0;
        let said = loaded.policy.expect_err("a mistake").to_string();
        assert!(
            said.starts_with(&format!("{}: ", path.display())) && said.contains("line 2"),
            "{said}"
        );
        assert_eq!(loaded.on_error, OnError::Refuse);
    }

    #[test]
    fn the_environment_goes_before_the_file() {
        let sources = sources("[peers]\n\"10.0.0.2\" = 2\n\"10.0.0.3\" = 3\n");
        let loaded = load_with(&sources, |name| {
            (name == environment::PEERS_VAR).then(|| "10.0.0.2=9".to_owned())
        });
        let policy = loaded.policy.expect("a policy");
        let domains: Vec<_> = policy.peers().iter().map(|p| p.domain.to_string()).collect();
        assert_eq!(domains, ["9", "3"]);
    }

    #[test]
    fn only_a_named_file_has_to_be_there() {
        let missing = |named| Sources {
            file: Some(("/nonexistent/wrapper.toml".into(), named)),
            xenbus: "/nonexistent/xenbus".into(),
        };
        assert!(load_with(&missing(false), nothing).policy.is_ok());
        let said = load_with(&missing(true), nothing)
            .policy
            .expect_err("no file")
            .to_string();
        assert!(said.contains("/nonexistent/wrapper.toml"), "{said}");
    }
}
