//! `v4v`: netcat, NetPIPE, a proxy, unmodified programs, statistics and names over V4V.

mod nc;
mod netpipe;
mod output;
mod preload;
mod proxy;
mod relay;
mod resolve;
mod run;
mod stat;

use clap::{Parser, Subcommand};
use std::io;
use std::process::ExitCode;

/// Sockets between the domains of one host.
///
/// On Xen the sockets are the guest kernel's. Elsewhere a domain is a process: start `v4vd`, and give each process a name with
/// V4V_DOMAIN. An address is DOMAIN:PORT, with a domain's number or name: 3:5001, gpu:5001.
#[derive(Parser)]
#[command(name = "v4v", version, after_help = AFTER)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "Environment:
  V4V_DOMAIN   the name of the domain that this process joins (hosted; default pPID)
  V4V_SOCKET   the socket of v4vd (hosted)
  V4V_BACKEND  kernel, hosted or auto
  RUST_LOG     what is logged, e.g. debug

Exit codes: 0 done, 1 an error, 2 a mistake in the command line.";

#[derive(Subcommand)]
enum Command {
    /// Connects standard input and output to a port, as netcat does
    Nc(nc::Options),
    /// Measures latency and throughput over message sizes, as NetPIPE does
    Netpipe(netpipe::Options),
    /// Passes connections on between TCP and V4V, both ways
    Proxy(proxy::Options),
    /// Shows domains, their rings and what went through them
    Stat(stat::Options),
    /// Looks a domain up by name or number
    Resolve(resolve::Options),
    /// Runs an unmodified program, whose TCP connections to domains of this host go over V4V
    Run(run::Options),
}

/// The exit code for a mistake in the command line; clap has the same.
const MISTAKE: u8 = 2;

fn main() -> ExitCode {
    env_logger::init();
    let result = match Cli::parse().command {
        Command::Nc(options) => nc::run(&options),
        Command::Netpipe(options) => netpipe::run(&options),
        Command::Proxy(options) => proxy::run(options),
        Command::Stat(options) => stat::run(&options),
        Command::Resolve(options) => resolve::run(&options),
        Command::Run(options) => run::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("v4v: {error}");
            // An address or a number that cannot be is the caller's mistake, as a wrong option is.
            if error.kind() == io::ErrorKind::InvalidInput {
                ExitCode::from(MISTAKE)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}
