//! The sweep protocol between two threads, over a socket pair.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use v4v_bench::netpipe::{self, Client, Plan, client, serve, wire};
use v4v_bench::sizes;

fn served() -> (UnixStream, JoinHandle<std::io::Result<()>>) {
    let (near, far) = UnixStream::pair().expect("a socket pair");
    (near, thread::spawn(move || serve(far)))
}

fn ended(server: JoinHandle<std::io::Result<()>>) -> std::io::Result<()> {
    server.join().expect("the server does not panic")
}

#[test]
fn a_sweep_measures_every_size_and_ends_when_the_client_closes() {
    let (stream, server) = served();
    let sizes = sizes::netpipe(4096, sizes::PERTURBATION);
    let plan = Plan {
        sizes: sizes.clone(),
        runs: 3,
        budget: Duration::from_millis(300),
    };
    let mut seen = Vec::new();
    let samples = client(stream, "unix", &plan, |sample| seen.push(sample.bytes)).expect("an honest peer");
    assert_eq!(seen, sizes, "one sample per size, as it becomes known");
    assert!(
        samples
            .iter()
            .all(|s| s.path == "unix" && s.runs == 3 && s.latency_us > 0.0 && s.mb_per_s > 0.0)
    );
    ended(server).expect("closing is no error");
}

#[test]
fn the_budget_bounds_the_time() {
    let (stream, _server) = served();
    let plan = Plan {
        sizes: vec![1, 64, 1024],
        runs: 4,
        budget: Duration::from_millis(120),
    };
    let start = Instant::now();
    client(stream, "unix", &plan, |_| {}).expect("an honest peer");
    // Generous, for a machine that does other things meanwhile.
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[test]
fn the_longest_messages_go_round_unchanged() {
    let (stream, _server) = served();
    let mut client = Client::new(stream);
    client
        .echo(sizes::LONGEST + sizes::PERTURBATION, 1)
        .expect("intact");
    client.echo(1, 1).expect("and short ones after them");
}

#[test]
fn streamed_messages_are_all_counted() {
    let (stream, server) = served();
    let mut client = Client::new(stream);
    for bytes in [1, 64, 65_536, 1 << 20] {
        let done = client
            .stream(bytes, Duration::from_millis(5))
            .expect("an honest peer");
        assert!(done.messages >= 1 && done.elapsed > Duration::ZERO);
    }
    drop(client);
    ended(server).expect("closing is no error");
}

#[test]
fn wake_ups_have_positive_times_and_the_asked_number() {
    let (stream, _server) = served();
    let times = Client::new(stream)
        .wake(1, Duration::from_micros(100), 5)
        .expect("an honest peer");
    assert_eq!(times.len(), 5);
    assert!(times.iter().all(|&ns| ns > 0 && ns < 1_000_000_000), "{times:?}");
}

#[test]
fn a_changed_message_is_an_error() {
    let (stream, mut far) = UnixStream::pair().expect("a socket pair");
    let liar = thread::spawn(move || -> std::io::Result<()> {
        wire::Request::read(&mut far)?;
        wire::write_reply(&mut far, 0)?;
        let mut message = [0; 8];
        loop {
            far.read_exact(&mut message)?;
            message[5] ^= 1;
            far.write_all(&message)?;
        }
    });
    // Two rounds of warm-up and measurement flip the bit back; three do not.
    let error = Client::new(stream).echo(8, 2).expect_err("flipped");
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(liar.join().expect("no panic").is_err());
}

#[test]
fn a_message_that_went_missing_is_an_error() {
    let (stream, mut far) = UnixStream::pair().expect("a socket pair");
    let forgetful = thread::spawn(move || -> std::io::Result<()> {
        wire::Request::read(&mut far)?;
        wire::write_reply(&mut far, 0)?;
        let mut message = [0];
        while message[0] != wire::LAST {
            far.read_exact(&mut message)?;
        }
        wire::write_reply(&mut far, 1)
    });
    let error = Client::new(stream)
        .stream(1, Duration::from_millis(1))
        .expect_err("too few");
    assert!(error.to_string().contains("1 arrived"), "{error}");
    forgetful.join().expect("no panic").expect("it did its part");
}

#[test]
fn a_stranger_is_sent_away() {
    let (mut stream, server) = served();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("a fresh pair takes it");
    assert_eq!(
        ended(server).expect_err("not ours").kind(),
        ErrorKind::InvalidData
    );
}

#[test]
fn impossible_lengths_are_refused_before_anything_is_sent() {
    let (stream, server) = served();
    let mut client = Client::new(stream);
    for bytes in [0, netpipe::MAX_MESSAGE + 1] {
        assert_eq!(
            client.echo(bytes, 1).expect_err("refused").kind(),
            ErrorKind::InvalidInput
        );
    }
    client.echo(1, 1).expect("the session is none the worse");
    drop(client);
    ended(server).expect("closing is no error");
}
