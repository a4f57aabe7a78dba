//! A revision of the source tree: its programs, built, and its daemon, running.

use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use v4v_hosted::paths::SOCKET_VAR;
use v4v_hosted::spawn::Daemon;

/// The crates to build where a revision has them: the benchmark, and the daemon that V4V needs.
const PACKAGES: [&str; 2] = ["v4v-bench", "v4v-hosted"];

/// A built revision.
#[derive(Debug)]
pub(super) struct Revision {
    benchmark: PathBuf,
    /// Absent where the revision has none.
    daemon: Option<Daemon>,
}

impl Revision {
    /// Builds a revision (`.`: the tree as it stands) of the repository at `root` and starts its daemon.
    pub(super) fn build(root: &Path, revision: &str) -> Result<Self> {
        let programs = build(root, revision)?;
        let daemon = programs.join("v4vd");
        Ok(Self {
            benchmark: programs.join("v4v-bench"),
            daemon: if daemon.exists() {
                Some(crate::daemon::start(&daemon)?)
            } else {
                None
            },
        })
    }

    /// The benchmark program, pointed at its own daemon.
    pub(super) fn benchmark(&self) -> Command {
        let mut command = Command::new(&self.benchmark);
        if let Some(daemon) = &self.daemon {
            command.env(SOCKET_VAR, daemon.socket());
        }
        command
    }
}

/// The folder with a revision's programs.
fn build(root: &Path, revision: &str) -> Result<PathBuf> {
    let tree = if revision == "." {
        root.to_owned()
    } else {
        worktree(root, revision)?
    };
    let target = tree.join("target");
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--release", "--quiet", "--target-dir"])
        .arg(&target)
        .current_dir(&tree);
    let names = output(
        Command::new("cargo")
            .args(["metadata", "--no-deps", "--format-version=1"])
            .current_dir(&tree),
    )?;
    let has = |package: &&&str| names.contains(&format!("\"name\":\"{package}\""));
    cargo.args(PACKAGES.iter().filter(has).flat_map(|package| ["-p", package]));
    output(&mut cargo)?;
    Ok(target.join("release"))
}

/// An error where the repository at `root` has no such revision.
pub(super) fn check(root: &Path, revision: &str) -> Result<()> {
    if revision == "." {
        return Ok(());
    }
    commit(root, revision).map(drop)
}

/// The commit's id.
fn commit(root: &Path, revision: &str) -> Result<String> {
    let commit = format!("{revision}^{{commit}}");
    let mut parse = Command::new("git");
    let id = output(
        parse
            .args(["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])
            .current_dir(root),
    )
    .map_err(|_| Error::other(format!("git knows no revision '{revision}'")))?;
    Ok(id.trim().to_owned())
}

fn worktree(root: &Path, revision: &str) -> Result<PathBuf> {
    let id = commit(root, revision)?;
    let tree = root.join("target").join("compare").join(&id);
    if !tree.join("Cargo.toml").exists() {
        let mut add = Command::new("git");
        add.args(["worktree", "add", "--force", "--detach"])
            .arg(&tree)
            .arg(&id);
        output(add.current_dir(root))?;
    }
    Ok(tree)
}

/// Runs a command to its end; what it printed, or an error that names it and shows its complaint.
pub(super) fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command
        .stdin(Stdio::null())
        .output()
        .map_err(|e| Error::new(e.kind(), format!("{name}: {e}")))?;
    if !done.status.success() {
        let complaint = String::from_utf8_lossy(&done.stderr);
        return Err(Error::other(format!(
            "{name} failed ({}): {}",
            done.status,
            complaint.trim()
        )));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_shows_its_complaint() {
        let error = output(Command::new("git").args(["rev-parse", "--verify", "no-such-thing"]))
            .expect_err("unknown");
        assert!(error.to_string().starts_with("git failed"), "{error}");
    }
}
