//! A peer whose process is killed: the survivor learns it in bounded time, whatever it waits in.

use crate::backend::{Connection, Ending, Kind};
use crate::pair::{On, Pair, Role};
use crate::pattern::Pattern;
use crate::side::{Side, die};
use crate::transfer::{
    expect_bytes, expect_eof, expect_errno, expect_reset_once, fill, write_all, write_until_error,
};
use crate::wait::{HEAD_START, PROMPT, Poller, Ready, await_ready, promptly, until};
use libc::{ECONNREFUSED, ECONNRESET, EPIPE};
use nix::sys::epoll::EpollFlags;
use std::thread::{scope, sleep};
use std::time::Instant;

pub(super) const PAIRS: &[Pair] = &[
    killed(
        "killed_wakes_reader",
        "a reader that waits gets the end, or ECONNRESET",
        reader,
    ),
    killed(
        "killed_wakes_writer",
        "a writer that waits for space gets an error",
        writer,
    ),
    killed("killed_wakes_poll", "poll says RDHUP or HUP", poller),
    killed(
        "killed_wakes_epoll",
        "edge-triggered epoll says RDHUP or HUP",
        epoll,
    ),
    killed(
        "killed_fails_writes",
        "later writes fail, with EPIPE at last",
        later_writes,
    ),
    Pair::new(
        "killed_keeps_data",
        "what the killed process had sent is read before its end",
        On::Both,
        last_words_server,
        last_words_client,
    )
    .dies(Role::Server),
    Pair::new(
        "killed_listener_refuses",
        "a killed listener's port refuses, and its queued connections end",
        On::Both,
        listener_server,
        listener_client,
    )
    .dies(Role::Server),
    Pair::new(
        "killed_client_is_noticed",
        "a server notices its killed client and serves the next",
        On::Both,
        serving_server,
        dying_client,
    )
    .dies(Role::Client),
];

/// A pair whose server dies when the client is surely waiting.
const fn killed(name: &'static str, about: &'static str, client: fn(&mut Side)) -> Pair {
    Pair::new(name, about, On::Both, dying_server, client).dies(Role::Server)
}

fn dying_server(side: &mut Side) {
    let _conn = side.accept_stream();
    side.control.expect("waiting");
    sleep(HEAD_START);
    die();
}

/// Checks that the stream ends as the backend declares for killed peers.
fn expect_killed(side: &Side, conn: &dyn Connection) {
    match side.backend.killed_peer() {
        Ending::Eof => expect_eof(conn),
        Ending::Reset => expect_reset_once(conn),
    }
}

fn reader(side: &mut Side) {
    let conn = side.connect_stream();
    side.control.signal("waiting");
    promptly(|| expect_killed(side, &*conn));
}

fn writer(side: &mut Side) {
    let conn = side.connect_stream();
    fill(&*conn, &mut Pattern::new(1));
    conn.set_nonblocking(false).expect("blocking");
    scope(|scope| {
        let writer = scope.spawn(|| write_until_error(&*conn));
        side.control.signal("waiting");
        let error = promptly(|| writer.join().expect("the writer"));
        expect_errno(&error, &[ECONNRESET, EPIPE]);
    });
}

fn poller(side: &mut Side) {
    let conn = side.connect_stream();
    side.control.signal("waiting");
    let ready = promptly(|| await_ready(&*conn, Ready::RDHUP));
    assert!(ready.has_any(Ready::RDHUP.and(Ready::HUP)), "{ready:?}");
    expect_killed(side, &*conn);
}

fn epoll(side: &mut Side) {
    let conn = side.connect_stream();
    let end = EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLHUP;
    let poller = Poller::of(
        &*conn,
        EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLET,
    );
    side.control.signal("waiting");
    let start = Instant::now();
    while !poller.event().intersects(end) {
        assert!(start.elapsed() < PROMPT, "no such event");
    }
    expect_killed(side, &*conn);
}

fn later_writes(side: &mut Side) {
    let conn = side.connect_stream();
    side.control.signal("waiting");
    await_ready(&*conn, Ready::IN);
    promptly(|| write_until_error(&*conn));
    // The first errors may be the reset's.
    let error = until("EPIPE", || {
        conn.write(b"x")
            .err()
            .filter(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
    });
    expect_errno(&error, &[EPIPE]);
}

fn last_words_server(side: &mut Side) {
    let conn = side.accept_stream();
    write_all(&*conn, b"last words");
    die();
}

fn last_words_client(side: &mut Side) {
    let conn = side.connect_stream();
    promptly(|| {
        expect_bytes(&*conn, b"last words");
        expect_killed(side, &*conn);
    });
}

fn listener_server(side: &mut Side) {
    let _listener = side.listen(Kind::Stream);
    side.control.expect("connected");
    die();
}

fn listener_client(side: &mut Side) {
    let addr = side.control.expect("address");
    let queued = side.backend.connect(Kind::Stream, &addr).expect("connect");
    side.control.signal("connected");
    promptly(|| expect_reset_once(&*queued));
    let error = until("refusal", || side.backend.connect(Kind::Stream, &addr).err());
    expect_errno(&error, &[ECONNREFUSED]);
}

fn serving_server(side: &mut Side) {
    let listener = side.listen(Kind::Stream);
    let (first, _) = listener.accept().expect("accept");
    let (second, _) = listener.accept().expect("accept");
    expect_bytes(&*first, b"1");
    side.control.signal("die");
    promptly(|| expect_killed(side, &*first));
    promptly(|| expect_killed(side, &*second));
    let own = side
        .backend
        .connect(Kind::Stream, &listener.local_addr().expect("address"))
        .expect("connect");
    let (third, _) = listener.accept().expect("accept");
    write_all(&*own, b"3");
    expect_bytes(&*third, b"3");
}

fn dying_client(side: &mut Side) {
    let addr = side.control.expect("address");
    let first = side.backend.connect(Kind::Stream, &addr).expect("connect");
    let _second = side.backend.connect(Kind::Stream, &addr).expect("connect");
    write_all(&*first, b"1");
    side.control.expect("die");
    die();
}
