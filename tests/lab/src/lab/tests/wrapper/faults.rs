//! What programs see when the other guest goes: what TCP would tell them, and soon.

use super::guests::Pair;
use super::measure::{Path, listens, script};
use super::programs::POSTGRES;
use std::io;
use std::time::{Duration, Instant};
use v4v_lab_agent::protocol::Ending;

const LIMIT: Duration = Duration::from_secs(180);

/// By when the program has ended after its server's guest was destroyed. TCP would wait for minutes.
const SOON: Duration = Duration::from_secs(30);

/// Transactions without end, as many as the guest's life lets through.
const ENDLESS: &str = "export PATH=$PATH:/usr/lib/postgresql/15/bin PGHOST=$SERVER PGUSER=postgres
until $WRAP psql -qc 'select 1' > ready 2>&1; do sleep 0.2; done
$WRAP pgbench -i -q -s 1
$WRAP pgbench -n -c 4 -T 600 -P 1";

/// The server's guest is destroyed while pgbench runs.
pub(super) fn guest_destroyed(pair: Pair) -> io::Result<()> {
    let _server = pair.serve(&script(&pair, POSTGRES.server, Path::V4v), LIMIT)?;
    listens(&pair, POSTGRES.port)?;
    let client = pair.start_client(&script(&pair, ENDLESS, Path::V4v), LIMIT)?;
    client.await_text("progress: 2", LIMIT)?;
    let start = Instant::now();
    pair.server.destroy()?;
    let outcome = client.wait()?;
    let took = start.elapsed();
    let text = format!("{}{}", outcome.out, outcome.err);
    let told = ["reset by peer", "closed the connection", "the backend died"]
        .iter()
        .any(|words| text.contains(words));
    if took < SOON && outcome.ending != Ending::Code(0) && told {
        println!(
            "pgbench over V4V, its server's guest destroyed: told after {:.1} s",
            took.as_secs_f32()
        );
        return Ok(());
    }
    Err(io::Error::other(format!(
        "pgbench was not told that its server's guest was destroyed: {:?} after {took:?}\n{text}",
        outcome.ending
    )))
}
