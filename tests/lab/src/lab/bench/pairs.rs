//! Several pairs of guests at once, over AF_V4V.

use super::PATIENCE;
use super::figures::Figure;
use super::v4v::{START, load};
use crate::lab::domains::Guest;
use crate::lab::link::{Link, Program};
use std::io;

/// Bytes of a message: long enough that the copies count, short enough that all pairs' rings fit the cache.
const BYTES: u64 = 64 << 10;

/// What one pair, two, four … reach together, up to all of these guests.
pub(super) fn sweep(link: &Link, guests: &[Guest], seconds: u64) -> io::Result<Vec<Figure>> {
    for guest in guests {
        load(guest)?;
    }
    let pairs: Vec<&[Guest]> = guests.chunks_exact(2).collect();
    std::iter::successors(Some(1), |n| Some(n * 2))
        .take_while(|n| *n <= pairs.len())
        .map(|n| together(link, &pairs[..n], seconds))
        .collect()
}

/// These pairs at once: the latency is their mean, the throughput their sum.
fn together(link: &Link, pairs: &[&[Guest]], seconds: u64) -> io::Result<Figure> {
    eprintln!("lab: {} pairs at once ...", pairs.len());
    let mut servers: Vec<Program> = Vec::new();
    for pair in pairs {
        let server = link.start(&pair[1].name, &["v4v", "netpipe"], PATIENCE)?;
        server.await_text("serving", START)?;
        servers.push(server);
    }
    let mut clients = Vec::new();
    for pair in pairs {
        let line = format!(
            "v4v netpipe {}:5002 --seconds {seconds} --shortest {BYTES} --longest {BYTES} --perturbation 0 --json",
            pair[1].domain
        );
        clients.push(link.start(&pair[0].name, &["sh", "-c", &line], PATIENCE)?);
    }
    let mut each = Vec::new();
    for client in clients {
        let rows = client.wait()?.success("v4v netpipe")?;
        let row = rows.lines().next().unwrap_or_default();
        each.push(serde_json::from_str::<Figure>(row).map_err(io::Error::other)?);
    }
    for server in servers {
        server.wait()?.success("v4v netpipe")?;
    }
    Ok(Figure {
        path: "v4v".to_owned(),
        bytes: BYTES,
        latency_us: each.iter().map(|row| row.latency_us).sum::<f64>() / each.len() as f64,
        mb_per_s: each.iter().map(|row| row.mb_per_s).sum(),
        pairs: u32::try_from(each.len()).unwrap_or(u32::MAX),
    })
}
