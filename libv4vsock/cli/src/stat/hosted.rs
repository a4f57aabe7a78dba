//! `v4vd`'s domains: their rings, and their connections of descriptors.

use super::rate::Pace;
use serde::Serialize;
use std::io::{self, Write};
use v4vsock::stat::{CallStat, DomainStat, RingStat, calls, domains, rings};

/// All domains, at one time.
pub(super) struct Snapshot(Vec<Domain>);

struct Domain {
    stat: DomainStat,
    /// `None`: they were not asked for.
    parts: Option<Parts>,
}

struct Parts {
    rings: Vec<RingStat>,
    /// Open connections at either end of which the domain is.
    calls: Vec<CallStat>,
}

#[derive(Serialize)]
struct DomainRecord<'a> {
    domain: u16,
    name: &'a str,
    uid: u32,
    processes: u32,
    ring_count: u32,
    ring_bytes: u64,
    listeners: u32,
    calls_out: u64,
    calls_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    rings: Option<Vec<RingRecord>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calls: Option<Vec<CallRecord>>,
}

#[derive(Serialize)]
struct RingRecord {
    port: u32,
    partner: Option<u16>,
    direct: bool,
    size: u32,
    used: u32,
    messages: u64,
    bytes: u64,
    #[serde(flatten)]
    rates: Option<Rates>,
}

#[derive(Clone, Copy, Serialize)]
struct Rates {
    messages_per_s: f64,
    bytes_per_s: f64,
}

#[derive(Serialize)]
struct CallRecord {
    from: String,
    to: String,
}

impl Snapshot {
    pub(super) fn take(domains_only: bool) -> io::Result<Self> {
        // First, so that a call that is counted is listed, too, as long as it is open.
        let domains = domains()?;
        let open = if domains_only { Vec::new() } else { calls()? };
        let parts = |stat: &DomainStat| Parts {
            // A domain may go between the two questions, or be another user's; then it has no rings to show.
            rings: rings(stat.id).unwrap_or_default(),
            calls: open
                .iter()
                .filter(|call| call.from.domain() == stat.id || call.to.domain() == stat.id)
                .copied()
                .collect(),
        };
        let all = domains.into_iter().map(|stat| Domain {
            parts: (!domains_only).then(|| parts(&stat)),
            stat,
        });
        Ok(Self(all.collect()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ring of this name, as it was.
    fn ring(&self, domain: u16, ring: &RingStat) -> Option<&RingStat> {
        let domain = self.0.iter().find(|d| d.stat.id == domain)?;
        let mut rings = domain.parts.as_ref()?.rings.iter();
        rings.find(|r| (r.port, r.partner) == (ring.port, ring.partner))
    }

    pub(super) fn json(&self, out: &mut impl Write, pace: Option<Pace<'_, Self>>) -> io::Result<()> {
        for domain in &self.0 {
            serde_json::to_writer(&mut *out, &record(domain, pace))?;
            writeln!(out)?;
        }
        Ok(())
    }

    pub(super) fn table(&self, out: &mut impl Write, pace: Option<Pace<'_, Self>>) -> io::Result<()> {
        for domain in &self.0 {
            head(out, &domain.stat)?;
            if let Some(parts) = &domain.parts {
                ring_table(out, domain.stat.id, &parts.rings, pace)?;
                for call in &parts.calls {
                    writeln!(out, "  descriptor {} -> {}", call.from, call.to)?;
                }
            }
        }
        Ok(())
    }
}

/// What a ring took since the earlier look; one that was not there then has taken all of it since.
fn rates(domain: u16, ring: &RingStat, pace: Option<Pace<'_, Snapshot>>) -> Option<Rates> {
    let pace = pace?;
    let before = pace
        .before
        .ring(domain, ring)
        .map_or((0, 0), |r| (r.messages, r.bytes));
    Some(Rates {
        messages_per_s: pace.rate(before.0, ring.messages),
        bytes_per_s: pace.rate(before.1, ring.bytes),
    })
}

fn record<'a>(domain: &'a Domain, pace: Option<Pace<'_, Snapshot>>) -> DomainRecord<'a> {
    let Domain { stat, parts } = domain;
    let ring = |r: &RingStat| RingRecord {
        port: r.port,
        partner: r.partner,
        direct: r.direct,
        size: r.size,
        used: r.used,
        messages: r.messages,
        bytes: r.bytes,
        rates: rates(stat.id, r, pace),
    };
    let call = |c: &CallStat| CallRecord {
        from: c.from.to_string(),
        to: c.to.to_string(),
    };
    DomainRecord {
        domain: stat.id,
        name: &stat.name,
        uid: stat.uid,
        processes: stat.processes,
        ring_count: stat.rings,
        ring_bytes: stat.bytes,
        listeners: stat.listeners,
        calls_out: stat.calls_out,
        calls_in: stat.calls_in,
        rings: parts.as_ref().map(|parts| parts.rings.iter().map(ring).collect()),
        calls: parts.as_ref().map(|parts| parts.calls.iter().map(call).collect()),
    }
}

fn head(out: &mut impl Write, domain: &DomainStat) -> io::Result<()> {
    writeln!(
        out,
        "domain {} \"{}\": uid {}, processes {}, rings {}, {} bytes of rings, descriptors: listeners {}, calls out {}, in {}",
        domain.id,
        domain.name,
        domain.uid,
        domain.processes,
        domain.rings,
        domain.bytes,
        domain.listeners,
        domain.calls_out,
        domain.calls_in
    )
}

fn ring_table(
    out: &mut impl Write,
    domain: u16,
    rings: &[RingStat],
    pace: Option<Pace<'_, Snapshot>>,
) -> io::Result<()> {
    if rings.is_empty() {
        return Ok(());
    }
    write!(
        out,
        "  {:>10} {:>7} {:>6} {:>10} {:>10} {:>14} {:>18}",
        "port", "partner", "path", "size", "used", "messages", "bytes"
    )?;
    if pace.is_some() {
        write!(out, " {:>12} {:>14}", "messages/s", "bytes/s")?;
    }
    writeln!(out)?;
    for r in rings {
        let partner = r.partner.map_or_else(|| "any".to_owned(), |p| p.to_string());
        let path = if r.direct { "direct" } else { "v4vd" };
        write!(
            out,
            "  {:>10} {partner:>7} {path:>6} {:>10} {:>10} {:>14} {:>18}",
            r.port, r.size, r.used, r.messages, r.bytes
        )?;
        if let Some(rates) = rates(domain, r, pace) {
            write!(out, " {:>12.0} {:>14.0}", rates.messages_per_s, rates.bytes_per_s)?;
        }
        writeln!(out)?;
    }
    Ok(())
}
