//! The conformance pairs (tests/conformance), each side in a guest of its own, on the kernel's AF_V4V.

use super::bed::Bed;
use super::module::pair;
use crate::lab::domains::{Guest, Kind};
use crate::lab::link::Link;
use crate::lab::xen::Whose;
use std::io;
use std::time::Duration;
use v4v_conformance::{PAIR_LIMIT, Pair, Role, pairs};
use v4v_lab_agent::protocol::Ending;

/// The TCP port of the first pair's control channel; each pair has the next.
const CONTROL: usize = 20_000;

/// How much longer than elsewhere a pair may take: a thousand connections took two minutes on an emulated machine beside builds.
const SLOW: Duration = Duration::from_secs(140);

/// The user that a privileged pair's client becomes.
const NOBODY: &str = "65534";

/// A pair that opens more connections at once than upstream's Xen has rings for a guest, 128.
const BEYOND_UPSTREAM: &str = "many_connections";

/// Two PV guests.
pub(super) fn pv_pv(bed: &mut Bed<'_>) -> io::Result<()> {
    play_all(bed, [Kind::Pv, Kind::Pv])
}

/// A PVH guest serves a PV guest.
pub(super) fn pvh_pv(bed: &mut Bed<'_>) -> io::Result<()> {
    play_all(bed, [Kind::Pvh, Kind::Pv])
}

fn play_all(bed: &mut Bed<'_>, kinds: [Kind; 2]) -> io::Result<()> {
    let guests = pair(bed, kinds)?;
    let link = bed.running()?;
    let (mut passed, mut failed) = (0, Vec::new());
    let upstream = bed.whose() == Whose::Upstream;
    for (number, pair) in pairs::all().enumerate() {
        if upstream && pair.name == BEYOND_UPSTREAM {
            println!("{}: not on a Xen with 128 rings a guest", pair.name);
            continue;
        }
        match play(&link, pair, &guests, CONTROL + number) {
            Ok(()) => passed += 1,
            Err(error) => {
                println!("{}: {error}", pair.name);
                failed.push(pair.name);
            }
        }
    }
    println!("{passed} pairs as expected");
    if failed.is_empty() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{} pairs not as expected: {}",
        failed.len(),
        failed.join(" ")
    )))
}

/// Plays one pair, the server in the first guest. The sides' control channel is TCP over the split driver.
fn play(link: &Link, pair: &Pair, guests: &[Guest; 2], port: usize) -> io::Result<()> {
    let control = [
        format!("tcp:0.0.0.0:{port}"),
        format!("tcp:{}:{port}", guests[0].address),
    ];
    let mut sides = Vec::new();
    for ((role, guest), control) in Role::BOTH.into_iter().zip(guests).zip(&control) {
        let mut argv = vec![
            "env",
            "V4V_BACKEND=kernel",
            "RUST_BACKTRACE=0",
            "v4v-conformance",
            "side",
            pair.name,
        ];
        argv.extend(["--backend", "v4v", "--role", role.name(), "--control", control]);
        if pair.privileged && role == Role::Client {
            argv.extend(["--uid", NOBODY]);
        }
        sides.push((role, link.start(&guest.name, &argv, PAIR_LIMIT + SLOW)?));
    }
    let mut complaints = Vec::new();
    for (role, side) in sides {
        let outcome = side.wait()?;
        let wanted = if pair.dies == Some(role) {
            Ending::Signal(9)
        } else {
            Ending::Code(0)
        };
        if outcome.ending != wanted {
            complaints.push(format!(
                "the {role} ended with {:?}: {}{}",
                outcome.ending, outcome.out, outcome.err
            ));
        }
    }
    if complaints.is_empty() {
        Ok(())
    } else {
        Err(io::Error::other(complaints.join("\n")))
    }
}
