//! `cargo xtask lab count`: instructions for each message between two guests, in a machine whose clock counts them.
//!
//! All of it counts: hypervisor, both kernels, both programs, on one CPU, with a receiver that has gone to sleep. One turn of a string
//! instruction counts as one, so long messages are mostly their copies. The figures do not depend on what else the host does, and
//! two runs differ by little (the host's words reach the guests at other moments), so a small change for the worse shows.

use super::build;
use super::domains::{Guest, Kind};
use super::machine::{Clock, Machine, Plan};
use super::xen::{self, Mode, Whose};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::io;
use std::time::Duration;

#[derive(Args)]
pub(crate) struct Options {
    /// One JSON object a line: bytes, instructions
    #[arg(long)]
    json: bool,
    /// Count on upstream's hypervisor and its Argo instead of ours
    #[arg(long)]
    upstream: bool,
}

/// Sizes of the messages that are counted, in bytes.
const SIZES: [u64; 4] = [1, 1024, 4096, 65536];

/// MiB for Xen, dom0 and two guests.
const MEMORY: u32 = 3072;

/// How long the host may take: a single emulated CPU that counts is slow.
const PATIENCE: Duration = Duration::from_secs(900);

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(120);

/// Seconds of the machine's own clock for the sweep, 10^9 instructions each.
const SECONDS: u32 = 2;

/// Instructions for a message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Count {
    /// Its bytes.
    pub(super) bytes: u64,
    /// On its one way.
    pub(super) instructions: u64,
}

/// A row of `v4v netpipe --json`.
#[derive(Deserialize)]
struct Row {
    bytes: u64,
    latency_us: f64,
}

/// Boots, counts, shows. Whether all sizes were counted.
pub(crate) fn run(options: &Options) -> io::Result<bool> {
    let whose = if options.upstream {
        Whose::Upstream
    } else {
        Whose::Ours
    };
    let counts = count(whose)?;
    for count in &counts {
        if options.json {
            println!("{}", serde_json::to_string(count)?);
        } else {
            println!(
                "{:>6} bytes: {:>8} instructions one way",
                count.bytes, count.instructions
            );
        }
    }
    Ok(counts.len() == SIZES.len())
}

/// Counts between two PV guests on this hypervisor's release build.
pub(super) fn count(whose: Whose) -> io::Result<Vec<Count>> {
    let built = build::all()?;
    let hypervisor = xen::build(whose, Mode::Release)?;
    eprintln!("lab: booting a machine that counts its instructions; this takes minutes ...");
    let machine = Machine::boot(&Plan {
        name: "count",
        xen: &hypervisor,
        kernel: &built.kernel,
        images: &built.images,
        memory: MEMORY,
        clock: Clock::Instructions,
        parameters: "argo=1,mac-permissive=1",
    })?;
    let link = machine.link();
    let [client, host] = [Guest::start(link, Kind::Pv, 1)?, Guest::start(link, Kind::Pv, 2)?];
    for guest in [&client, &host] {
        guest.sh("insmod /lib/v4v.ko", START)?;
    }
    let server = link.start(&host.name, &["v4v", "netpipe"], PATIENCE)?;
    server.await_text("serving", START)?;
    eprintln!("lab: counting ...");
    let line = format!(
        "v4v netpipe {}:5002 --seconds {SECONDS} --longest 64K --perturbation 0 --json",
        host.domain
    );
    let rows = client.sh(&line, PATIENCE)?;
    server.wait()?.success("v4v netpipe")?;
    let mut counts = Vec::new();
    for row in rows.lines() {
        let row: Row = serde_json::from_str(row)?;
        if SIZES.contains(&row.bytes) {
            counts.push(Count {
                bytes: row.bytes,
                // A nanosecond each.
                instructions: (row.latency_us * 1000.0).round() as u64,
            });
        }
    }
    Ok(counts)
}
