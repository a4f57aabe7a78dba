//! `cargo xtask lab bench`: two guests, one boot, the sweep over AF_V4V and over the split driver.

mod figures;
mod pairs;
mod picture;
mod split;
mod v4v;

use super::build;
use super::domains::{Guest, Kind};
use super::machine::{Clock, Machine, Plan};
use super::xen::{self, Mode, Whose};
use clap::Args;
use figures::{table, together};
use std::io;
use std::time::Duration;

#[derive(Args)]
pub(crate) struct Options {
    /// One JSON object a line: path, bytes, latency_us, mb_per_s, pairs
    #[arg(long)]
    json: bool,
    /// Seconds for the sweep over V4V
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Greatest message in bytes
    #[arg(long, default_value_t = 1 << 20)]
    longest: usize,
    /// Also one pair of guests, then two, four … up to so many at once
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    pairs: u8,
}

/// MiB for Xen and dom0, and for each pair of guests.
const MEMORY: u32 = 2048;
const PAIR: u32 = 1024;

/// Seconds that several pairs measure.
const TOGETHER: u64 = 10;

/// How long either sweep may take beyond its seconds: the emulator's speed is not known beforehand.
const PATIENCE: Duration = Duration::from_secs(600);

/// Boots, measures both, shows both. Whether all went well.
pub(crate) fn run(options: &Options) -> io::Result<bool> {
    let built = build::all()?;
    let hypervisor = xen::build(Whose::Ours, Mode::Release)?;
    let machine = Machine::boot(&Plan {
        name: "bench",
        xen: &hypervisor,
        kernel: &built.kernel,
        images: &built.images,
        memory: MEMORY + PAIR * u32::from(options.pairs),
        clock: Clock::Host,
        counter: None,
        // Nobody reads what was in the memory before.
        parameters: "argo=1,mac-permissive=1 bootscrub=0",
        disk: None,
    })?;
    let link = machine.link();
    let guests = [Guest::start(link, Kind::Pv, 1)?, Guest::start(link, Kind::Pv, 2)?];
    let mut figures = v4v::sweep(link, &guests, options.seconds, options.longest)?;
    figures.extend(split::sweep(link, &guests, options.longest)?);
    picture::draw(&figures)?;
    if options.pairs > 1 {
        let mut guests = Vec::from(guests);
        for place in 3..=2 * options.pairs {
            guests.push(Guest::start(link, Kind::Pv, place)?);
        }
        figures.extend(pairs::sweep(link, &guests, TOGETHER)?);
    }
    if options.json {
        for figure in &figures {
            println!("{}", serde_json::to_string(figure)?);
        }
    } else {
        println!("{}", table(&figures));
        println!("{}", together(&figures));
    }
    Ok(!figures.is_empty())
}
