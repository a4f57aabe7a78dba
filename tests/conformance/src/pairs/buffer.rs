//! How much a connection holds.

use crate::backend::{Connection, Kind};
use crate::pair::{On, Pair};
use crate::pattern::Pattern;
use crate::side::Side;
use crate::transfer::{expect_eof, fill, read_pattern};

pub(super) const PAIRS: &[Pair] = &[Pair::new(
    "receive_buffer",
    "less fits a connection whose reader asked for a small buffer, and all of it arrives",
    On::Tcp,
    filling_server,
    sized_client,
)];

/// Bytes that the reader asks for, far below the default of any family.
const SMALL: usize = 16 << 10;

fn filling_server(side: &mut Side) {
    let listener = side.listen(Kind::Stream);
    let taken = [1, 2].map(|seed| {
        let (conn, _) = listener.accept().expect("accept");
        let taken = fill(&*conn, &mut Pattern::new(seed));
        conn.set_nonblocking(false).expect("blocking");
        (conn, taken)
    });
    let [(_, small), (_, usual)] = &taken;
    assert!(
        small < usual,
        "{small} bytes fit the small buffer, {usual} the usual one"
    );
    for (conn, taken) in &taken {
        side.control.tell("taken", taken);
        expect_eof(&**conn);
    }
}

fn sized_client(side: &mut Side) {
    let addr = side.control.expect("address");
    let small = side.backend.connect_sized(&addr, SMALL).expect("connect");
    let usual = side.backend.connect(Kind::Stream, &addr).expect("connect");
    read_taken(side, small, 1);
    read_taken(side, usual, 2);
}

/// Reads what the server says it could write, and closes.
fn read_taken(side: &mut Side, conn: Box<dyn Connection>, seed: u64) {
    let taken = usize::try_from(side.control.expect_number("taken")).expect("a size");
    read_pattern(&*conn, &mut Pattern::new(seed), taken, 64 << 10);
}
