//! The program's other life: one end of a connection, in a process of its own.

use super::job::Job;
use crate::cpu;
use crate::netpipe::{Client, serve};
use crate::transport::{Futex, Path, Tcp, Transport, Unix, V4v};
use clap::{Args, Subcommand};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use std::io::{self, BufRead, Write};

/// Which end to be.
#[derive(Clone, Debug, Subcommand)]
pub enum End {
    /// Listen, print the address, serve one connection
    Serve {
        /// Unique on this machine
        #[arg(long)]
        tag: String,
        /// What and where
        #[command(flatten)]
        place: Place,
    },
    /// Connect and do the jobs that come in on stdin
    Drive {
        /// As the serving end printed it
        #[arg(long)]
        address: String,
        /// What and where
        #[command(flatten)]
        place: Place,
    },
}

/// Where an end runs and what connects it.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// The transport
    #[arg(long)]
    path: Path,
    /// The CPU to stay on
    #[arg(long)]
    cpu: Option<usize>,
}

/// Is that end until its parent or its peer goes.
///
/// # Errors
/// Those of the transport and of pinning.
pub fn run(end: &End) -> io::Result<()> {
    let (End::Serve { place, .. } | End::Drive { place, .. }) = end;
    // An end whose parent has died would wait for its peer forever.
    set_pdeathsig(Signal::SIGKILL)?;
    place.cpu.map_or(Ok(()), cpu::pin)?;
    match place.path {
        Path::V4v => run_over::<V4v>(end),
        Path::Unix => run_over::<Unix>(end),
        Path::Tcp => run_over::<Tcp>(end),
        Path::Futex => run_over::<Futex>(end),
    }
}

fn run_over<T: Transport>(end: &End) -> io::Result<()> {
    match end {
        End::Serve { tag, .. } => {
            let (listener, address) = T::listen(tag)?;
            say(&address)?;
            serve(T::accept(listener)?)
        }
        End::Drive { address, .. } => drive(Client::new(T::connect(address)?)),
    }
}

fn drive<S: io::Read + Write>(mut client: Client<S>) -> io::Result<()> {
    say("connected")?;
    for line in io::stdin().lock().lines() {
        let job: Job = serde_json::from_str(&line?)?;
        say(&serde_json::to_string(&job.run(&mut client))?)?;
    }
    Ok(())
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
