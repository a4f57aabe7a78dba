//! A socket that connects, or was accepted: before, while and after it has a connection.

use crate::hosted::control::{control, lock};
use crate::hosted::fork::Generation;
use crate::hosted::keeper::Chore;
use crate::hosted::link::{Flags, Link};
use crate::hosted::options::Options;
use crate::hosted::platform::Hosted;
use crate::hosted::ring::HostedRing;
use crate::hosted::sink::Scatter;
use crate::hosted::tx::Gather;
use crate::hosted::wait::{Deadline, sleep};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;
use v4v_ring::Addr;
use v4v_ring::layout::{Word, event};
use v4v_sock::connect::ConnOptions;
use v4v_sock::{Connector, Errno, Established, Received};

/// How long an attempt to connect waits for a listener with a full backlog: as Linux's TCP with its six retries.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(127);
/// How often a request is tried again that finds the listener's ring full.
const RETRY: Duration = Duration::from_millis(2);

/// A socket.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) options: Options,
    generation: Generation,
    link: OnceLock<Link>,
    connecting: Mutex<Connecting>,
    /// The own ring, whose descriptor users poll from the start; after a failed attempt too.
    ring: HostedRing,
    local: Addr,
    remote: Addr,
}

/// The way to a connection.
#[derive(Debug)]
struct Connecting {
    platform: Hosted,
    connector: Option<Connector<Hosted>>,
    /// When it is given up, whoever waits.
    until: Deadline,
    /// Why it failed, where no call has been told yet.
    failed: Option<io::Error>,
}

impl Socket {
    /// Connects and waits for it.
    pub(crate) fn connect(to: Addr, options: ConnOptions, timeout: Option<Duration>) -> io::Result<Self> {
        let deadline = Deadline::after(Some(timeout.unwrap_or(CONNECT_TIMEOUT)));
        let socket = Self::start(to, options)?;
        match socket.await_link(deadline) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(timed_out(to)),
            outcome => outcome.map(|()| socket),
        }
    }

    /// Starts to connect and returns at once; the descriptor is writable when it is done, and `take_error` says how.
    pub(crate) fn connect_nonblocking(to: Addr, options: ConnOptions) -> io::Result<Arc<Self>> {
        let socket = Arc::new(Self::start(to, options)?);
        socket.options.set_nonblocking(true);
        socket.ring.block();
        // The answer may have come before the block, which would hide it.
        match socket.progress() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
        let connecting = lock(&socket.connecting);
        let (late, platform) = (connecting.awaits_room(), connecting.platform.clone());
        // The chore may be done at once, in this thread.
        drop(connecting);
        if late {
            // Nobody tells when there is room.
            let chore: Weak<Self> = Arc::downgrade(&socket);
            platform.later(chore);
        }
        Ok(socket)
    }

    fn start(to: Addr, options: ConnOptions) -> io::Result<Self> {
        let platform = Hosted::new(control()?);
        let connector = Connector::start(platform.clone(), to, options, None)
            .map_err(|e| refused(platform.explain(e), to))?;
        let ring = connector
            .ring()
            .map(|ring| ring.mem().clone())
            .ok_or(io::ErrorKind::NotConnected)?;
        let (local, remote) = (connector.local(), connector.remote());
        let generation = platform.generation();
        let connecting = Connecting {
            platform,
            connector: Some(connector),
            until: Deadline::after(Some(CONNECT_TIMEOUT)),
            failed: None,
        };
        let (link, options) = (OnceLock::new(), Options::default());
        Ok(Self {
            options,
            generation,
            link,
            connecting: Mutex::new(connecting),
            ring,
            local,
            remote,
        })
    }

    /// The socket of an accepted connection.
    pub(crate) fn accepted(platform: Hosted, established: Established<Hosted>) -> Self {
        let (local, remote) = (established.conn.local(), established.conn.remote());
        let ring = established.conn.ring().mem().clone();
        let link = OnceLock::from(Link::new(platform.clone(), established));
        let generation = platform.generation();
        let connecting = Mutex::new(Connecting {
            platform,
            connector: None,
            until: Deadline::after(None),
            failed: None,
        });
        Self {
            options: Options::default(),
            generation,
            link,
            connecting,
            ring,
            local,
            remote,
        }
    }

    /// The connection, where there is one yet.
    #[inline]
    fn link(&self) -> io::Result<&Link> {
        self.generation.check()?;
        if let Some(link) = self.link.get() {
            return Ok(link);
        }
        if self.options.nonblocking() {
            self.progress()?;
        } else {
            self.await_link(Deadline::after(Some(CONNECT_TIMEOUT)))?;
        }
        self.link.get().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Looks whether the answer has come. `WouldBlock` while it has not; the error of a failed attempt once, then `NotConnected`.
    fn progress(&self) -> io::Result<()> {
        self.generation.check()?;
        let mut connecting = lock(&self.connecting);
        match connecting.failed.take() {
            Some(error) => Err(error),
            None => self.advance(&mut connecting),
        }
    }

    /// The same for a look in passing: an error is kept for a call that can tell of it.
    fn look_on(&self) -> io::Result<()> {
        self.generation.check()?;
        let mut connecting = lock(&self.connecting);
        if connecting.connector.is_none() {
            return Ok(());
        }
        match self.advance(&mut connecting) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                connecting.failed = Some(error);
                Ok(())
            }
            outcome => outcome,
        }
    }

    fn advance(&self, connecting: &mut Connecting) -> io::Result<()> {
        if self.link.get().is_some() {
            return Ok(());
        }
        let Some(connector) = &mut connecting.connector else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        match connector.progress() {
            Ok(established) => {
                let platform = connecting.platform.clone();
                connecting.connector = None;
                self.ring.unblock();
                let link = Link::new(platform, established);
                if self.options.nonblocking() {
                    link.watch();
                }
                // Nobody else sets it: `connecting` is locked.
                let _ = self.link.set(link);
                Ok(())
            }
            Err(Errno::AGAIN) if connecting.until.left().is_ok() => Err(io::ErrorKind::WouldBlock.into()),
            Err(Errno::AGAIN) => {
                connecting.connector = None;
                self.ring.hang_up();
                Err(timed_out(self.remote))
            }
            Err(errno) => {
                connecting.connector = None;
                self.ring.hang_up();
                connecting.platform.check_daemon()?;
                Err(refused(connecting.platform.explain(errno), self.remote))
            }
        }
    }

    fn await_link(&self, deadline: Deadline) -> io::Result<()> {
        loop {
            match self.progress() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return outcome,
            }
            let mut connecting = lock(&self.connecting);
            let Some(connector) = &mut connecting.connector else {
                continue;
            };
            let requested = connector.requested();
            let word = connector.before_sleep(event::SLEEPS);
            drop(connecting);
            if let Some(value) = word {
                let until = if requested {
                    deadline
                } else {
                    deadline.at_most(RETRY)
                };
                match sleep(self.ring.mem.word(Word::Event), value, until) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => deadline.left().map(drop)?,
                    // As std::net's connect: a signal does not end the attempt.
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    outcome => outcome?,
                }
            }
        }
    }

    pub(crate) fn recv(&self, slices: &mut [IoSliceMut<'_>], flags: Flags) -> io::Result<Received> {
        self.link()?.recv(&mut Scatter::new(slices), &self.options, flags)
    }

    pub(crate) fn send(&self, slices: &[IoSlice<'_>], flags: Flags) -> io::Result<usize> {
        self.link()?.send(&mut Gather::new(slices), &self.options, flags)
    }

    /// The error that waits, if any; an attempt to connect that is over ends with it.
    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.generation.check()?;
        if let Some(link) = self.link.get() {
            return Ok(link.take_error());
        }
        match self.progress() {
            Ok(()) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(None),
            Err(error) => Ok(Some(error)),
        }
    }

    pub(crate) fn set_nonblocking(&self, on: bool) {
        self.options.set_nonblocking(on);
        // Whoever does not wait in calls waits in poll.
        if let Some(link) = self.link.get().filter(|_| on && self.generation.is_current()) {
            link.watch();
        }
    }

    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        let link = self.link()?;
        if how != Shutdown::Write {
            link.shutdown_read();
        }
        if how == Shutdown::Read {
            Ok(())
        } else {
            link.shutdown_write()
        }
    }

    pub(crate) fn available(&self) -> io::Result<usize> {
        Ok(self.link()?.available())
    }

    pub(crate) fn message_max(&self) -> io::Result<usize> {
        Ok(self.link()?.message_max() as usize)
    }

    /// Makes the drop of the last clone a reset.
    pub(crate) fn abort(&self) {
        if let Some(link) = self.link.get() {
            link.abort();
        }
    }

    pub(crate) fn local(&self) -> Addr {
        self.local
    }

    /// The peer's address; an error where there never was a connection.
    pub(crate) fn peer(&self) -> io::Result<Addr> {
        // Whether there is one yet is what counts.
        let _ = self.look_on();
        if self.link.get().is_none() {
            return Err(io::ErrorKind::NotConnected.into());
        }
        Ok(self.remote)
    }

    /// The descriptor that polls as the socket does.
    pub(crate) fn face(&self) -> BorrowedFd<'_> {
        if self.link.get().is_none() {
            // While it connects, the ring's own face is shown; it is the same descriptor as the connection's.
            let _ = self.look_on();
        }
        match self.link.get().filter(|_| self.generation.is_current()) {
            Some(link) => link.face(),
            None => self.ring.face().as_fd(),
        }
    }
}

impl Connecting {
    /// Whether the request did not fit into the listener's ring yet.
    fn awaits_room(&self) -> bool {
        self.connector.as_ref().is_some_and(|c| !c.requested())
    }
}

impl Chore for Socket {
    /// Sends the request, if it fits by now. A failure is kept for the call that asks.
    fn look(&self) -> bool {
        self.look_on().is_err() && lock(&self.connecting).awaits_room()
    }
}

/// What a user is told of a refusal without a sentence of the daemon's.
fn refused(error: io::Error, to: Addr) -> io::Error {
    let said = error.raw_os_error();
    match said {
        Some(libc::ECONNREFUSED) => {
            let reason = format!("nobody listens at {to}, or it can take no more connections");
            crate::error::with_reason(libc::ECONNREFUSED, &reason)
        }
        Some(libc::ESRCH) => crate::error::with_reason(
            libc::ECONNREFUSED,
            &format!("there is no domain {}: see `v4v stat`", to.domain),
        ),
        Some(libc::EPROTOTYPE) => crate::error::with_reason(
            libc::EPROTOTYPE,
            &format!("{to} listens with another socket type"),
        ),
        Some(libc::EPROTONOSUPPORT) => crate::error::with_reason(
            libc::EPROTONOSUPPORT,
            &format!("{to} speaks another version of the stream protocol"),
        ),
        _ => error,
    }
}

fn timed_out(to: Addr) -> io::Error {
    crate::error::with_reason(
        libc::ETIMEDOUT,
        &format!("{to} has not answered: its backlog is full, or it is a datagram socket that nobody reads"),
    )
}
