//! What a message costs while many pairs of guests talk at once: on one CPU, so that all of it is counted.
//!
//! A guest's own clock shows the others' time as well, so here the machine's count over a while is divided by the messages that
//! the guests' modules have sent in it.

use super::counter::{self, Counts};
use super::{PATIENCE, START};
use crate::lab::build;
use crate::lab::domains::{Guest, Kind};
use crate::lab::link::Program;
use crate::lab::machine::{Clock, Machine, Plan};
use crate::lab::xen::{self, Mode, Whose};
use serde::Serialize;
use std::io;

/// MiB for Xen, dom0 and what they keep free.
const MEMORY: u32 = 2048;

/// MiB for each pair.
const PAIR: u32 = 1024;

/// Seconds of the machine's clock, of 10^9 instructions, for each pair: long enough that the programs' start and end are less than a
/// hundredth.
const SECONDS: u32 = 3;

/// What a message took.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    /// Pairs that talked at once.
    pub(super) pairs: u8,
    /// Bytes of a message.
    pub(super) bytes: u64,
    /// Instructions of all that ran, for each message.
    pub(super) instructions: u64,
    /// This beside the same of one pair.
    pub(super) ratio: f64,
}

/// Counts with one pair, and with twice as many again and again up to `most`.
pub(super) fn count(whose: Whose, most: u8, bytes: u64) -> io::Result<Vec<Row>> {
    let built = build::all()?;
    let hypervisor = xen::build(whose, Mode::Release)?;
    let counter = counter::build()?;
    eprintln!(
        "lab: booting {} guests on a machine that counts; this takes minutes ...",
        2 * most
    );
    let machine = Machine::boot(&Plan {
        name: "count-pairs",
        xen: &hypervisor,
        kernel: &built.kernel,
        images: &built.images,
        memory: MEMORY + PAIR * u32::from(most),
        clock: Clock::Instructions { cpus: 1 },
        counter: Some(&counter),
        // Nobody reads what was in the memory before.
        parameters: "argo=1,mac-permissive=1 bootscrub=0",
        disk: None,
    })?;
    let mut guests = Vec::new();
    for place in 1..=2 * most {
        let guest = Guest::start(machine.link(), Kind::Pv, place)?;
        guest.sh("insmod /lib/v4v.ko", START)?;
        guests.push(guest);
        eprintln!("lab: {place} of {} guests run", 2 * most);
    }
    let pairs: Vec<[&Guest; 2]> = guests.chunks_exact(2).map(|pair| [&pair[0], &pair[1]]).collect();
    let mut rows: Vec<Row> = Vec::new();
    let sizes = std::iter::successors(Some(1), |n| Some(n * 2)).take_while(|n| *n <= most);
    for n in sizes {
        eprintln!("lab: counting with {n} pairs ...");
        let each = together(&machine, &pairs[..n.into()], bytes)?;
        let one = rows.first().map_or(each, |row| row.instructions as f64);
        rows.push(Row {
            pairs: n,
            bytes,
            instructions: each.round() as u64,
            ratio: each / one,
        });
    }
    Ok(rows)
}

/// Instructions for each message while these pairs talk.
fn together(machine: &Machine, pairs: &[[&Guest; 2]], bytes: u64) -> io::Result<f64> {
    let link = machine.link();
    let mut servers: Vec<Program> = Vec::new();
    for [_, host] in pairs {
        let server = link.start(&host.name, &["v4v", "netpipe"], PATIENCE)?;
        server.await_text("serving", START)?;
        servers.push(server);
    }
    let sent = messages(pairs)?;
    let before = Counts::read(machine)?;
    let mut clients = Vec::new();
    for [client, host] in pairs {
        let line = format!(
            "v4v netpipe {}:5002 --seconds {} --shortest {bytes} --longest {bytes} --perturbation 0 --json",
            host.domain,
            SECONDS * pairs.len() as u32,
        );
        clients.push(link.start(&client.name, &["sh", "-c", &line], PATIENCE)?);
    }
    for program in clients {
        program.wait()?.success("v4v netpipe")?;
    }
    let counts = Counts::read(machine)? - before;
    for server in servers {
        server.wait()?.success("v4v netpipe")?;
    }
    let sent = messages(pairs)? - sent;
    if sent == 0 {
        return Err(io::Error::other("the guests have sent nothing"));
    }
    Ok(counts.all() as f64 / sent as f64)
}

/// Messages that these guests' modules have sent so far.
fn messages(pairs: &[[&Guest; 2]]) -> io::Result<u64> {
    let mut sum = 0;
    for guest in pairs.iter().flatten() {
        let line = "awk '$1 == \"sends\" { print $2 }' /proc/net/v4v";
        let text = guest.sh(line, START)?;
        sum += text
            .trim()
            .parse::<u64>()
            .map_err(|_| io::Error::other(format!("no count of messages in {}: {text}", guest.name)))?;
    }
    Ok(sum)
}
