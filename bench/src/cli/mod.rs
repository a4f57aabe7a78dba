//! What the user types.

mod commands;

pub(crate) use commands::run;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use v4v_bench::measure::Cpus;
use v4v_bench::peer::End;
use v4v_bench::sizes;
use v4v_bench::transport::Path;

/// Measures V4V beside TCP loopback and AF_UNIX, always in one run on one machine
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print one JSON object per line instead of a table
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Ping-pong over all sizes of NetPIPE, with tables and plots
    Sweep(Sweep),
    /// One-way latency of short messages
    Latency {
        #[command(flatten)]
        common: Common,
        /// Message sizes, for example 1,64,4K
        #[arg(long, value_delimiter = ',', value_parser = sizes::parse, default_values = ["1", "8", "16", "32", "64"])]
        bytes: Vec<usize>,
    },
    /// Throughput of messages in one direction
    Stream {
        #[command(flatten)]
        common: Common,
        /// Message sizes
        #[arg(long, value_delimiter = ',', value_parser = sizes::parse, default_values = ["64K", "1M"])]
        bytes: Vec<usize>,
    },
    /// Messages per second in one direction, a call for each
    Rate {
        #[command(flatten)]
        common: Common,
        /// Message sizes
        #[arg(long, value_delimiter = ',', value_parser = sizes::parse, default_values = ["64"])]
        bytes: Vec<usize>,
    },
    /// Time to wake a receiver that has been asleep for 2.5 ms
    Wake {
        #[command(flatten)]
        common: Common,
    },
    /// Several pairs at once, each on one CPU, against one such pair
    Pairs(Pairs),
    /// Speed of the hardware: copies in L2 and from one core to the other
    Baseline,
    /// All speed targets in one run: what is required, and the "moonshot" that would be excellent
    Targets(Targets),
    /// Plot samples that were measured elsewhere: their JSON objects, one per line, from standard input
    Plot(Plot),
    /// Two revisions of the source against each other
    Compare(Compare),
    #[command(hide = true)]
    End {
        #[command(subcommand)]
        end: End,
    },
}

#[derive(Debug, Args)]
struct Common {
    #[command(flatten)]
    repeated: Repeated,
    /// Where the two ends run
    #[arg(long, value_enum, default_value_t = Cpus::Two)]
    cpus: Cpus,
}

#[derive(Debug, Args)]
struct Repeated {
    /// What to measure, side by side
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = [Path::V4v, Path::Unix, Path::Tcp])]
    paths: Vec<Path>,
    /// Repeats that the median is taken over
    #[arg(long, default_value_t = 7, value_parser = repeats)]
    repeats: usize,
    /// Milliseconds of each single measurement
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    time_ms: u64,
}

#[derive(Debug, Args)]
struct Sweep {
    /// What to measure, side by side
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = [Path::V4v, Path::Unix, Path::Tcp])]
    paths: Vec<Path>,
    /// Where the two ends run
    #[arg(long, value_enum, default_value_t = Cpus::Two)]
    cpus: Cpus,
    /// Runs at each size, of which the median counts
    #[arg(long, default_value_t = 5, value_parser = repeats)]
    runs: usize,
    /// Seconds for each path
    #[arg(long, default_value_t = 30.0, value_parser = seconds)]
    budget: f64,
    /// The longest message
    #[arg(long, default_value = "16M", value_parser = sizes::parse)]
    longest: usize,
    /// Bytes less and more at each size from 16 B on; 0 for none
    #[arg(long, default_value_t = sizes::PERTURBATION, value_parser = sizes::parse_perturbation)]
    perturbation: usize,
    /// Write sweep.svg and sweep.png into this folder
    #[arg(long)]
    plot: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Plot {
    /// The folder for the files
    folder: PathBuf,
    /// Their name, to which .svg and .png are added
    #[arg(long, default_value = "sweep")]
    stem: String,
    /// The path that the others are compared with
    #[arg(long, default_value = "v4v")]
    subject: String,
    /// What was measured
    #[arg(long, default_value = "Ping-pong over message size")]
    title: String,
    /// A line below the headline
    #[arg(long, default_value = "")]
    note: String,
    /// A path that was measured on another machine: the headline leaves it out
    #[arg(long)]
    elsewhere: Vec<String>,
}

#[derive(Debug, Args)]
struct Pairs {
    #[command(flatten)]
    repeated: Repeated,
    /// Pairs at once; the i-th runs on the i-th CPU, from the start again where there are fewer
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256))]
    pairs: u16,
    /// Length of the messages that each pair streams
    #[arg(long, default_value = "64K", value_parser = sizes::parse)]
    bytes: usize,
}

#[derive(Debug, Args)]
struct Targets {
    /// What is held against the targets
    #[arg(long, value_enum, default_value_t = Path::V4v)]
    path: Path,
    /// Repeats that the medians are taken over
    #[arg(long, default_value_t = 15, value_parser = repeats)]
    repeats: usize,
    /// Milliseconds of each single measurement
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    time_ms: u64,
    /// Fail unless every required figure is reached
    #[arg(long)]
    gate: bool,
}

#[derive(Debug, Args)]
struct Compare {
    /// A git revision, or . for the tree as it stands
    a: String,
    /// Another
    b: String,
    /// Rounds; ten tell differences from chance, three never do
    #[arg(long, default_value_t = 10, value_parser = repeats)]
    rounds: usize,
    /// The benchmark and its options, after --
    #[arg(last = true, default_values = ["latency", "--repeats", "3"])]
    benchmark: Vec<String>,
}

fn repeats(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=10_000) => Ok(count),
        _ => Err("a number from 1 to 10000".to_owned()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.01..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("seconds, from 0.01 to 86400".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
