//! `cargo xtask demo`: two domains, three transports, one table.

use crate::workspace::{build_programs, program, target};
use clap::Args;
use std::fs;
use std::io;
use std::process::Command;
use v4v_hosted::spawn::Daemon;

#[derive(Args)]
pub(crate) struct Options {
    /// One JSON object a line (path, bytes, latency_us, mb_per_s, runs) instead of the table
    #[arg(long)]
    json: bool,
    /// Seconds for the sweep over all transports
    #[arg(long, default_value_t = 90.0, value_parser = seconds)]
    seconds: f64,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.1..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("seconds, from 0.1 to 3600".to_owned()),
    }
}

/// Builds, starts a daemon, sweeps, plots. Whether all went well.
pub(crate) fn run(options: &Options) -> io::Result<bool> {
    build_programs()?;
    let folder = target().join("demo");
    fs::create_dir_all(&folder)?;
    let socket = folder.join(format!("v4vd-{}.sock", std::process::id()));
    let daemon = Daemon::start(&program("v4vd"), socket, None)?;
    let mut sweep = Command::new(program("v4v-bench"));
    sweep.arg("sweep").arg("--paths").arg("v4v,unix,tcp");
    let paths = 3.0;
    sweep
        .arg("--budget")
        .arg(format!("{:.2}", options.seconds / paths))
        .arg("--plot")
        .arg(&folder);
    if options.json {
        sweep.arg("--json");
    }
    Ok(sweep
        .env("V4V_SOCKET", daemon.socket())
        .env("V4V_BACKEND", "hosted")
        .status()?
        .success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_at_all_is_refused_where_it_is_typed() {
        assert_eq!(seconds("0.1"), Ok(0.1));
        for wrong in ["0", "-1", "NaN", "3601", "soon"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
