//! `v4vd`: the hypervisor of V4VSockets for machines without Xen.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use v4v_hosted::daemon::limits::Capacity;
use v4v_hosted::daemon::{BadPolicy, Listener, Policy, Server};
use v4v_hosted::paths::socket_path;

/// The hypervisor of V4VSockets for a machine without Xen: every "domain" is a process, or several, attached to it.
///
/// It keeps the table of domains and rings, checks the policy and cleans up after the dead; data between two connected
/// sockets goes past it. It runs in the foreground until SIGTERM or SIGINT; SIGHUP makes it read the policy again.
#[derive(Debug, Parser)]
#[command(name = "v4vd", version, after_help = AFTER)]
struct Cli {
    /// Where to listen [default: $V4V_SOCKET, else /run/v4vd.sock for root, else v4vd.sock in $XDG_RUNTIME_DIR, else
    /// /tmp/v4vd-UID.sock]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// A TOML file: who may be which domain, who may talk to whom, and how much each may have
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Only read the policy file, say what is wrong with it, and exit
    #[arg(long, requires = "policy")]
    check_policy: bool,
    /// What is logged: off, error, warn, info, debug, trace, or a filter as in RUST_LOG, which counts where this is not given
    /// [default: info]
    #[arg(long, value_name = "LEVEL", value_parser = log_filter)]
    log: Option<String>,
}

const AFTER: &str = "Without --policy, root and the user who started v4vd may take any domain name, and every domain may talk to every
other. policy.example.toml, in the source tree beside v4vd, explains every key.

Try it:
  v4vd &
  V4V_DOMAIN=gpu v4v nc --listen 5001 &
  echo hello | v4v nc gpu:5001

Exit codes: 0 stopped by a signal, 1 it cannot run, 2 a mistake in the command line or in the policy.";

/// A level, or a filter. A word that is no level would be taken for a module's name, and silence all others.
fn log_filter(text: &str) -> Result<String, String> {
    if text.contains(['=', ',', '/', ':']) || text.parse::<log::LevelFilter>().is_ok() {
        Ok(text.to_owned())
    } else {
        Err("write off, error, warn, info, debug, trace, or a filter such as v4v_hosted=debug".to_owned())
    }
}

/// The exit code for a mistake of the user's.
const MISTAKE: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = cli.log.clone().or_else(|| std::env::var("RUST_LOG").ok());
    env_logger::Builder::new()
        .format_target(false)
        .parse_filters(filter.as_deref().unwrap_or("info"))
        .init();
    let owner = nix::unistd::geteuid().as_raw();
    if let Err(error) = load(cli.policy.as_deref(), owner) {
        eprintln!("v4vd: {error}");
        return ExitCode::from(MISTAKE);
    }
    if cli.check_policy {
        println!("the policy is sound");
        return ExitCode::SUCCESS;
    }
    match serve(cli, owner) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("v4vd: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(cli: Cli, owner: u32) -> std::io::Result<()> {
    let capacity = Capacity::of(raise_descriptors()?);
    log::debug!(
        "room for {} processes and {} rings",
        capacity.clients,
        capacity.rings
    );
    let listener = Listener::bind(&cli.socket.unwrap_or_else(socket_path))?;
    Server::new(listener, capacity, move || load(cli.policy.as_deref(), owner))?.run()
}

fn load(policy: Option<&Path>, owner: u32) -> Result<Policy, BadPolicy> {
    policy.map_or_else(|| Ok(Policy::open(owner)), |path| Policy::load(path, owner))
}

/// Takes all descriptors that this process may have; returns how many those are.
fn raise_descriptors() -> nix::Result<u64> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    Ok(hard)
}
