//! `cargo xtask lab count`: instructions for each message between two guests, in a machine whose clock counts them.
//!
//! All of it counts: hypervisor, both kernels, both programs, on one CPU, with a receiver that has gone to sleep. One turn of a string
//! instruction counts as one, so they are told apart. The figures do not depend on what else the host does, and
//! two runs differ by little (the host's words reach the guests at other moments), so a small change for the worse shows.

mod baseline;
mod counter;
mod pairs;
mod profile;

use super::build;
use super::debian::output;
use super::domains::{Guest, Kind};
use super::machine::{Clock, Machine, Plan};
use super::xen::{self, Mode, Whose};
use clap::Args;
use counter::Counts;
use profile::Symbols;
use serde::{Deserialize, Serialize};
use std::io;
use std::process::Command;
use std::time::Duration;

#[derive(Args)]
pub(crate) struct Options {
    /// One JSON object a line: bytes, instructions
    #[arg(long)]
    json: bool,
    /// Fail where a message takes more than the baseline in tests/lab/counts.json says
    #[arg(long, conflicts_with = "upstream")]
    gate: bool,
    /// Also the functions that take most, on stderr
    #[arg(long)]
    profile: bool,
    /// Count on upstream's hypervisor and its Argo instead of ours
    #[arg(long)]
    upstream: bool,
    /// On two CPUs, with a receiver that still spins when the message comes (the module's spin_us)
    #[arg(long, conflicts_with = "gate")]
    spin: bool,
    /// With one pair of guests, then two, four … up to so many, at --bytes
    #[arg(long, conflicts_with_all = ["gate", "spin", "profile"], value_parser = clap::value_parser!(u8).range(1..=16))]
    pairs: Option<u8>,
    /// Bytes of a message with --pairs
    #[arg(long, default_value_t = 1, requires = "pairs")]
    bytes: u64,
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

/// Functions that a profile shows.
const ROWS: usize = 60;

/// What the receiver does when a message comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Receiver {
    /// It has gone to sleep; one CPU is all there is.
    Sleeps,
    /// It looks, on a CPU of its own.
    Spins,
}

impl Receiver {
    /// CPUs of the machine.
    fn cpus(self) -> u8 {
        match self {
            Self::Sleeps => 1,
            Self::Spins => 2,
        }
    }

    /// The module's parameters.
    fn parameters(self) -> &'static str {
        match self {
            Self::Sleeps => "",
            Self::Spins => "spin_us=200",
        }
    }
}

/// Instructions for a message on its one way.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Count {
    /// Its bytes.
    pub(super) bytes: u64,
    /// All of them.
    pub(super) instructions: u64,
    /// Those of Xen.
    pub(super) hypervisor: u64,
    /// Those of both guests' kernels (and dom0's, which sleeps).
    pub(super) kernel: u64,
    /// Those of programs.
    pub(super) user: u64,
    /// Of all: turns of string instructions, which are copies.
    pub(super) repeated: u64,
    /// What ran from the program's start to its end.
    #[serde(skip)]
    total: u64,
}

/// A row of `v4v netpipe --json`.
#[derive(Deserialize)]
struct Row {
    bytes: u64,
    latency_us: f64,
}

/// Boots, counts, shows.
pub(crate) fn run(options: &Options) -> io::Result<bool> {
    let whose = if options.upstream {
        Whose::Upstream
    } else {
        Whose::Ours
    };
    if let Some(most) = options.pairs {
        return show_pairs(&pairs::count(whose, most, options.bytes)?, options.json);
    }
    let receiver = if options.spin {
        Receiver::Spins
    } else {
        Receiver::Sleeps
    };
    let counts = count(whose, receiver, options.profile)?;
    if !options.json {
        println!("instructions for a message, one way");
        println!(
            "{:>8} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "bytes", "all", "Xen", "kernels", "programs", "no copies"
        );
    }
    for count in &counts {
        if options.json {
            println!("{}", serde_json::to_string(count)?);
        } else {
            println!(
                "{:>8} {:>9} {:>9} {:>9} {:>9} {:>9}",
                count.bytes,
                count.instructions,
                count.hypervisor,
                count.kernel,
                count.user,
                count.instructions - count.repeated
            );
        }
    }
    if options.gate {
        baseline::check(&counts)?;
    }
    Ok(true)
}

fn show_pairs(rows: &[pairs::Row], json: bool) -> io::Result<bool> {
    if !json {
        println!("instructions for a message, of all that ran, while several pairs of guests talk");
        println!(
            "{:>6} {:>8} {:>13} {:>8}",
            "pairs", "bytes", "instructions", "ratio"
        );
    }
    for row in rows {
        if json {
            println!("{}", serde_json::to_string(row)?);
        } else {
            println!(
                "{:>6} {:>8} {:>13} {:>8.3}",
                row.pairs, row.bytes, row.instructions, row.ratio
            );
        }
    }
    Ok(true)
}

/// The step of `cargo xtask test --lab`: no message takes more than the baseline says.
pub(super) fn gate() -> io::Result<()> {
    let counts = count(Whose::Ours, Receiver::Sleeps, false)?;
    for count in &counts {
        println!("{} bytes: {} instructions", count.bytes, count.instructions);
    }
    baseline::check(&counts)
}

/// Counts between two PV guests on this hypervisor's release build.
pub(super) fn count(whose: Whose, receiver: Receiver, profiled: bool) -> io::Result<Vec<Count>> {
    let built = build::all()?;
    let hypervisor = xen::build(whose, Mode::Release)?;
    let counter = counter::build()?;
    eprintln!("lab: booting a machine that counts its instructions; this takes minutes ...");
    let machine = Machine::boot(&Plan {
        name: "count",
        xen: &hypervisor,
        kernel: &built.kernel,
        images: &built.images,
        memory: MEMORY,
        clock: Clock::Instructions {
            cpus: receiver.cpus(),
        },
        counter: Some(&counter),
        parameters: "argo=1,mac-permissive=1",
        disk: None,
    })?;
    let link = machine.link();
    let guests = [Guest::start(link, Kind::Pv, 1)?, Guest::start(link, Kind::Pv, 2)?];
    for (cpu, guest) in guests.iter().enumerate() {
        guest.sh(&format!("insmod /lib/v4v.ko {}", receiver.parameters()), START)?;
        if receiver == Receiver::Spins {
            link.dom0(&format!("xl vcpu-pin {} 0 {cpu}", guest.name), START)?;
        }
    }
    let of_xen = output(Command::new("nm").arg(hypervisor.with_file_name("xen-syms")))?;
    let mut counts = Vec::new();
    for bytes in SIZES {
        eprintln!("lab: counting at {bytes} bytes ...");
        let blocks = counter::blocks(&machine)?;
        let count = one_size(&machine, &guests, bytes)?;
        if profiled {
            let blocks = profile::difference(&blocks, &counter::blocks(&machine)?);
            let of_kernel = guests[0].sh(&profile::question(&blocks), PATIENCE)?;
            let symbols = Symbols::new(&of_xen, &of_kernel);
            let messages = count.total as f64 / count.instructions as f64;
            eprintln!("{}", profile::table(&symbols, &blocks, messages, ROWS));
        }
        counts.push(count);
    }
    Ok(counts)
}

/// One size: how long a message takes on the clock that counts, and whose the instructions were meanwhile.
fn one_size(machine: &Machine, [client, host]: &[Guest; 2], bytes: u64) -> io::Result<Count> {
    let link = machine.link();
    let server = link.start(&host.name, &["v4v", "netpipe"], PATIENCE)?;
    server.await_text("serving", START)?;
    let before = Counts::read(machine)?;
    let line = format!(
        "v4v netpipe {}:5002 --seconds {SECONDS} --shortest {bytes} --longest {bytes} --perturbation 0 --json",
        host.domain
    );
    let rows = client.sh(&line, PATIENCE)?;
    let counts = Counts::read(machine)? - before;
    server.wait()?.success("v4v netpipe")?;
    let row = rows.lines().next().unwrap_or_default();
    let row: Row = serde_json::from_str(row).map_err(|e| io::Error::other(format!("{e}: {rows}")))?;
    // A nanosecond each.
    let instructions = row.latency_us * 1000.0;
    let share = |part: u64| (instructions * part as f64 / counts.all() as f64).round() as u64;
    Ok(Count {
        bytes: row.bytes,
        instructions: instructions.round() as u64,
        hypervisor: share(counts.hypervisor),
        kernel: share(counts.kernel),
        user: share(counts.user),
        repeated: share(counts.repeated),
        total: counts.all(),
    })
}
