//! Where events leave: whole lines, whichever thread has one.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use v4v_lab_agent::DOM0;
use v4v_lab_agent::protocol::{Envelope, Event};

/// A shared writer of lines.
#[derive(Clone)]
pub(crate) struct Outlet {
    to: Arc<Mutex<dyn Write + Send>>,
}

impl Outlet {
    pub(crate) fn new(to: impl Write + Send + 'static) -> Self {
        Self {
            to: Arc::new(Mutex::new(to)),
        }
    }

    /// Tells an event of this agent's own. Who reads it has the agent's name from elsewhere, unless it is dom0's.
    pub(crate) fn tell(&self, event: Event) -> io::Result<()> {
        self.line(&Envelope {
            peer: DOM0.to_owned(),
            body: event,
        })
    }

    /// Writes one message.
    pub(crate) fn line<T: serde::Serialize>(&self, message: &Envelope<T>) -> io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        let mut to = self.lock();
        to.write_all(&line)?;
        to.flush()
    }

    fn lock(&self) -> MutexGuard<'_, dyn Write + Send + 'static> {
        self.to.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
