//! `v4v stat`: what goes on between the domains of this host; in a guest, what goes on at its kernel's sockets.

mod hosted;
mod kernel;
mod rate;

use crate::output::output;
use clap::Args;
use rate::Pace;
use std::io::{self, IsTerminal, Write};
use std::thread::sleep;
use std::time::{Duration, Instant};
use v4vsock::{Backend, backend};

/// Clears a terminal and goes to its first line (ECMA-48: ED, CUP).
const CLEAR: &str = "\x1b[2J\x1b[H";

const AFTER: &str = "Hosted, each domain is shown with its rings, what went through them, and its open connections of descriptors (those of programs
that are not written for V4V, and of C), of which the kernel counts no bytes. In a guest, the kernel's sockets and counters: messages
and bytes both ways, waits (full, sleeps, parks), resets.";

#[derive(Args)]
#[command(after_help = AFTER)]
pub(crate) struct Options {
    /// One JSON object a line: a domain with its rings and connections, or the guest's kernel
    #[arg(long)]
    json: bool,
    /// Only the domains, not their rings and connections
    #[arg(long)]
    domains: bool,
    /// Show it again and again, every SECONDS [default: 1], with rates; on a terminal in place
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "1", value_parser = seconds)]
    watch: Option<Duration>,
    /// With --watch: end after so many times
    #[arg(long, value_name = "TIMES", requires = "watch", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|s| (0.05..=86_400.0).contains(s));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "write a number of seconds from 0.05 to 86400".to_owned())
}

/// What is shown, at one time.
enum Snapshot {
    Hosted(hosted::Snapshot),
    Kernel(v4vsock::stat::KernelStat),
}

impl Snapshot {
    fn take(options: &Options) -> io::Result<Self> {
        Ok(match backend()? {
            Backend::Kernel { .. } => Self::Kernel(v4vsock::stat::kernel()?),
            Backend::Hosted => Self::Hosted(hosted::Snapshot::take(options.domains)?),
        })
    }

    fn show(&self, out: &mut impl Write, json: bool, pace: Option<Pace<'_, Self>>) -> io::Result<()> {
        match self {
            Self::Hosted(now) => {
                let pace = pace.and_then(|pace| {
                    pace.of(|before| match before {
                        Self::Hosted(before) => Some(before),
                        Self::Kernel(_) => None,
                    })
                });
                if json {
                    now.json(out, pace)
                } else {
                    now.table(out, pace)
                }
            }
            Self::Kernel(now) => {
                let pace = pace.and_then(|pace| {
                    pace.of(|before| match before {
                        Self::Kernel(before) => Some(before),
                        Self::Hosted(_) => None,
                    })
                });
                if json {
                    kernel::json(out, now, pace)
                } else {
                    kernel::table(out, now, pace)
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Hosted(now) if now.is_empty())
    }
}

pub(crate) fn run(options: &Options) -> io::Result<()> {
    match options.watch {
        Some(period) => watch(options, period),
        None => once(options),
    }
}

fn once(options: &Options) -> io::Result<()> {
    let now = Snapshot::take(options)?;
    if now.is_empty() {
        // On stderr: to a program no domains are no lines.
        eprintln!("v4v: there are no domains: no process has joined v4vd, or all have left");
    }
    now.show(&mut output(), options.json, None)
}

/// Again and again. Where `v4vd` is gone, that is the end, as it is of a single look.
fn watch(options: &Options, period: Duration) -> io::Result<()> {
    let in_place = !options.json && io::stdout().is_terminal();
    let mut before: Option<(Snapshot, Instant)> = None;
    let mut left = options.count;
    loop {
        let (now, at) = (Snapshot::take(options)?, Instant::now());
        let pace = before
            .as_ref()
            .map(|(before, then)| Pace::new(before, at - *then));
        // Whole, so that a terminal does not flicker.
        let mut frame = Vec::new();
        if in_place {
            frame.extend(CLEAR.as_bytes());
        }
        now.show(&mut frame, options.json, pace)?;
        if !in_place && !options.json {
            frame.push(b'\n');
        }
        let mut out = output();
        out.write_all(&frame)?;
        out.flush()?;
        left = left.map(|left| left - 1);
        if left == Some(0) {
            return Ok(());
        }
        before = Some((now, at));
        sleep(period);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_a_number_of_seconds() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for bad in ["0", "-1", "soon", "NaN", "inf", "100000"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
