//! A program's birth: with pipes, or with a terminal of its own.

use nix::pty::openpty;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use v4v_lab_agent::protocol::Stream;

/// A program that runs, and the ends of its input and output that are ours.
pub(crate) struct Spawned {
    pub(crate) child: Child,
    pub(crate) stdin: Box<dyn Write + Send>,
    pub(crate) outputs: Vec<(Stream, Box<dyn Read + Send>)>,
}

/// In a process group of its own, so that its children die with it.
pub(crate) fn on_pipes(argv: &[String]) -> io::Result<Spawned> {
    let (program, args) = split(argv)?;
    let mut command = Command::new(program);
    command
        .args(args)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let (Some(stdin), Some(out), Some(err)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(io::Error::other("no pipes"));
    };
    let outputs: Vec<(Stream, Box<dyn Read + Send>)> =
        vec![(Stream::Out, Box::new(out)), (Stream::Err, Box::new(err))];
    Ok(Spawned {
        child,
        stdin: Box::new(stdin),
        outputs,
    })
}

/// In a session of its own (busybox's `setsid -c`), which is a process group too, with a new terminal that controls it.
pub(crate) fn on_terminal(argv: &[String]) -> io::Result<Spawned> {
    split(argv)?;
    let pty = openpty(None, None)?;
    let slave = || pty.slave.try_clone().map(Stdio::from);
    let mut command = Command::new("setsid");
    command
        .arg("-c")
        .args(argv)
        .stdin(slave()?)
        .stdout(slave()?)
        .stderr(slave()?);
    let child = command.spawn()?;
    let master = File::from(pty.master);
    let outputs: Vec<(Stream, Box<dyn Read + Send>)> = vec![(Stream::Out, Box::new(master.try_clone()?))];
    Ok(Spawned {
        child,
        stdin: Box::new(master),
        outputs,
    })
}

fn split(argv: &[String]) -> io::Result<(&String, &[String])> {
    argv.split_first()
        .ok_or_else(|| io::Error::other("no program named"))
}
