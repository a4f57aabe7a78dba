//! What the proxy tells: sentences for people on standard error, or JSON lines for programs on standard output.

use serde::Serialize;
use std::io::{self, Write};

/// One thing that happened.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(crate) enum Event<'a> {
    /// It listens. The address has the port that was chosen, where that was left open.
    Listening { at: &'a str, to: &'a str },
    /// Nobody can be accepted for a while.
    Trouble { error: &'a str },
    /// A caller is connected to the other side.
    Opened { id: u64, from: &'a str },
    /// A caller was reset because the other side could not be reached.
    Refused { id: u64, from: &'a str, error: &'a str },
    /// A connection has ended: both sides did, or, with an error, one broke and the other was reset.
    Closed {
        id: u64,
        /// Bytes from the caller.
        out: u64,
        /// Bytes to the caller.
        back: u64,
        seconds: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a str>,
    },
    /// It listens no more, and waits for so many connections.
    Stopping { open: usize },
    /// The end; so many connections were cut off.
    Stopped { cut: usize },
}

/// How it is told.
#[derive(Clone, Copy)]
pub(crate) struct Reporter {
    pub(crate) json: bool,
}

impl Reporter {
    pub(crate) fn tell(self, event: &Event<'_>) {
        if self.json {
            let mut out = io::stdout().lock();
            // Who no longer reads events does not want them; the proxy goes on.
            let _ = serde_json::to_writer(&mut out, event)
                .map_err(io::Error::from)
                .and_then(|()| writeln!(out))
                .and_then(|()| out.flush());
        } else if let Some(sentence) = sentence(event) {
            // The same.
            let _ = writeln!(io::stderr(), "v4v: {sentence}");
        }
    }
}

/// For people; connections that fare well are no news.
fn sentence(event: &Event<'_>) -> Option<String> {
    Some(match event {
        Event::Listening { at, to } => format!("listening at {at}, passing on to {to}"),
        Event::Trouble { error } => format!("cannot accept a connection: {error}"),
        Event::Refused { from, error, .. } => format!("{from} was refused: {error}"),
        Event::Closed {
            id,
            error: Some(error),
            ..
        } => format!("connection {id} broke: {error}"),
        Event::Stopping { open } if *open > 0 => format!("stopping; {open} connections are still open"),
        Event::Stopped { cut } if *cut > 0 => format!("{cut} connections were cut off"),
        _ => return None,
    })
}
