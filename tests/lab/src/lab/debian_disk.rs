//! A small Debian with the real programs that run between guests, as a disk that guests mount and write nothing to.

use super::cache::{Key, make};
use super::debian::{install, run};
use super::store::{folder, fresh_folder};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The programs, and what tests compile theirs with.
const PACKAGES: [&str; 17] = [
    "netpipe-tcp",
    "netpipe-openmpi",
    "iperf3",
    "redis-server",
    "redis-tools",
    "nginx-light",
    "curl",
    "wrk",
    "postgresql-15",
    "rsync",
    "openssh-server",
    "openssh-client",
    "memcached",
    "libmemcached-tools",
    "openmpi-bin",
    "gcc",
    "libopenmpi-dev",
];

/// The MPI program of the wrapper's hosted tests, and where it is in the disk.
const MPI_SOURCE: &str = include_str!("../../../wrapper/tests/programs/mpi.c");
const MPI_PROGRAM: &str = "/usr/local/bin/mpi";

/// Builds the disk. The first time it fetches some 200 MB.
pub(crate) fn build() -> io::Result<PathBuf> {
    let disk = folder("images")?.join("programs.squashfs");
    let key = Key::new(include_str!("debian_disk.rs")).text(MPI_SOURCE);
    make("a Debian with the programs that guests run", &key, &disk, || {
        install(&["mmdebstrap", "squashfs-tools"])?;
        let root = fresh_folder("programs")?;
        bootstrap(&root)?;
        compile(&root)?;
        ssh_without_questions(&root)?;
        pack(&root, &disk)?;
        fs::remove_dir_all(&root)
    })?;
    Ok(disk)
}

fn bootstrap(root: &Path) -> io::Result<()> {
    let mut command = Command::new("mmdebstrap");
    command
        .args(["--quiet", "--mode=root", "--variant=minbase"])
        .arg(format!("--include={}", PACKAGES.join(",")));
    for left_out in ["doc", "man", "locale", "info"] {
        command.arg(format!("--dpkgopt=path-exclude=/usr/share/{left_out}/*"));
    }
    run(command.arg("bookworm").arg(root))
}

/// Compiles the MPI program inside, where its compiler and its library belong together.
fn compile(root: &Path) -> io::Result<()> {
    fs::write(root.join("tmp/mpi.c"), MPI_SOURCE)?;
    let arguments = [
        "mpicc",
        "-O2",
        "-Wall",
        "-Werror",
        "-o",
        MPI_PROGRAM,
        "/tmp/mpi.c",
    ];
    run(Command::new("chroot").arg(root).args(arguments))
}

/// A key that root of every guest has and lets in: mpirun and scp ask nothing.
fn ssh_without_questions(root: &Path) -> io::Result<()> {
    let key = root.join("root/.ssh/id_ed25519");
    fs::create_dir_all(root.join("root/.ssh"))?;
    run(Command::new("chroot")
        .arg(root)
        .args([
            "ssh-keygen",
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-f",
            "/root/.ssh/id_ed25519",
        ])
        .stdin(Stdio::null()))?;
    fs::copy(key.with_extension("pub"), root.join("root/.ssh/authorized_keys"))?;
    fs::write(
        root.join("root/.ssh/config"),
        "Host *\n StrictHostKeyChecking no\n LogLevel ERROR\n",
    )
}

fn pack(root: &Path, disk: &Path) -> io::Result<()> {
    let mut command = Command::new("mksquashfs");
    command.arg(root).arg(disk);
    command.args(["-noappend", "-quiet", "-no-progress", "-comp", "lz4"]);
    run(command.stdout(Stdio::null()))
}
