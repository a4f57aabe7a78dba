//! What a socket is ready for.

use crate::conn::{Conn, flag};
use crate::platform::Platform;
use crate::recv::RxHalf;
use crate::stream::TxHalf;

/// The answer of poll; the names are those of Linux's `POLL…` bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PollState {
    /// A receive, or an accept, does not wait.
    pub input: bool,
    /// A send does not wait.
    pub output: bool,
    /// The peer sends nothing more (`POLLRDHUP`).
    pub rdhup: bool,
    /// Both directions are shut.
    pub hup: bool,
    /// An error waits to be fetched.
    pub err: bool,
}

impl PollState {
    /// The `POLL…` bits of Linux (`asm-generic/poll.h`).
    #[must_use]
    pub const fn bits(self) -> u32 {
        const fn bit(on: bool, value: u32) -> u32 {
            if on { value } else { 0 }
        }
        bit(self.input, 1)
            | bit(self.output, 4)
            | bit(self.err, 8)
            | bit(self.hup, 0x10)
            | bit(self.rdhup, 0x2000)
    }
}

/// What a connection is ready for. Bits come and go as in Linux's TCP: [`rdhup`](PollState::rdhup) shows as soon as FIN is
/// there, before what precedes it is read.
pub fn connection<P: Platform>(conn: &Conn<P>, tx: &mut TxHalf<P>, rx: &mut RxHalf<P>) -> PollState {
    tx.lost(conn);
    rx.refresh(conn);
    let rdhup = conn.has(flag::FIN_SEEN | flag::READ_SHUT | flag::RESET) || conn.fin_ahead();
    PollState {
        input: rx.readable(conn),
        output: conn.has(flag::NO_SEND) || tx.writable(conn),
        rdhup,
        hup: conn.has(flag::RESET) || rdhup && conn.has(flag::WRITE_SHUT),
        err: conn.has_error(),
    }
}
