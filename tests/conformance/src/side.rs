//! One side of a pair while it plays.

use crate::backend::{Backend, Connection, Kind, Listener};
use crate::control::{Control, is_abandoned};
use crate::pair::{Pair, Role};
use nix::sys::signal::{Signal, kill};
use nix::unistd::getpid;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Connections that a pair's listener holds until they are accepted, unless the pair is about that.
const BACKLOG: u32 = 128;

/// What a side has: the sockets to test, and the other side's ear.
pub struct Side {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) control: Control,
}

/// How a side's part ended. The numbers are exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As expected.
    Passed = 0,
    /// Otherwise; the reason is on standard error.
    Failed = 1,
    /// The other side ended before its time, and knows why.
    Abandoned = 4,
}

/// Plays one side of `pair` to its end.
pub fn play(pair: &Pair, role: Role, backend: Arc<dyn Backend>, control: Control) -> Verdict {
    let mut side = Side { backend, control };
    match catch_unwind(AssertUnwindSafe(|| pair.play(role)(&mut side))) {
        Ok(()) => Verdict::Passed,
        Err(payload) if is_abandoned(&*payload) => Verdict::Abandoned,
        Err(_) => Verdict::Failed,
    }
}

impl Side {
    /// Listens at a free port and tells the other side where.
    #[track_caller]
    pub(crate) fn listen(&mut self, kind: Kind) -> Box<dyn Listener> {
        let listener = self.backend.listen(kind, 0, BACKLOG).expect("listen");
        self.control
            .tell("address", listener.local_addr().expect("the listener's address"));
        listener
    }

    /// Listens and accepts the other side's one connection.
    #[track_caller]
    pub(crate) fn accept(&mut self, kind: Kind) -> Box<dyn Connection> {
        self.listen(kind).accept().expect("accept").0
    }

    /// Connects to where the other side listens.
    #[track_caller]
    pub(crate) fn connect(&mut self, kind: Kind) -> Box<dyn Connection> {
        let addr = self.control.expect("address");
        self.backend.connect(kind, &addr).expect("connect")
    }

    /// [`accept`](Self::accept) for a stream.
    #[track_caller]
    pub(crate) fn accept_stream(&mut self) -> Box<dyn Connection> {
        self.accept(Kind::Stream)
    }

    /// [`connect`](Self::connect) for a stream.
    #[track_caller]
    pub(crate) fn connect_stream(&mut self) -> Box<dyn Connection> {
        self.connect(Kind::Stream)
    }
}

/// Kills this process, as the kernel kills one that is out of memory: nothing is closed or flushed by its own hand.
pub(crate) fn die() -> ! {
    // SIGKILL to oneself cannot be refused, and does not return.
    let sent = kill(getpid(), Signal::SIGKILL);
    unreachable!("survived SIGKILL: {sent:?}")
}
