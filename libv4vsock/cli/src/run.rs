//! `v4v run`: an unmodified program whose TCP connections go over V4V.

use crate::output::output;
use crate::preload;
use clap::Args;
use std::ffi::OsString;
use std::io::{self, Write};
use std::net::ToSocketAddrs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use v4v_wrapper_policy::{OnError, POLICY_VAR, Policy, Route, Sources, load};

/// What the loader puts before the C library.
const PRELOAD_VAR: &str = "LD_PRELOAD";

#[derive(Args)]
pub(crate) struct Options {
    /// The policy, instead of /etc/v4v/wrapper.toml
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Run no program, but say what a connect to this address would do
    #[arg(long, value_name = "HOST:PORT")]
    explain: Option<String>,
    /// Run no program, but print the whole policy: the file's, the environment's and the host's table
    #[arg(long)]
    show_policy: bool,
    /// The program and its arguments
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "PROGRAM",
        required_unless_present_any = ["explain", "show_policy"]
    )]
    program: Vec<OsString>,
}

pub(crate) fn run(options: &Options) -> io::Result<()> {
    let mut sources = Sources::of_process();
    if let Some(path) = &options.policy {
        sources.file = Some((std::path::absolute(path)?, true));
    }
    let loaded = load(&sources);
    for note in &loaded.notes {
        eprintln!("v4v: {note}");
    }
    let policy = match (loaded.policy, loaded.on_error) {
        (Ok(policy), _) => policy,
        (Err(mistake), OnError::Continue) if !options.program.is_empty() => {
            eprintln!("v4v: the program runs without V4V, because of its policy: {mistake}");
            return start(&options.program, |_| Ok(()));
        }
        (Err(mistake), _) => return Err(io::Error::new(io::ErrorKind::InvalidInput, mistake)),
    };
    if let Some(address) = &options.explain {
        explain(&policy, address)?;
    }
    if options.show_policy {
        write!(output(), "{policy}")?;
    }
    if options.program.is_empty() {
        return Ok(());
    }
    start(&options.program, |command| {
        wrap(command, options.policy.as_deref())
    })
}

/// Becomes the program; comes back only where that cannot be.
fn start(program: &[OsString], prepare: impl FnOnce(&mut Command) -> io::Result<()>) -> io::Result<()> {
    let Some((name, arguments)) = program.split_first() else {
        return Ok(());
    };
    let mut command = Command::new(name);
    command.args(arguments);
    prepare(&mut command)?;
    let error = command.exec();
    Err(io::Error::new(
        error.kind(),
        format!("cannot run {}: {error}", name.display()),
    ))
}

/// Has the loader put the wrapper before the C library, and before what others have put there.
fn wrap(command: &mut Command, policy: Option<&Path>) -> io::Result<()> {
    preload::warn_of(Path::new(command.get_program()));
    let mut libraries = preload::library()?.into_os_string();
    if let Some(others) = std::env::var_os(PRELOAD_VAR).filter(|o| !o.is_empty()) {
        libraries.push(":");
        libraries.push(others);
    }
    command.env(PRELOAD_VAR, libraries);
    if let Some(policy) = policy {
        command.env(POLICY_VAR, std::path::absolute(policy)?);
    }
    Ok(())
}

/// Says for each address of a host what a connect would do.
fn explain(policy: &Policy, address: &str) -> io::Result<()> {
    let addresses = address.to_socket_addrs().map_err(|error| {
        let text = format!("{address}: {error}: write HOST:PORT, as in 10.0.0.2:80");
        io::Error::new(io::ErrorKind::InvalidInput, text)
    })?;
    let mut out = output();
    for address in addresses {
        match policy.route(address) {
            Route::Tcp(why) => writeln!(out, "{address}: TCP, because {why}")?,
            Route::V4v { domain, fallback } => {
                let otherwise = if fallback { "TCP" } else { "an error" };
                let port = address.port();
                writeln!(
                    out,
                    "{address}: V4V, port {port} of domain {domain}; {otherwise} where V4V refuses"
                )?;
            }
        }
    }
    Ok(())
}
