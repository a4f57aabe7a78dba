//! The original source archives of Debian's packages.

use super::cache::{Key, make};
use super::debian::{apt, output, run};
use super::store::{folder, fresh_folder};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Debian 12's source packages. Security updates come last: what they replace stays in the first suite until Debian's next
/// point release.
const LISTS: &str = "Types: deb-src
URIs: http://deb.debian.org/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb-src
URIs: http://deb.debian.org/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
";

/// The file that says which version an unpacked source is.
const VERSION: &str = ".version";

/// An unpacked source.
pub(crate) struct Source {
    pub(crate) tree: PathBuf,
    /// Its version as in Debian's changelog.
    pub(crate) version: String,
}

/// Fetches a package's original archive and unpacks it: `wanted`, or where the mirror has it no more, one that begins with
/// `release`.
pub(crate) fn fetch(package: &str, release: &str, wanted: &str) -> io::Result<Source> {
    let tree = folder(format!("source/{package}-{release}"))?;
    let stamp = tree.join(VERSION);
    let key = Key::new("source").text(package).text(release).text(wanted);
    make(&format!("source of {package} {release}"), &key, &stamp, || {
        let private = private_lists()?;
        run(apt(&["update"]).args(&private))?;
        let mut versions = served(package, release, &private)?;
        // A stable sort: the wanted one first, the others as the lists have them.
        versions.sort_by_key(|version| version != wanted);
        let mut last = io::Error::other(format!("Debian 12 has no source of {package} {release}"));
        for version in versions {
            match unpack(package, &version, &private, &tree) {
                Ok(()) => return fs::write(&stamp, version),
                Err(error) => last = error,
            }
        }
        Err(last)
    })?;
    Ok(Source {
        version: fs::read_to_string(stamp)?,
        tree,
    })
}

/// The versions of a release that the mirror's lists name.
fn served(package: &str, release: &str, private: &[String]) -> io::Result<Vec<String>> {
    let shown = output(
        Command::new("apt-cache")
            .args(private)
            .args(["showsrc", "--only-source", package]),
    )?;
    let versions = shown.lines().filter_map(|line| line.strip_prefix("Version: "));
    let begins = format!("{release}.");
    Ok(versions
        .filter(|version| version.starts_with(&begins))
        .map(str::to_owned)
        .collect())
}

fn unpack(package: &str, version: &str, private: &[String], tree: &Path) -> io::Result<()> {
    let fetched = fresh_folder(format!("fetched/{package}"))?;
    // Debian's own part of the source is not asked for: upstream's tree is what the patches are for.
    run(apt(&["source", "--download-only", "--tar-only"])
        .args(private)
        .arg(format!("{package}={version}"))
        .current_dir(&fetched))?;
    let archive = original(&fetched)?;
    if tree.exists() {
        fs::remove_dir_all(tree)?;
    }
    fs::create_dir_all(tree)?;
    run(Command::new("tar")
        .args(["--strip-components=1", "-xf"])
        .arg(archive)
        .arg("-C")
        .arg(tree))?;
    fs::remove_dir_all(fetched)
}

/// Options that let apt see source packages without a change to this machine's own lists.
fn private_lists() -> io::Result<Vec<String>> {
    let parts = folder("apt/parts")?;
    folder("apt/lists/partial")?;
    fs::write(parts.join("source.sources"), LISTS)?;
    Ok(vec![
        format!("-oDir::Etc::sourceparts={}", parts.display()),
        "-oDir::Etc::sourcelist=/dev/null".to_owned(),
        format!("-oDir::State::Lists={}", folder("apt/lists")?.display()),
    ])
}

fn original(folder: &Path) -> io::Result<PathBuf> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.to_string_lossy().contains(".orig.tar.") {
            return Ok(path);
        }
    }
    Err(io::Error::other("the source package holds no original archive"))
}
