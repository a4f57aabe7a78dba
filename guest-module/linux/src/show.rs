//! /proc/net/v4v: the sockets, then the counters.
//!
//! ```text
//! domain 3
//! type    state        local            peer             ring      queued  in_messages
//! stream  ESTABLISHED  3:49160          5:5001           262080    0       …
//! ```

use crate::glue::{SeqFile, raw};
use crate::hv;
use crate::list;
use crate::socket::{Active, Phase, Socket};
use crate::stats;
use core::fmt::{self, Write};
use v4v_ring::Addr;
use v4v_sock::SocketKind;

/// A file in /proc that is being read.
pub(crate) struct Page(*mut SeqFile);

impl Page {
    /// # Safety
    /// `raw` is a seq_file that is being shown, for as long as this lives.
    pub(crate) unsafe fn new(raw: *mut SeqFile) -> Self {
        Self(raw)
    }
}

impl Write for Page {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        // SAFETY: the file is valid, see `new`; pointer and length are those of a slice. What does not fit makes the kernel
        // show the file again with a larger buffer.
        unsafe { raw::v4v_c_seq_write(self.0, s.as_ptr(), s.len()) };
        Ok(())
    }
}

/// An address as people write it, or `-`.
struct Name(Option<Addr>);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = crate::mem::Line::new();
        match self.0 {
            Some(addr) => write!(line, "{addr}")?,
            None => line.write_str("-")?,
        }
        f.pad(core::str::from_utf8(line.bytes()).unwrap_or("?"))
    }
}

/// Writes the whole file.
pub(crate) fn show(page: &mut Page) -> fmt::Result {
    writeln!(page, "domain {}", hv::domain())?;
    writeln!(
        page,
        "{:<9} {:<11} {:<18} {:<18} {:>9} {:>9}",
        "type", "state", "local", "peer", "ring", "queued"
    )?;
    let mut outcome = Ok(());
    list::each(|socket| outcome = outcome.and_then(|()| row(page, socket)));
    outcome?;
    for (at, name) in stats::NAMES.iter().enumerate() {
        writeln!(page, "{name} {}", stats::value(at))?;
    }
    Ok(())
}

fn row(page: &mut Page, socket: &Socket) -> fmt::Result {
    let kind = match socket.kind {
        SocketKind::Stream => "stream",
        SocketKind::Datagram => "dgram",
        SocketKind::SeqPacket => "seqpacket",
    };
    let (state, ring) = describe(socket);
    let (local, peer) = (Name(socket.name(false).ok()), Name(socket.name(true).ok()));
    let queued = socket.available().unwrap_or(0);
    writeln!(
        page,
        "{kind:<9} {state:<11} {local:<18} {peer:<18} {ring:>9} {queued:>9}"
    )
}

/// What the socket is, and the bytes of its ring.
fn describe(socket: &Socket) -> (&'static str, u32) {
    match socket.active() {
        Some(Active::Conn(link)) => {
            return (link.state(), v4v_ring::RingMem::data_len(link.conn.ring().mem()));
        }
        Some(Active::Dgram(dgram)) => return ("OPEN", dgram.ring_len()),
        None => {}
    }
    match &socket.state.lock().phase {
        Phase::Idle => ("UNCONNECTED", 0),
        Phase::Listening(_) => ("LISTEN", v4v_sock::limits::LISTEN_RING),
        Phase::Connecting(_) => ("CONNECTING", 0),
        Phase::Active => ("CLOSING", 0),
    }
}
