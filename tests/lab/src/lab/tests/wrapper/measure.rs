//! One program over one path: served, called, and which way its bytes went.

use super::guests::Pair;
use super::programs::{Figure, Program};
use crate::lab::domains::Guest;
use std::fmt;
use std::io;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

/// How long one program may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// What carries the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// TCP over netfront and netback.
    Split,
    /// AF_V4V, by the wrapper.
    V4v,
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Split => "split driver",
            Self::V4v => "V4V",
        })
    }
}

/// A figure of a program.
pub(super) struct Row {
    pub(super) program: &'static str,
    pub(super) path: Path,
    pub(super) figure: Figure,
}

/// Bytes that a guest has sent and received.
#[derive(Clone, Copy, Debug)]
struct Bytes {
    v4v: u64,
    net: u64,
}

impl Bytes {
    fn of(guest: &Guest) -> io::Result<Self> {
        let line = "awk '$1 ~ /^(sent|received)_bytes$/ { n += $2 } END { print n }' /proc/net/v4v; \
                    cd /sys/class/net/eth0/statistics; expr $(cat rx_bytes) + $(cat tx_bytes)";
        let text = guest.sh(line, LIMIT)?;
        let mut words = text.split_whitespace().map(str::parse);
        match (words.next(), words.next()) {
            (Some(Ok(v4v)), Some(Ok(net))) => Ok(Self { v4v, net }),
            _ => Err(io::Error::other(format!("no counts of bytes: {text}"))),
        }
    }

    fn since(self, before: Self) -> Self {
        Self {
            v4v: self.v4v - before.v4v,
            net: self.net - before.net,
        }
    }

    /// An error where they did not go that way. The agent's own words go over the network, too, so that has always some.
    fn went(self, path: Path, least: u64) -> io::Result<()> {
        let right = match path {
            Path::Split => self.v4v == 0 && self.net >= least,
            Path::V4v => self.v4v >= least && self.net < least,
        };
        if right {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "{} bytes went over V4V and {} over the network, where {least} were to go over {path}",
            self.v4v, self.net
        )))
    }
}

/// Serves and calls; the program's figures.
pub(super) fn measure(pair: &Pair, program: &Program, path: Path) -> io::Result<Vec<Row>> {
    let start = Instant::now();
    let outcome = run(pair, program, path);
    pair.clear()?;
    let rows = outcome?;
    println!(
        "{} over {path}: ok, {:.1} s",
        program.name,
        start.elapsed().as_secs_f32()
    );
    Ok(rows)
}

fn run(pair: &Pair, program: &Program, path: Path) -> io::Result<Vec<Row>> {
    let before = Bytes::of(&pair.client)?;
    let server = pair.serve(&script(pair, program.server, path), PATIENCE)?;
    let called =
        listens(pair, program.port).and_then(|_| pair.call(&script(pair, program.client, path), PATIENCE));
    server.kill()?;
    let served = server.wait()?;
    let said = called.map_err(|error| {
        io::Error::other(format!("{error}\nthe server said: {}{}", served.out, served.err))
    })?;
    Bytes::of(&pair.client)?.since(before).went(path, program.bytes)?;
    let figures = (program.figures)(&said);
    if figures.is_empty() {
        return Err(io::Error::other(format!(
            "no figures in what the client said:\n{said}"
        )));
    }
    let row = |figure| Row {
        program: program.name,
        path,
        figure,
    };
    Ok(figures.into_iter().map(row).collect())
}

/// Waits until somebody listens on this port of the server's.
pub(super) fn listens(pair: &Pair, port: u16) -> io::Result<()> {
    let line = format!("until netstat -ltn | grep -q ':{port} '; do sleep 0.1; done");
    pair.server.sh(&line, LIMIT).map(drop)
}

/// The lines with what they may use: `$SERVER`, `$CLIENT`, and `$WRAP` before a program whose connections are to go this way.
pub(super) fn script(pair: &Pair, lines: &str, path: Path) -> String {
    let wrap = match path {
        Path::Split => "",
        Path::V4v => "v4v run --",
    };
    format!(
        "set -e -o pipefail\nexport LC_ALL=C PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin SERVER={} CLIENT={} WRAP='{wrap}'\nulimit -n 8192\ncd /tmp\n{lines}\n",
        pair.server.address, pair.client.address,
    )
}
