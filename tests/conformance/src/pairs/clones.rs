//! One socket, several handles and threads.

use crate::backend::Connection;
use crate::pair::{On, Pair};
use crate::side::Side;
use crate::transfer::{expect_bytes, expect_eof, read_exact, write_all};
use crate::wait::{Ready, expect_would_block, stays_unready};
use std::net::Shutdown;
use std::thread::scope;

pub(super) const PAIRS: &[Pair] = &[
    Pair::new(
        "two_readers",
        "two threads that read clones get every byte once",
        On::Both,
        all_bytes_server,
        two_readers_client,
    ),
    Pair::new(
        "two_writers",
        "two threads that write to clones lose no byte",
        On::Both,
        two_writers_server,
        count_client,
    ),
    Pair::new(
        "clone_outlives",
        "the connection lives until its last handle is closed",
        On::Both,
        outlives_server,
        outlives_client,
    ),
    Pair::new(
        "clones_share_mode",
        "O_NONBLOCK is the socket's, not the handle's",
        On::Both,
        idle_server,
        share_client,
    ),
    Pair::new(
        "shutdown_reaches_clones",
        "shutdown ends the connection for all handles",
        On::Both,
        eof_server,
        reach_client,
    ),
];

/// How often each byte value is sent.
const ROUNDS: usize = 2000;

/// Counts of byte values.
type Counts = [usize; 256];

fn count(from: &dyn Connection) -> Counts {
    let mut counts = [0; 256];
    let mut buf = [0; 333];
    loop {
        match from.read(&mut buf).expect("read") {
            0 => return counts,
            n => buf[..n].iter().for_each(|byte| counts[usize::from(*byte)] += 1),
        }
    }
}

fn all_bytes_server(side: &mut Side) {
    let conn = side.accept_stream();
    let all: Vec<u8> = (0..=255).collect();
    (0..ROUNDS).for_each(|_| write_all(&*conn, &all));
}

fn two_readers_client(side: &mut Side) {
    let conn = side.connect_stream();
    let clone = conn.try_clone().expect("clone");
    let (here, there) = scope(|scope| {
        let other = scope.spawn(|| count(&*clone));
        (count(&*conn), other.join().expect("the other reader"))
    });
    let sums: Vec<_> = here.iter().zip(there).map(|(a, b)| a + b).collect();
    assert_eq!(sums, [ROUNDS; 256]);
}

fn two_writers_server(side: &mut Side) {
    let conn = side.accept_stream();
    let clone = conn.try_clone().expect("clone");
    scope(|scope| {
        scope.spawn(|| (0..ROUNDS).for_each(|_| write_all(&*clone, &[1; 100])));
        (0..ROUNDS).for_each(|_| write_all(&*conn, &[2; 50]));
    });
}

fn count_client(side: &mut Side) {
    let counts = count(&*side.connect_stream());
    assert_eq!((counts[1], counts[2]), (ROUNDS * 100, ROUNDS * 50));
    assert_eq!(counts.iter().sum::<usize>(), ROUNDS * 150, "and no other byte");
}

fn outlives_server(side: &mut Side) {
    let conn = side.accept_stream();
    let clone = conn.try_clone().expect("clone");
    drop(conn);
    side.control.signal("dropped");
    expect_bytes(&*clone, b"still there?");
    write_all(&*clone, b"yes");
}

fn outlives_client(side: &mut Side) {
    let conn = side.connect_stream();
    side.control.expect("dropped");
    stays_unready(&*conn, Ready::IN);
    write_all(&*conn, b"still there?");
    assert_eq!(read_exact(&*conn, 3), b"yes");
    expect_eof(&*conn);
}

fn idle_server(side: &mut Side) {
    let _conn = side.accept_stream();
    side.control.expect("done");
}

fn share_client(side: &mut Side) {
    let conn = side.connect_stream();
    let clone = conn.try_clone().expect("clone");
    conn.set_nonblocking(true).expect("O_NONBLOCK");
    expect_would_block(clone.read(&mut [0; 1]));
    side.control.signal("done");
}

fn eof_server(side: &mut Side) {
    let conn = side.accept_stream();
    expect_eof(&*conn);
}

fn reach_client(side: &mut Side) {
    let conn = side.connect_stream();
    let clone = conn.try_clone().expect("clone");
    conn.shutdown(Shutdown::Both).expect("shutdown");
    expect_eof(&*clone);
    clone.write(b"x").expect_err("shut");
}
