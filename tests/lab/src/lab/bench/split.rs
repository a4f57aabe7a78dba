//! Debian's NPtcp between the same guests, over TCP on netfront and netback.

use super::PATIENCE;
use super::figures::Figure;
use crate::lab::domains::Guest;
use crate::lab::link::Link;
use std::io;

/// Where NPtcp leaves its figures: bytes, Mbit/s (2^20), seconds one way.
const OUT: &str = "/tmp/np.out";

pub(super) fn sweep(link: &Link, guests: &[Guest; 2], longest: usize) -> io::Result<Vec<Figure>> {
    let [client, host] = guests;
    let server = link.start(&host.name, &["NPtcp"], PATIENCE)?;
    eprintln!("lab: the sweep over the split driver ...");
    let line = format!("NPtcp -h {} -u {longest} -o {OUT} >&2; cat {OUT}", host.address);
    let rows = client.sh(&line, PATIENCE)?;
    server.wait()?;
    let figures: Vec<Figure> = rows.lines().filter_map(figure).collect();
    if figures.is_empty() {
        return Err(io::Error::other(format!("NPtcp left no figures:\n{rows}")));
    }
    Ok(figures)
}

fn figure(row: &str) -> Option<Figure> {
    let mut fields = row.split_whitespace();
    let bytes: u64 = fields.next()?.parse().ok()?;
    let _megabits: f64 = fields.next()?.parse().ok()?;
    let seconds: f64 = fields.next()?.parse().ok()?;
    let latency_us = seconds * 1e6;
    Some(Figure {
        path: "split".to_owned(),
        bytes,
        latency_us,
        mb_per_s: bytes as f64 / latency_us,
        pairs: 1,
    })
}
