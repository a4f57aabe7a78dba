//! Many connections, many messages, random kills; afterwards the daemon holds no ring, descriptor or byte of the dead.

mod process;

use std::collections::BTreeSet;
use std::io;
use std::process::{Child, ExitCode};
use std::thread;
use std::time::{Duration, Instant};
use v4v_soak::daemon::Daemon;
use v4v_soak::pattern::Scatter;
use v4v_soak::roles::{PORT, await_ready, play, spawn};
use v4vsock::V4vDatagram;

/// Connections opened and closed at once, in one process.
const AT_ONCE: u32 = 1000;
/// Messages that are checked, in all.
const MESSAGES: u32 = 1_000_000;
/// Connections that they go over.
const CONNECTIONS: u32 = 20;
/// Rounds of random kills.
const KILLS: u64 = 40;
/// Domains that flood one socket with requests.
const KNOCKERS: u32 = 2;
/// Time-outs beside it.
const TIMEOUTS: u32 = 5;
/// Domains that wait for room in one ring: more than the hypervisor keeps in a ring's list of waiting senders.
const SENDERS: u32 = 2 * v4v_hv::limits::MAX_PENDING as u32;

/// A test, with a daemon of its own.
type Test = fn(&Daemon) -> io::Result<()>;

fn main() -> ExitCode {
    if let Some(played) = play() {
        return match played {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("soak: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let tests: [(&str, Test); 14] = [
        ("connections_at_once", connections_at_once),
        ("a_million_messages", a_million_messages),
        ("random_kills", random_kills),
        ("a_line_of_senders", a_line_of_senders),
        ("a_flood_of_requests", a_flood_of_requests),
        ("accept_beside_a_flood", process::accept_beside_a_flood),
        (
            "attempts_beyond_the_backlog",
            process::attempts_beyond_the_backlog,
        ),
        ("a_full_receiver", process::a_full_receiver),
        ("a_child_of_fork", process::a_child_of_fork),
        (
            "a_child_that_outlives_its_parent",
            process::a_child_that_outlives_its_parent,
        ),
        ("a_failed_attempt", process::a_failed_attempt),
        ("a_crowd_at_many_listeners", process::a_crowd_at_many_listeners),
        ("no_descriptors_left", process::no_descriptors_left),
        ("the_daemons_end", process::the_daemons_end),
    ];
    let mut failed = 0;
    for (name, test) in tests {
        let start = Instant::now();
        let outcome = run(test);
        let seconds = start.elapsed().as_secs_f32();
        match outcome {
            Ok(()) => println!("test {name} ... ok ({seconds:.1} s)"),
            Err(error) => {
                failed += 1;
                println!("test {name} ... FAILED ({seconds:.1} s): {error}");
            }
        }
    }
    println!("soak: {} passed, {failed} failed", tests.len() - failed);
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// One test with a daemon of its own, and the look at what that holds afterwards.
fn run(test: Test) -> io::Result<()> {
    let daemon = Daemon::start()?;
    // SAFETY: no other thread runs yet in this process.
    unsafe {
        std::env::set_var("V4V_SOCKET", daemon.socket());
        std::env::set_var("V4V_DOMAIN", "soak");
        std::env::set_var("V4V_BACKEND", "hosted");
    }
    // The first question joins the daemon, so that our own connection is part of what it holds at rest.
    rings()?;
    let at_rest = daemon.descriptors()?;
    test(&daemon)?;
    daemon.await_clean(at_rest, rings)?;
    if daemon.stop()? {
        Ok(())
    } else {
        Err(io::Error::other("v4vd did not stop cleanly"))
    }
}

/// Rings and their bytes in all domains.
fn rings() -> io::Result<(u32, u64)> {
    let domains = v4vsock::stat::domains()?;
    Ok((
        domains.iter().map(|d| d.rings).sum(),
        domains.iter().map(|d| d.bytes).sum(),
    ))
}

fn finish(name: &str, mut child: Child) -> io::Result<()> {
    let status = child.wait()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("{name} ended with {status}")))
    }
}

fn kill(mut child: Child) -> io::Result<()> {
    child.kill()?;
    child.wait().map(drop)
}

fn server(daemon: &Daemon) -> io::Result<Child> {
    let mut server = spawn(daemon.socket(), "server", "serve")?;
    await_ready(&mut server)?;
    Ok(server)
}

fn connections_at_once(daemon: &Daemon) -> io::Result<()> {
    let server = server(daemon)?;
    for round in 0..2 {
        let mut client = spawn(
            daemon.socket(),
            "client",
            &format!("talk server {AT_ONCE} 1 {round}"),
        )?;
        await_ready(&mut client)?;
        let (count, _) = rings()?;
        println!("  {AT_ONCE} connections stand: {count} rings");
        finish("the client", client)?;
    }
    kill(server)
}

fn a_million_messages(daemon: &Daemon) -> io::Result<()> {
    let server = server(daemon)?;
    let role = |first: u32| {
        format!(
            "talk server {} {} {first}",
            CONNECTIONS / 2,
            MESSAGES / CONNECTIONS
        )
    };
    let clients = [
        spawn(daemon.socket(), "a", &role(0))?,
        spawn(daemon.socket(), "b", &role(CONNECTIONS))?,
    ];
    for client in clients {
        finish("a client", client)?;
    }
    kill(server)
}

/// Servers and clients die in the middle of traffic, in every order, while one pair that nobody kills goes on with every byte right.
fn random_kills(daemon: &Daemon) -> io::Result<()> {
    let mut steady_server = spawn(daemon.socket(), "steady", "serve")?;
    await_ready(&mut steady_server)?;
    let steady = spawn(daemon.socket(), "steady-client", "talk steady 4 20000 0")?;
    let mut scatter = Scatter::new(20_261_124);
    for _ in 0..KILLS {
        let server = server(daemon)?;
        let mut clients = Vec::new();
        for name in ["x", "y"] {
            clients.push(spawn(daemon.socket(), name, "hold server 8")?);
        }
        thread::sleep(Duration::from_millis(scatter.below(60)));
        if scatter.below(2) == 0 {
            kill(server)?;
            for mut client in clients {
                // Its peer is gone, so it ends by itself: a hang would be a lost reset.
                await_end(&mut client)?;
            }
        } else {
            for client in clients {
                kill(client)?;
            }
            kill(server)?;
        }
    }
    finish("the pair that nobody killed", steady)?;
    kill(steady_server)
}

/// A datagram socket's ring is full, and more domains wait for room in it than the hypervisor remembers: all get their turn.
fn a_line_of_senders(daemon: &Daemon) -> io::Result<()> {
    let receiver = V4vDatagram::bind(PORT)?;
    receiver.set_nonblocking(true)?;
    let full = loop {
        if let Err(error) = receiver.send_to(&[0; 1024], ("soak", PORT)) {
            break error;
        }
    };
    if full.kind() != io::ErrorKind::WouldBlock {
        return Err(full);
    }
    let mut senders = Vec::new();
    for id in 0..SENDERS {
        let mut sender = spawn(daemon.socket(), &format!("s{id}"), &format!("post soak {id}"))?;
        await_ready(&mut sender)?;
        senders.push(sender);
    }
    thread::sleep(Duration::from_millis(50));
    receiver.set_nonblocking(false)?;
    receiver.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut missing: BTreeSet<u32> = (0..SENDERS).collect();
    let mut buffer = [0; 1024];
    while !missing.is_empty() {
        let (len, _) = receiver.recv_from(&mut buffer)?;
        if let Ok(id) = <[u8; 4]>::try_from(&buffer[..len]) {
            missing.remove(&u32::from_le_bytes(id));
        }
    }
    for sender in senders {
        finish("a sender", sender)?;
    }
    Ok(())
}

/// Strangers keep a datagram socket's ring from being empty, and its time-outs hold all the same.
fn a_flood_of_requests(daemon: &Daemon) -> io::Result<()> {
    let receiver = V4vDatagram::bind(PORT)?;
    let timeout = Duration::from_millis(100);
    receiver.set_read_timeout(Some(timeout))?;
    let mut knockers = Vec::new();
    for id in 0..KNOCKERS {
        let mut knocker = spawn(
            daemon.socket(),
            &format!("k{id}"),
            &format!("knock {}", v4vsock::local_domain()?),
        )?;
        await_ready(&mut knocker)?;
        knockers.push(knocker);
    }
    let start = Instant::now();
    for _ in 0..TIMEOUTS {
        match receiver.recv_from(&mut [0; 16]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            outcome => return Err(io::Error::other(format!("no time-out but {outcome:?}"))),
        }
    }
    let took = start.elapsed();
    for mut knocker in knockers {
        if knocker.try_wait()?.is_some() {
            return Err(io::Error::other("a flood ended by itself"));
        }
        kill(knocker)?;
    }
    if took > 5 * TIMEOUTS * timeout {
        return Err(io::Error::other(format!(
            "{TIMEOUTS} time-outs of {timeout:?} took {took:?}"
        )));
    }
    Ok(())
}

fn await_end(child: &mut Child) -> io::Result<()> {
    let end = Instant::now() + Duration::from_secs(10);
    while child.try_wait()?.is_none() {
        if Instant::now() > end {
            child.kill()?;
            return Err(io::Error::other("a client hangs although its server was killed"));
        }
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
