//! What `install.sh` puts down.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

/// The installation that all tests use. Left for the next run, which writes it anew.
pub(crate) struct Installed {
    pub(crate) prefix: PathBuf,
}

static INSTALLED: LazyLock<Installed> = LazyLock::new(Installed::install);

/// The folder of this crate.
pub(crate) fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder into which cargo builds.
fn target() -> PathBuf {
    // target/debug/deps/capi-…
    let me = env::current_exe().expect("a program");
    me.ancestors().nth(3).expect("cargo's folder").to_owned()
}

impl Installed {
    pub(crate) fn get() -> &'static Self {
        &INSTALLED
    }

    fn install() -> Self {
        let prefix = target().join("capi-test");
        // What an earlier run left must not pass for this one's.
        if prefix.exists() {
            fs::remove_dir_all(&prefix).expect("removed");
        }
        let said = install(&["--debug", "--prefix", prefix.to_str().expect("UTF-8")]);
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        Self { prefix }
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.prefix.join(below)
    }

    /// What pkg-config says.
    pub(crate) fn pkg_config(&self, argument: &str) -> Vec<String> {
        let said = Command::new("pkg-config")
            .arg(argument)
            .arg("v4vsock")
            .env("PKG_CONFIG_PATH", self.path("lib/pkgconfig"))
            .output()
            .expect("pkg-config is installed (Debian: pkgconf)");
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let text = String::from_utf8(said.stdout).expect("UTF-8");
        text.split_whitespace().map(str::to_owned).collect()
    }

    /// Compiles a C program as strictly as can be, against what is installed.
    pub(crate) fn compile(&self, source: &Path, name: &str) -> PathBuf {
        let program = self.path(name);
        let said = Command::new("cc")
            .args(["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror"])
            .args(self.pkg_config("--cflags"))
            .arg(source)
            .arg("-o")
            .arg(&program)
            .args(self.pkg_config("--libs"))
            .output()
            .expect("cc is installed");
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        program
    }
}

fn install(arguments: &[&str]) -> Output {
    Command::new(here().join("install.sh"))
        .args(arguments)
        .env("CARGO_TARGET_DIR", target())
        .output()
        .expect("sh is there")
}

#[test]
fn everything_is_in_its_place() {
    let installed = Installed::get();
    for file in [
        "bin/v4v",
        "sbin/v4vd",
        "include/v4vsock.h",
        "lib/libv4vsock.so.0.1.0",
        "lib/pkgconfig/v4vsock.pc",
        "share/man/man1/v4v.1",
        "share/man/man3/v4vsock.3",
        "share/man/man8/v4vd.8",
    ] {
        assert!(installed.path(file).is_file(), "{file}");
    }
    for (link, to) in [
        ("lib/libv4vsock.so.0", "libv4vsock.so.0.1.0"),
        ("lib/libv4vsock.so", "libv4vsock.so.0"),
    ] {
        assert_eq!(
            fs::read_link(installed.path(link)).expect("a link"),
            Path::new(to)
        );
    }
    assert_eq!(installed.pkg_config("--modversion"), ["0.1.0"]);
    for (program, option) in [("bin/v4v", "--version"), ("sbin/v4vd", "--version")] {
        assert!(
            Command::new(installed.path(program))
                .arg(option)
                .output()
                .expect("it runs")
                .status
                .success()
        );
    }
}

#[test]
fn a_destdir_goes_in_front_of_every_path_and_into_none_of_the_files() {
    let destdir = target().join("capi-destdir");
    let to = destdir.to_str().expect("UTF-8");
    let said = install(&[
        "--debug",
        "--prefix",
        "/usr",
        "--libdir",
        "/usr/lib/here",
        "--destdir",
        to,
    ]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let pc = fs::read_to_string(destdir.join("usr/lib/here/pkgconfig/v4vsock.pc")).expect("there");
    assert!(
        pc.contains("libdir=/usr/lib/here\n") && !pc.contains("capi-destdir") && !pc.contains('@'),
        "{pc}"
    );
    assert!(destdir.join("usr/lib/here/libv4vsock.so").exists() && destdir.join("usr/bin/v4v").exists());
    fs::remove_dir_all(destdir).expect("removed");
}

#[test]
fn mistakes_are_said() {
    for (arguments, part) in [
        (&["--prefix"][..], "needs a folder"),
        (&["--nonsense"], "what is --nonsense?"),
        (&["--prefix", "relative"], "absolute"),
        (&["--prefix", "/a b"], "spaces"),
    ] {
        let said = install(arguments);
        let text = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(
            said.status.code() == Some(2) && text.contains(part),
            "{arguments:?}: {text}"
        );
    }
}
