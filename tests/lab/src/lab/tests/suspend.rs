//! A guest is suspended: it goes on in the same domain, or comes back as another one.

use super::bed::Bed;
use super::module::load;
use crate::lab::domains::{Guest, Kind, Size};
use crate::lab::link::{Link, Outcome, Program};
use std::io;
use std::time::Duration;
use v4v_lab_agent::protocol::Ending;

const LIMIT: Duration = Duration::from_secs(120);

/// How long the programs run that live through it all.
const LIFE: Duration = Duration::from_secs(300);

/// The traveller's MiB: dom0 keeps a copy in its own memory.
const SMALL: Size = Size {
    memory: 224,
    ..Size::USUAL
};

/// The ports of a connection that is there before, and of a listener.
const BEFORE: u16 = 5100;
const LISTENER: u16 = 5101;

/// A checkpoint takes nothing away; saved and restored, the guest still listens, at its new number, and what was connected
/// is reset on both sides.
pub(super) fn save_and_restore(bed: &mut Bed<'_>) -> io::Result<()> {
    let peer = bed.guests(&[Kind::Pv])?[0].clone();
    let link = bed.link()?;
    let mut traveller = Guest::start_with(&link, Kind::Pv, bed.place(), SMALL)?;
    load(&peer)?;
    load(&traveller)?;
    let listener = format!("v4v nc --listen {LISTENER} --keep </dev/null");
    let listener = link.start(&traveller.name, &["sh", "-c", &listener], LIFE)?;
    let port = BEFORE.to_string();
    let far = link.start(&traveller.name, &["v4v", "nc", "--listen", &port], LIFE)?;
    let near = connect(&link, &peer, &traveller)?;
    say(&near, &far, "before")?;
    call(&peer, &traveller, &listener, "before")?;

    traveller.checkpoint()?;
    say(&near, &far, "checkpoint")?;
    call(&peer, &traveller, &listener, "checkpoint")?;

    traveller.save()?;
    is_reset(&near.wait()?)?;
    traveller.restore()?;
    is_reset(&far.wait()?)?;
    println!(
        "{}",
        traveller.sh("dmesg | grep 'v4v: resumed'", LIMIT)?.trim_end()
    );
    call(&peer, &traveller, &listener, "restored")?;
    listener.kill()?;
    listener.wait()?;
    traveller.destroy()
}

/// A connection that stays; the far end may not listen yet.
fn connect(link: &Link, peer: &Guest, traveller: &Guest) -> io::Result<Program> {
    let line = format!("until grep -q 'LISTEN .*:{BEFORE} ' /proc/net/v4v; do sleep 0.1; done");
    traveller.sh(&line, LIMIT)?;
    let address = format!("{}:{BEFORE}", traveller.domain);
    link.start(&peer.name, &["v4v", "nc", &address], LIFE)
}

/// A word goes through the connection that stays.
fn say(near: &Program, far: &Program, word: &str) -> io::Result<()> {
    near.keyboard().input(format!("{word}\n").as_bytes())?;
    far.await_text(word, LIMIT)
}

/// A word goes through a connection of its own.
fn call(peer: &Guest, traveller: &Guest, listener: &Program, word: &str) -> io::Result<()> {
    let line = format!("echo {word} | v4v nc {}:{LISTENER}", traveller.domain);
    peer.sh(&line, LIMIT)?;
    listener.await_text(word, LIMIT)
}

fn is_reset(outcome: &Outcome) -> io::Result<()> {
    if matches!(outcome.ending, Ending::Code(code) if code != 0) && outcome.err.contains("reset") {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "a connection did not end with a reset: {outcome:?}"
    )))
}
