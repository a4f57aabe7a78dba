//! A guest's kernel: its sockets and counters.

use super::rate::Pace;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};
use v4vsock::V4vAddr;
use v4vsock::stat::KernelStat;

#[derive(Serialize)]
struct Kernel<'a> {
    domain: u16,
    sockets: Vec<Socket<'a>>,
    counters: &'a BTreeMap<String, u64>,
    /// Of each counter, by the second.
    #[serde(skip_serializing_if = "Option::is_none")]
    rates: Option<BTreeMap<&'a str, f64>>,
}

#[derive(Serialize)]
struct Socket<'a> {
    kind: &'a str,
    state: &'a str,
    local: Option<String>,
    peer: Option<String>,
    ring: u64,
    queued: u64,
}

pub(super) fn json(
    out: &mut impl Write,
    now: &KernelStat,
    pace: Option<Pace<'_, KernelStat>>,
) -> io::Result<()> {
    let text = |address: Option<V4vAddr>| address.map(|a| a.to_string());
    let sockets = now.sockets.iter().map(|s| Socket {
        kind: &s.kind,
        state: &s.state,
        local: text(s.local),
        peer: text(s.peer),
        ring: s.ring,
        queued: s.queued,
    });
    let record = Kernel {
        domain: now.domain,
        sockets: sockets.collect(),
        counters: &now.counters,
        rates: pace.map(|pace| {
            let names = now.counters.iter();
            names
                .map(|(name, value)| (name.as_str(), rate(pace, name, *value)))
                .collect()
        }),
    };
    serde_json::to_writer(&mut *out, &record)?;
    writeln!(out)
}

pub(super) fn table(
    out: &mut impl Write,
    now: &KernelStat,
    pace: Option<Pace<'_, KernelStat>>,
) -> io::Result<()> {
    writeln!(out, "domain {}", now.domain)?;
    writeln!(
        out,
        "{:<9} {:<11} {:<18} {:<18} {:>9} {:>9}",
        "type", "state", "local", "peer", "ring", "queued"
    )?;
    let text = |address: Option<V4vAddr>| address.map_or_else(|| "-".to_owned(), |a| a.to_string());
    for s in &now.sockets {
        let (local, peer) = (text(s.local), text(s.peer));
        writeln!(
            out,
            "{:<9} {:<11} {local:<18} {peer:<18} {:>9} {:>9}",
            s.kind, s.state, s.ring, s.queued
        )?;
    }
    for (name, value) in &now.counters {
        match pace {
            Some(pace) => writeln!(out, "{name} {value} ({:.0}/s)", rate(pace, name, *value))?,
            None => writeln!(out, "{name} {value}")?,
        }
    }
    Ok(())
}

fn rate(pace: Pace<'_, KernelStat>, name: &str, now: u64) -> f64 {
    pace.rate(pace.before.counters.get(name).copied().unwrap_or(now), now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use v4vsock::stat::SocketStat;

    fn stat(sends: u64) -> KernelStat {
        KernelStat {
            domain: 3,
            sockets: vec![SocketStat {
                kind: "stream".into(),
                state: "ESTABLISHED".into(),
                local: Some(V4vAddr::new(3, 49160)),
                peer: None,
                ring: 4032,
                queued: 1,
            }],
            counters: [("sends".to_owned(), sends)].into(),
        }
    }

    #[test]
    fn json_has_everything_and_rates_when_there_are_two_looks() {
        let (before, now) = (stat(10), stat(30));
        let mut out = Vec::new();
        json(&mut out, &now, None).expect("written");
        let value: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(value["sockets"][0]["local"], "3:49160");
        assert!(value["sockets"][0]["peer"].is_null() && value.get("rates").is_none());
        out.clear();
        json(&mut out, &now, Some(Pace::new(&before, Duration::from_secs(2)))).expect("written");
        let value: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(
            (&value["counters"]["sends"], &value["rates"]["sends"]),
            (&30.into(), &10.0.into())
        );
    }

    #[test]
    fn a_table_has_rates_when_there_are_two_looks() {
        let (before, now) = (stat(10), stat(30));
        let mut out = Vec::new();
        table(&mut out, &now, Some(Pace::new(&before, Duration::from_secs(1)))).expect("written");
        assert!(String::from_utf8(out).expect("UTF-8").contains("sends 30 (20/s)"));
    }
}
