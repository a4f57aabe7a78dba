//! Debian's packages: some installed on this machine, some only unpacked for the images.

use super::cache::{Key, make};
use super::store::{folder, fresh_folder};
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The programs that the lab itself runs, and the packages that bring them.
const PROGRAMS: [(&str, &str); 11] = [
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("xz", "xz-utils"),
    ("zstd", "zstd"),
    ("depmod", "kmod"),
    ("make", "make"),
    ("gcc", "gcc"),
    ("ld", "binutils"),
    ("patch", "patch"),
    ("python3", "python3"),
    ("bison", "bison"),
    ("flex", "flex"),
];

/// Installs the programs that are missing.
pub(crate) fn install_programs() -> io::Result<()> {
    let missing: Vec<&str> = PROGRAMS
        .iter()
        .filter(|(program, _)| !found(program))
        .map(|&(_, package)| package)
        .collect();
    install(&missing)
}

/// Installs packages that are not there, by their exact names.
pub(crate) fn install(packages: &[&str]) -> io::Result<()> {
    let missing: Vec<&str> = packages
        .iter()
        .copied()
        .filter(|package| !installed(package))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("lab: installing {}", missing.join(" "));
    let mut command = apt(&["install", "--yes", "--no-install-recommends"]);
    command.args(&missing);
    if run(&mut command).is_ok() {
        return Ok(());
    }
    // The lists may be missing or older than the archive.
    run(&mut apt(&["update"]))?;
    run(&mut command)
}

/// Fetches packages and unpacks them into one folder, whose name is `tree`.
pub(crate) fn unpack(tree: &str, packages: &[&str]) -> io::Result<PathBuf> {
    let root = folder(tree)?;
    let key = Key::new("unpacked").text(&packages.join(" "));
    make(
        &format!("packages of {tree}"),
        &key,
        &root.join(".complete"),
        || {
            let fetched = fresh_folder(format!("fetched/{tree}"))?;
            let fetch = || run(apt(&["download"]).args(packages).current_dir(&fetched));
            fetch().or_else(|_| run(&mut apt(&["update"])).and_then(|()| fetch()))?;
            let root = fresh_folder(tree)?;
            for package in std::fs::read_dir(&fetched)? {
                run(Command::new("dpkg-deb").arg("-x").arg(package?.path()).arg(&root))?;
            }
            std::fs::remove_dir_all(&fetched)?;
            std::fs::write(root.join(".complete"), "")
        },
    )?;
    Ok(root)
}

/// The package that an unversioned kernel package stands for today, such as linux-image-6.1.0-50-amd64.
pub(crate) fn depends_on(package: &str) -> io::Result<String> {
    let ask = || output(Command::new("apt-cache").args(["depends", "--no-recommends", package]));
    let mut answer = ask()?;
    if answer.trim().is_empty() {
        run(&mut apt(&["update"]))?;
        answer = ask()?;
    }
    let name = answer
        .lines()
        .find_map(|line| line.trim().strip_prefix("Depends: "));
    name.map(str::to_owned)
        .ok_or_else(|| io::Error::other(format!("apt-cache does not know {package}")))
}

/// apt-get, without questions.
pub(crate) fn apt(args: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command
        .args(["-q", "-oDPkg::Lock::Timeout=600", "-oAPT::Sandbox::User=root"])
        .args(args);
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

fn found(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(system)
        .any(|folder| folder.join(program).is_file())
}

fn installed(package: &str) -> bool {
    let status = output(
        Command::new("dpkg-query")
            .args(["-W", "-f=${Status}", package])
            .stderr(Stdio::null()),
    );
    status.is_ok_and(|status| status.ends_with("ok installed"))
}

/// Runs a command to its end; its standard error is the person's.
pub(crate) fn run(command: &mut Command) -> io::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .map_err(|e| io::Error::other(format!("cannot start {program}: {e}")))?;
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("{command:?} ended with {status}")))
}

/// Runs a command and returns what it printed.
pub(crate) fn output(command: &mut Command) -> io::Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|e| io::Error::other(format!("cannot start {program}: {e}")))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
