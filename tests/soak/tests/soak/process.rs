//! What can befall one process: more connections than fit, a flood, no descriptors, a fork, the daemon's end.

use crate::{finish, kill};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};
use v4v_soak::daemon::Daemon;
use v4v_soak::roles::{PORT, await_ready, spawn};
use v4vsock::{SocketOptions, V4vDatagram, V4vListener, V4vStream};

/// Attempts to connect at once that do not wait: more than a listener's ring has room for.
const ATTEMPTS: usize = 400;
/// Domains that flood a listener.
const KNOCKERS: u32 = 4;
/// How long accepting beside the flood is watched.
const FLOOD: Duration = Duration::from_secs(2);
/// The longest that one call to `accept` without waiting may take there: a long time slice or two, far below a second.
const ONE_ACCEPT: Duration = Duration::from_millis(100);

/// Two ends of a connection of this process with itself.
fn pair() -> io::Result<(V4vStream, V4vStream)> {
    let listener = V4vListener::bind(PORT)?;
    let stream = V4vStream::connect(("soak", PORT))?;
    Ok((stream, listener.accept()?.0))
}

fn wrong(what: impl Into<String>) -> io::Error {
    io::Error::other(what.into())
}

/// Attempts that do not wait all come to their end, although most of them found the listener's ring full.
pub(crate) fn attempts_beyond_the_backlog(_: &Daemon) -> io::Result<()> {
    let listener = SocketOptions::new().backlog(1).listen_stream(PORT)?;
    let attempts: Vec<V4vStream> = (0..ATTEMPTS)
        .map(|_| {
            SocketOptions::new()
                .nonblocking(true)
                .receive_buffer(16 * 1024)
                .connect_stream(("soak", PORT))
        })
        .collect::<io::Result<_>>()?;
    // All are asked for once, before any is answered: from here on only the descriptors tell.
    let mut waiting: Vec<PollFd<'_>> = attempts
        .iter()
        .map(|stream| PollFd::new(stream.as_fd(), PollFlags::POLLOUT))
        .collect();
    let server = thread::spawn(move || -> io::Result<()> {
        for _ in 0..ATTEMPTS {
            drop(listener.accept()?);
        }
        Ok(())
    });
    let end = Instant::now() + Duration::from_secs(20);
    while !waiting.is_empty() {
        poll(&mut waiting, 100_u8)?;
        waiting.retain(|fd| fd.any() != Some(true));
        if Instant::now() > end {
            return Err(wrong(format!(
                "{} of {ATTEMPTS} attempts never end",
                waiting.len()
            )));
        }
    }
    for stream in &attempts {
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
    }
    server.join().map_err(|_| wrong("the server panicked"))?
}

/// A flood of requests that lead to nothing holds up no call to `accept`.
pub(crate) fn accept_beside_a_flood(daemon: &Daemon) -> io::Result<()> {
    let listener = V4vListener::bind(PORT)?;
    listener.set_nonblocking(true)?;
    let mut knockers = Vec::new();
    for id in 0..KNOCKERS {
        let role = format!("knock {}", v4vsock::local_domain()?);
        let mut knocker = spawn(daemon.socket(), &format!("k{id}"), &role)?;
        await_ready(&mut knocker)?;
        knockers.push(knocker);
    }
    let mut friend = spawn(daemon.socket(), "friend", "talk soak 1 3 0")?;
    let (end, mut longest, mut accepted) = (Instant::now() + FLOOD, Duration::ZERO, None);
    while Instant::now() < end {
        let start = Instant::now();
        match listener.accept() {
            Ok((stream, _)) => accepted = Some(stream),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        longest = longest.max(start.elapsed());
        thread::sleep(Duration::from_millis(1));
    }
    knockers.into_iter().try_for_each(kill)?;
    // A friend is let in during the flood or, where there never was a place in the ring for it, after that.
    let mut stream = match accepted {
        Some(stream) => stream,
        None => {
            listener.set_nonblocking(false)?;
            listener.accept()?.0
        }
    };
    stream.set_nonblocking(false)?;
    let echo = thread::spawn(move || -> io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            match stream.read(&mut buffer)? {
                0 => return Ok(()),
                n => stream.write_all(&buffer[..n])?,
            }
        }
    });
    await_ready(&mut friend)?;
    finish("a friend", friend)?;
    echo.join().map_err(|_| wrong("the echo panicked"))??;
    println!("  the longest accept beside the flood took {longest:?}");
    if longest > ONE_ACCEPT {
        return Err(wrong(format!("an accept that does not wait took {longest:?}")));
    }
    Ok(())
}

/// A datagram that found no room shows by the descriptor, edge-triggered too, when it is to be tried again.
pub(crate) fn a_full_receiver(_: &Daemon) -> io::Result<()> {
    let socket = V4vDatagram::bind(PORT)?;
    socket.set_nonblocking(true)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    let wish = EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
    epoll.add(&socket, EpollEvent::new(wish, 0))?;
    let mut events = [EpollEvent::empty()];
    epoll.wait(&mut events, EpollTimeout::ZERO)?;
    let mut sent = 0;
    let full = loop {
        match socket.send_to(&[0; 1024], ("soak", PORT)) {
            Ok(_) => sent += 1,
            Err(error) => break error,
        }
    };
    if full.kind() != ErrorKind::WouldBlock {
        return Err(full);
    }
    for _ in 0..sent {
        socket.recv_from(&mut [0; 1024])?;
    }
    if epoll.wait(&mut events, EpollTimeout::from(5000_u16))? == 0 {
        return Err(wrong("nothing tells of room"));
    }
    socket.send_to(&[0; 1024], ("soak", PORT)).map(drop)
}

/// A child that drops what it inherited, or tries to use it, takes nothing from its parent.
pub(crate) fn a_child_of_fork(_: &Daemon) -> io::Result<()> {
    let listener = V4vListener::bind(PORT + 1)?;
    let datagram = V4vDatagram::bind(PORT + 2)?;
    let (mut near, mut far) = pair()?;
    far.set_read_timeout(Some(Duration::from_secs(5)))?;
    // SAFETY: the child calls nothing but this library and `_exit`; of the locks that other threads of the parent may hold it
    // needs none, which is part of what is tested.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let refused = near.write_all(b"child").is_err()
                && near.read(&mut [0; 1]).is_err()
                && listener.accept().is_err()
                && datagram.send_to(b"child", ("soak", PORT + 2)).is_err();
            drop((near, far, listener, datagram));
            // SAFETY: ends the process at once, without the parent's exit handlers.
            unsafe { nix::libc::_exit(i32::from(!refused)) }
        }
        ForkResult::Parent { child } => {
            let ended = waitpid(child, None)?;
            if !matches!(ended, WaitStatus::Exited(_, 0)) {
                return Err(wrong(format!("the child used its parent's sockets: {ended:?}")));
            }
        }
    }
    // Not even a farewell of the child's has come.
    far.set_read_timeout(Some(Duration::from_millis(100)))?;
    match far.read(&mut [0; 1]) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
        outcome => {
            return Err(wrong(format!(
                "the child's copy ended the connection: {outcome:?}"
            )));
        }
    }
    far.set_read_timeout(Some(Duration::from_secs(5)))?;
    near.write_all(b"parent")?;
    let mut got = [0; 6];
    far.read_exact(&mut got)?;
    datagram.set_read_timeout(Some(Duration::from_secs(5)))?;
    datagram.send_to(b"self", ("soak", PORT + 2))?;
    let heard = datagram.recv_from(&mut [0; 8])?.0;
    let again = V4vStream::connect(("soak", PORT + 1))?;
    drop((listener.accept()?, again));
    if (&got, heard) == (b"parent", 4) {
        Ok(())
    } else {
        Err(wrong("other bytes arrived"))
    }
}

/// Who connects and is not accepted leaves the process that listens most of its descriptors, however many listeners it has.
pub(crate) fn a_crowd_at_many_listeners(daemon: &Daemon) -> io::Result<()> {
    let mut crowded = spawn(daemon.socket(), "crowded", "crowded")?;
    await_ready(&mut crowded)?;
    let mut crowd = spawn(daemon.socket(), "crowd", "crowd crowded")?;
    await_ready(&mut crowd)?;
    let outcome = soon("the process that a crowd waits at", crowded);
    kill(crowd)?;
    outcome
}

/// A process that ends is gone, also where a child of its lives on.
pub(crate) fn a_child_that_outlives_its_parent(daemon: &Daemon) -> io::Result<()> {
    let mut parent = spawn(daemon.socket(), "parent", "leave-a-child")?;
    await_ready(&mut parent)?;
    let mut stream = V4vStream::connect(("parent", PORT))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let outcome = stream.read(&mut [0; 1]);
    let mut child = String::new();
    let mut out = parent.stdout.take().ok_or(ErrorKind::NotFound)?;
    parent.wait()?;
    while !child.ends_with('\n') {
        let mut byte = [0; 1];
        out.read_exact(&mut byte)?;
        child.push(char::from(byte[0]));
    }
    let pid = child.trim().parse().map_err(io::Error::other)?;
    nix::sys::signal::kill(Pid::from_raw(pid), Signal::SIGKILL)?;
    match outcome {
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(()),
        outcome => Err(wrong(format!("the peer of a process that ended: {outcome:?}"))),
    }
}

/// A failed attempt that does not wait is told of by `take_error`, whatever was asked before.
pub(crate) fn a_failed_attempt(_: &Daemon) -> io::Result<()> {
    let listener = SocketOptions::new().backlog(1).listen_stream(PORT)?;
    let attempt = || {
        SocketOptions::new()
            .nonblocking(true)
            .connect_stream(("soak", PORT))
    };
    let (_first, second) = (attempt()?, attempt()?);
    drop(listener);
    let mut fds = [PollFd::new(second.as_fd(), PollFlags::POLLOUT)];
    if poll(&mut fds, 5000_u16)? == 0 {
        return Err(wrong("the attempt never ends"));
    }
    let _ = (second.as_fd(), second.peer_addr(), second.as_fd());
    match second.take_error()? {
        Some(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        other => Err(wrong(format!("a refused attempt is told of as {other:?}"))),
    }
}

/// Every call that waits, and every poll, ends soon after the daemon, killed or stopped.
pub(crate) fn the_daemons_end(_: &Daemon) -> io::Result<()> {
    for stopped in [false, true] {
        let other = Daemon::another()?;
        let mut waiter = spawn(other.socket(), "waiter", "outlive")?;
        await_ready(&mut waiter)?;
        // Until it sleeps.
        thread::sleep(Duration::from_millis(200));
        if stopped {
            other.stop()?;
        } else {
            other.kill()?;
        }
        soon("a process whose daemon is gone", waiter)?;
    }
    Ok(())
}

/// A process that runs out of descriptors is told so, and leaves no ring at the daemon that it could not take.
pub(crate) fn no_descriptors_left(daemon: &Daemon) -> io::Result<()> {
    let mut server = spawn(daemon.socket(), "server", "serve")?;
    await_ready(&mut server)?;
    let starving = spawn(daemon.socket(), "starving", "starve server")?;
    soon("a process without descriptors", starving)?;
    kill(server)
}

/// Waits for a child's success.
fn soon(name: &str, mut child: Child) -> io::Result<()> {
    let end = Instant::now() + Duration::from_secs(15);
    while child.try_wait()?.is_none() {
        if Instant::now() > end {
            kill(child)?;
            return Err(wrong(format!("{name} hangs")));
        }
        thread::sleep(Duration::from_millis(5));
    }
    finish(name, child)
}
