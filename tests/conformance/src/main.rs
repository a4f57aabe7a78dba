//! The command `v4v-conformance`: lists pairs, runs them, plays one side of one.

use clap::{Parser, Subcommand};
use nix::unistd::{Uid, setuid};
use std::env;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use v4v_conformance::backend::{self, NAMES};
use v4v_conformance::control::Control;
use v4v_conformance::runner::Runner;
use v4v_conformance::suite::{self, Case, cases};
use v4v_conformance::{Role, pairs, play};

/// What a socket user may rely on: pairs of a server and a client, on V4V and on the sockets that it is measured by
#[derive(Parser)]
#[command(name = "v4v-conformance", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Lists the pairs: name, backends, what is expected
    List,
    /// Runs pairs on this machine, both sides
    Run(Run),
    /// Plays one side of a pair; ends with 0 if all was as expected, 1 if not, 4 if the other side ended too early
    Side(Play),
}

#[derive(clap::Args)]
struct Run {
    /// Names of pairs; all of them if there is none
    names: Vec<String>,
    /// Only on this backend; may be repeated
    #[arg(long = "backend", value_name = "BACKEND")]
    backends: Vec<String>,
    /// Pairs at a time
    #[arg(long, value_name = "N", default_value_t = 1)]
    jobs: usize,
}

#[derive(clap::Args)]
struct Play {
    /// The pair's name
    name: String,
    /// server or client
    #[arg(long)]
    role: Role,
    /// The channel to the other side: "-" is standard input and output, tcp:HOST:PORT is where the server listens, dev:PATH a
    /// device
    #[arg(long, value_name = "ADDRESS")]
    control: String,
    /// The sockets to test; V4V's are the kernel's or hosted, as V4V_BACKEND says
    #[arg(long, default_value = NAMES[NAMES.len() - 1])]
    backend: String,
    /// Where AF_UNIX keeps its sockets' names, the same for both sides
    #[arg(long, value_name = "FOLDER", default_value_os_t = env::temp_dir())]
    folder: PathBuf,
    /// Become this user first, for a side that must not be root
    #[arg(long)]
    uid: Option<u32>,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::List => list(),
        Command::Run(run) => run.run(),
        Command::Side(side) => side.play(),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("v4v-conformance: {error}");
        ExitCode::from(2)
    })
}

fn list() -> io::Result<ExitCode> {
    let mut out = io::stdout().lock();
    for pair in pairs::all() {
        let backends: Vec<_> = NAMES
            .iter()
            .copied()
            .filter(|name| pair.on.holds_on(name))
            .collect();
        match writeln!(out, "{:30} {:14} {}", pair.name, backends.join(" "), pair.about) {
            // Whoever reads has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            outcome => outcome?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn unknown(name: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::NotFound,
        format!("no pair \"{name}\": see v4v-conformance list"),
    )
}

impl Run {
    fn run(&self) -> io::Result<ExitCode> {
        for name in &self.names {
            pairs::by_name(name).ok_or_else(|| unknown(name))?;
        }
        for name in &self.backends {
            backend::by_name(name, &env::temp_dir())?;
        }
        let all: Vec<Case> = cases().collect();
        let wanted: Vec<Case> = all.iter().copied().filter(|case| self.wants(case)).collect();
        let runner = Runner::new(env::current_exe()?);
        let passed = suite::run(&runner, &wanted, all.len() - wanted.len(), self.jobs);
        Ok(if passed {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    fn wants(&self, case: &Case) -> bool {
        let among = |names: &[String], name| names.is_empty() || names.iter().any(|n| n == name);
        among(&self.names, case.pair.name) && among(&self.backends, case.backend)
    }
}

impl Play {
    fn play(&self) -> io::Result<ExitCode> {
        let pair = pairs::by_name(&self.name).ok_or_else(|| unknown(&self.name))?;
        if let Some(uid) = self.uid {
            setuid(Uid::from_raw(uid))?;
        }
        let backend = backend::by_name(&self.backend, &self.folder)?;
        let control = Control::open(&self.control, self.role)?;
        Ok(ExitCode::from(play(pair, self.role, backend, control) as u8))
    }
}
