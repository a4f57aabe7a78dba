//! What the child processes do. A child is this very program, started again with a role in its environment.

use crate::crowd::{crowd, crowded};
use crate::forker::leave_a_child;
use crate::knock::knock;
use crate::outlive::outlive;
use crate::pattern::{HEAD, LONGEST, check, fill};
use crate::starve::starve;
use std::env;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use v4vsock::{SocketOptions, V4vDatagram, V4vStream};

/// The variable that holds a child's role and its arguments.
const ROLE: &str = "V4V_SOAK_ROLE";
/// The port of the echo server.
pub const PORT: u32 = 7000;
/// Bytes of a connection's rings in the soak: small ones, so that they wrap and fill often.
const RING: usize = 16 * 1024;

/// Starts a child in `domain` with a role: `serve`, `talk SERVER CONNECTIONS MESSAGES FIRST`,
/// `hold SERVER CONNECTIONS`, `post RECEIVER ID`, `knock RECEIVER_ID`, `outlive`, `starve SERVER`, `crowded`,
/// `crowd SERVER`, `leave-a-child`.
///
/// # Errors
/// The system's.
pub fn spawn(socket: &Path, domain: &str, role: &str) -> io::Result<Child> {
    Command::new(env::current_exe()?)
        .env(ROLE, role)
        .env("V4V_SOCKET", socket)
        .env("V4V_DOMAIN", domain)
        .env("V4V_BACKEND", "hosted")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
}

/// Waits until a child has printed its first line, which says that it is ready.
///
/// # Errors
/// `UnexpectedEof` where it ended before.
pub fn await_ready(child: &mut Child) -> io::Result<()> {
    let out = child.stdout.as_mut().ok_or(io::ErrorKind::NotFound)?;
    let mut byte = [0; 1];
    while byte != *b"\n" {
        out.read_exact(&mut byte)?;
    }
    Ok(())
}

/// Plays the role of this process, if it has one.
#[must_use]
pub fn play() -> Option<io::Result<()>> {
    let role = env::var(ROLE).ok()?;
    let words: Vec<&str> = role.split(' ').collect();
    Some(match words[..] {
        ["serve"] => serve(),
        ["talk", server, connections, messages, first] => {
            talk(server, number(connections), number(messages), number(first))
        }
        ["hold", server, connections] => hold(server, number(connections)),
        ["knock", receiver] => knock(number(receiver)),
        ["crowded"] => crowded(),
        ["crowd", server] => crowd(server),
        ["leave-a-child"] => leave_a_child(),
        ["outlive"] => outlive(),
        ["starve", server] => starve(server),
        ["post", receiver, id] => post(receiver, number(id)),
        _ => Err(io::Error::other(format!("no such role: {role}"))),
    })
}

fn number(word: &str) -> u32 {
    word.parse().unwrap_or(0)
}

pub(crate) fn ready() -> io::Result<()> {
    println!("ready");
    io::stdout().flush()
}

/// Echoes every connection, each in a thread, until it is killed. A connection that breaks ends its own thread only.
fn serve() -> io::Result<()> {
    let listener = SocketOptions::new()
        .backlog(2000)
        .receive_buffer(RING)
        .listen_stream(PORT)?;
    ready()?;
    for stream in listener.incoming() {
        let stream = stream?;
        thread::Builder::new()
            .stack_size(128 * 1024)
            .spawn(move || echo(&stream))?;
    }
    Ok(())
}

fn echo(mut stream: &V4vStream) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(n) = stream.read(&mut buffer) {
        if n == 0 || stream.write_all(&buffer[..n]).is_err() {
            return;
        }
    }
}

pub(crate) fn connect(server: &str) -> io::Result<V4vStream> {
    SocketOptions::new()
        .receive_buffer(RING)
        .connect_stream((server, PORT))
}

/// Opens all connections at once, then sends messages over all of them in turn and checks what comes back.
fn talk(server: &str, connections: u32, messages: u32, first: u32) -> io::Result<()> {
    let streams: Vec<V4vStream> = (0..connections)
        .map(|_| connect(server))
        .collect::<io::Result<_>>()?;
    ready()?;
    let (mut out, mut back) = ([0; LONGEST], [0; LONGEST]);
    for message in 0..messages {
        for (id, mut stream) in (first..).zip(&streams) {
            let len = fill(id, message, &mut out);
            stream.write_all(&out[..len])?;
        }
        for (id, mut stream) in (first..).zip(&streams) {
            stream.read_exact(&mut back[..HEAD])?;
            let len = crate::pattern::length(id, message);
            stream.read_exact(&mut back[HEAD..len])?;
            check(id, message, &back[..len]).map_err(io::Error::other)?;
        }
    }
    Ok(())
}

/// Opens connections, sends on all of them without reading much, and waits to be killed.
fn hold(server: &str, connections: u32) -> io::Result<()> {
    let streams: Vec<V4vStream> = (0..connections)
        .map(|_| connect(server))
        .collect::<io::Result<_>>()?;
    ready()?;
    let mut buffer = [0; LONGEST];
    loop {
        for (id, mut stream) in (0..).zip(&streams) {
            let len = fill(id, 0, &mut buffer);
            stream.write_all(&buffer[..len])?;
            let n = stream.available()?.min(LONGEST);
            stream.read_exact(&mut buffer[..n])?;
        }
    }
}

/// Sends one datagram, however long it waits for room.
fn post(receiver: &str, id: u32) -> io::Result<()> {
    let socket = V4vDatagram::bind(0)?;
    ready()?;
    socket.send_to(&id.to_le_bytes(), (receiver, PORT)).map(drop)
}
