//! `v4v stat`: what goes on between the domains of this host.

use crate::output::output;
use clap::Args;
use serde::Serialize;
use std::fs;
use std::io::{self, Write};
use v4vsock::stat::{DomainStat, RingStat, domains, rings};
use v4vsock::{Backend, backend};

/// Where a kernel module shows its sockets.
const PROC_FILE: &str = "/proc/net/v4v";

#[derive(Args)]
pub(crate) struct Options {
    /// One JSON object a line: a domain with its rings
    #[arg(long)]
    json: bool,
    /// Only the domains, not their rings
    #[arg(long)]
    domains: bool,
}

#[derive(Serialize)]
struct Domain {
    domain: u16,
    name: String,
    uid: u32,
    processes: u32,
    ring_count: u32,
    ring_bytes: u64,
    listeners: u32,
    calls_out: u64,
    calls_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    rings: Option<Vec<Ring>>,
}

#[derive(Serialize)]
struct Ring {
    port: u32,
    partner: Option<u16>,
    direct: bool,
    size: u32,
    used: u32,
    messages: u64,
    bytes: u64,
}

pub(crate) fn run(options: &Options) -> io::Result<()> {
    let mut out = output();
    if let Backend::Kernel { .. } = backend()? {
        return out.write_all(&fs::read(PROC_FILE)?);
    }
    let domains = domains()?;
    if domains.is_empty() {
        // On stderr: to a program no domains are no lines.
        eprintln!("v4v: there are no domains: no process has joined v4vd, or all have left");
    }
    for domain in domains {
        // A domain may go between the two questions; then it has no rings to show.
        let rings = if options.domains {
            None
        } else {
            Some(rings(domain.id).unwrap_or_default())
        };
        if options.json {
            serde_json::to_writer(&mut out, &record(domain, rings))?;
            writeln!(out)?;
        } else {
            table(&mut out, &domain, &rings.unwrap_or_default())?;
        }
    }
    Ok(())
}

fn record(domain: DomainStat, rings: Option<Vec<RingStat>>) -> Domain {
    Domain {
        domain: domain.id,
        name: domain.name,
        uid: domain.uid,
        processes: domain.processes,
        ring_count: domain.rings,
        ring_bytes: domain.bytes,
        listeners: domain.listeners,
        calls_out: domain.calls_out,
        calls_in: domain.calls_in,
        rings: rings.map(|all| all.into_iter().map(ring).collect()),
    }
}

fn ring(r: RingStat) -> Ring {
    let RingStat {
        port,
        partner,
        direct,
        size,
        used,
        messages,
        bytes,
    } = r;
    Ring {
        port,
        partner,
        direct,
        size,
        used,
        messages,
        bytes,
    }
}

fn table(out: &mut impl Write, domain: &DomainStat, rings: &[RingStat]) -> io::Result<()> {
    let DomainStat {
        id,
        name,
        uid,
        processes,
        rings: count,
        bytes,
        listeners,
        calls_out,
        calls_in,
    } = domain;
    writeln!(
        out,
        "domain {id} \"{name}\": uid {uid}, processes {processes}, rings {count}, {bytes} bytes of rings, descriptors: \
         listeners {listeners}, calls out {calls_out}, in {calls_in}"
    )?;
    if rings.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "  {:>10} {:>7} {:>6} {:>10} {:>10} {:>14} {:>18}",
        "port", "partner", "path", "size", "used", "messages", "bytes"
    )?;
    for r in rings {
        let partner = r.partner.map_or_else(|| "any".to_owned(), |p| p.to_string());
        let path = if r.direct { "direct" } else { "v4vd" };
        writeln!(
            out,
            "  {:>10} {partner:>7} {path:>6} {:>10} {:>10} {:>14} {:>18}",
            r.port, r.size, r.used, r.messages, r.bytes
        )?;
    }
    Ok(())
}
