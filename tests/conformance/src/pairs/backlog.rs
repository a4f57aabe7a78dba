//! A listener that nobody accepts from.

use crate::backend::{Connection, Kind, Listener};
use crate::pair::{On, Pair};
use crate::side::Side;
use crate::transfer::{expect_bytes, write_all};
use crate::wait::promptly;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{Scope, scope};
use std::time::Duration;

pub(super) const PAIRS: &[Pair] = &[
    Pair::new(
        "backlog_holds",
        "as many connections as the backlog says are made without accept",
        On::Both,
        holds_server,
        holds_client,
    ),
    Pair::new(
        "backlog_full_waits",
        "further ones wait, and are made when earlier ones have been accepted",
        On::Both,
        full_server,
        full_client,
    ),
];

const BACKLOG: u32 = 4;
/// Beyond the backlog. Linux keeps one more than it was asked for, so the second of these waits.
const EXTRA: u32 = 3;
/// How long none of the waiting may get through or fail.
const LOOK: Duration = Duration::from_millis(300);

fn listen(side: &mut Side) -> Box<dyn Listener> {
    let listener = side.backend.listen(Kind::Stream, 0, BACKLOG).expect("listen");
    side.control
        .tell("address", listener.local_addr().expect("address"));
    listener
}

fn holds_server(side: &mut Side) {
    let listener = listen(side);
    side.control.expect("connected");
    accept_and_check(&*listener, BACKLOG);
    side.control.signal("accepted");
}

/// Accepts `count` connections, each of which says the same.
fn accept_and_check(listener: &dyn Listener, count: u32) {
    for _ in 0..count {
        let (conn, _) = listener.accept().expect("accept");
        expect_bytes(&*conn, b"me");
    }
}

fn holds_client(side: &mut Side) {
    let addr = side.control.expect("address");
    let conns: Vec<_> = (0..BACKLOG)
        .map(|_| promptly(|| side.backend.connect(Kind::Stream, &addr)).expect("connect"))
        .collect();
    conns.iter().for_each(|conn| write_all(&**conn, b"me"));
    side.control.signal("connected");
    side.control.expect("accepted");
}

fn full_server(side: &mut Side) {
    let listener = listen(side);
    side.control.expect("full");
    accept_and_check(&*listener, BACKLOG + EXTRA);
    side.control.signal("accepted");
}

fn full_client(side: &mut Side) {
    let addr = side.control.expect("address");
    scope(|scope| {
        let made = connect_all(scope, side, &addr);
        let at_once: Vec<_> = std::iter::from_fn(|| made.recv_timeout(LOOK).ok()).collect();
        let count = u32::try_from(at_once.len()).expect("a small number");
        assert!(
            (BACKLOG..BACKLOG + EXTRA).contains(&count),
            "{count} of a backlog of {BACKLOG}"
        );
        side.control.signal("full");
        let later = made.iter().take((BACKLOG + EXTRA - count) as usize).count();
        assert_eq!(later, (BACKLOG + EXTRA - count) as usize);
    });
    side.control.expect("accepted");
}

/// Connects one after the other in a thread, says "me" over each, and hands them out.
fn connect_all<'a>(scope: &'a Scope<'a, '_>, side: &Side, addr: &'a str) -> Receiver<Box<dyn Connection>> {
    let (tell, made) = channel();
    let backend = Arc::clone(&side.backend);
    scope.spawn(move || {
        for _ in 0..BACKLOG + EXTRA {
            let conn = backend.connect(Kind::Stream, addr).expect("connect");
            write_all(&*conn, b"me");
            tell.send(conn).expect("a receiver");
        }
    });
    made
}
