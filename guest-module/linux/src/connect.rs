//! Connecting and accepting, with all their waiting; and pairs.

use crate::glue::{self, wake};
use crate::hv;
use crate::link::Link;
use crate::mem::warning;
use crate::socket::{Phase, Socket, State, with_port};
use crate::table;
use crate::wait::{FOREVER, Waiter};
use core::pin::pin;
use core::sync::atomic::Ordering;
use v4v_ring::Addr;
use v4v_ring::layout::event;
use v4v_sock::{Connector, Errno, Listener, PollState, SocketKind};

/// `EALREADY`: an attempt is under way.
const ALREADY: Errno = Errno(114);
/// How long a blocking connect waits for a listener with a full backlog: as Linux's TCP with its six retries.
const CONNECT_TIMEOUT_MS: u32 = 127_000;
/// How often a request is tried again that found the listener's ring full, in milliseconds.
const RETRY_MS: u32 = 10;
/// Rounds of requests that one run of the work answers before others get the kernel thread.
const ROUNDS: usize = 8;

impl Socket {
    pub(crate) fn connect(&self, to: Addr, nonblock: bool) -> Result<(), Errno> {
        if self.kind == SocketKind::Datagram {
            return self.dgram()?.socket.connect(Some(to));
        }
        self.start(to, nonblock)?;
        let asked = self.sk.send_timeout(nonblock);
        let timeout = if asked == FOREVER {
            glue::jiffies(CONNECT_TIMEOUT_MS)
        } else {
            asked
        };
        match self.await_link(timeout) {
            Ok(_) => Ok(()),
            Err(Errno::AGAIN) if asked == FOREVER => {
                self.state.lock().phase = Phase::Idle;
                Err(Errno::TIMEDOUT)
            }
            Err(Errno::AGAIN) => Err(Errno::INPROGRESS),
            Err(e) => Err(e),
        }
    }

    /// Starts an attempt, unless a blocking connect finds one under way.
    fn start(&self, to: Addr, nonblock: bool) -> Result<(), Errno> {
        let mut state = self.state.lock();
        match &state.phase {
            Phase::Active | Phase::Listening(_) => return Err(Errno::ISCONN),
            Phase::Connecting(_) if nonblock => {
                return match self.progress(&mut state) {
                    Ok(()) => Err(Errno::ISCONN),
                    Err(Errno::AGAIN) => Err(ALREADY),
                    Err(e) => Err(e),
                };
            }
            Phase::Connecting(_) => return Ok(()),
            Phase::Idle => {}
        }
        // The end of an attempt that nobody waited for is told first.
        if let Some(e) = self.sk.take_error() {
            return Err(e);
        }
        let port = state.port.as_ref().map(crate::ports::Port::number);
        let connector = Connector::start(self.xen(), to, self.options(), port)
            .inspect_err(|e| {
                if *e == Errno::SRCH {
                    warning!("no connection to {to}: there is no such domain");
                }
            })
            .map_err(refused)?;
        if let Some(ring) = connector.ring() {
            ring.mem().0.serves.store(true, Ordering::Release);
        }
        state.phase = Phase::Connecting(connector);
        Ok(())
    }

    /// Looks for the answer to an attempt.
    ///
    /// # Errors
    /// [`Errno::AGAIN`] while there is none; the attempt's own ends it. Without an attempt: how the last one ended, where
    /// nobody was told yet, or [`Errno::NOTCONN`].
    fn progress(&self, state: &mut State) -> Result<(), Errno> {
        let events = table::event_count();
        let connector = match &mut state.phase {
            Phase::Connecting(connector) => connector,
            Phase::Active => return Ok(()),
            Phase::Idle | Phase::Listening(_) => return Err(self.sk.take_error().unwrap_or(Errno::NOTCONN)),
        };
        match connector.progress() {
            Ok(established) => {
                let done = self.establish(state, established);
                if done.is_err() {
                    state.phase = Phase::Idle;
                }
                done
            }
            Err(Errno::AGAIN) => {
                if let Some(ring) = connector.ring().filter(|_| !connector.requested()) {
                    table::block(ring.mem(), events);
                }
                Err(Errno::AGAIN)
            }
            Err(e) => {
                state.phase = Phase::Idle;
                Err(refused(e))
            }
        }
    }

    /// Waits for the connection that is under way.
    pub(crate) fn await_link(&self, timeout: i64) -> Result<&Link, Errno> {
        let mut waiter = pin!(Waiter::new(self.sk, timeout));
        loop {
            match self.progress(&mut self.state.lock()) {
                Ok(()) => return self.link().ok_or(Errno::NOTCONN),
                Err(Errno::AGAIN) => waiter.as_mut().begin()?,
                Err(e) => return Err(e),
            }
            if let Some(most) = self.attempt_sleeps() {
                waiter.as_mut().sleep(most)?;
            }
        }
    }

    /// Before waiting for an answer: how long at most, `None` where there is something to look at.
    fn attempt_sleeps(&self) -> Option<i64> {
        let mut state = self.state.lock();
        let Phase::Connecting(connector) = &mut state.phase else {
            return None;
        };
        let most = if connector.requested() {
            FOREVER
        } else {
            glue::jiffies(RETRY_MS)
        };
        connector.before_sleep(event::SLEEPS).map(|_| most)
    }

    /// Waits for a connection and puts it into `new`.
    pub(crate) fn accept(&self, new: &Self, nonblock: bool) -> Result<(), Errno> {
        if !self.kind.connects() {
            return Err(Errno::OPNOTSUPP);
        }
        let mut waiter = pin!(Waiter::new(self.sk, self.sk.receive_timeout(nonblock)));
        loop {
            let accepted = self.state.lock().listener().ok_or(Errno::INVAL)?.accept();
            match accepted {
                Ok(established) => return new.establish(&mut new.state.lock(), established),
                Err(Errno::AGAIN) => waiter.as_mut().begin()?,
                Err(e) => return Err(e),
            }
            let sleeps = {
                let mut state = self.state.lock();
                let listener = state.listener().ok_or(Errno::INVAL)?;
                listener.waiting() == 0 && listener.before_sleep(event::SLEEPS).is_some()
            };
            if sleeps {
                waiter.as_mut().sleep(FOREVER)?;
            }
        }
    }

    /// What a socket is ready for that has no connection; `None` where it has got one.
    pub(crate) fn poll_passive(&self) -> Option<PollState> {
        let mut state = self.state.lock();
        match &mut state.phase {
            Phase::Listening(listener) => {
                let poll = listener.poll();
                let late = !poll.input && listener.before_sleep(event::POLLS).is_none();
                return Some(if late { listener.poll() } else { poll });
            }
            Phase::Active => return self.active().is_none().then(PollState::default),
            Phase::Idle => {}
            Phase::Connecting(_) => match self.progress(&mut state) {
                Ok(()) => return None,
                Err(Errno::AGAIN) => {
                    let Phase::Connecting(connector) = &mut state.phase else {
                        return None;
                    };
                    // `None` again: look once more.
                    return connector.before_sleep(event::POLLS).map(|_| PollState::default());
                }
                Err(e) => self.sk.set_error(e.0),
            },
        }
        // As Linux's TCP: nothing to wait for, and after a failed attempt everything.
        let failed = self.sk.has_error();
        Some(PollState {
            input: failed,
            output: true,
            rdhup: failed,
            hup: true,
            err: failed,
        })
    }

    /// The work of a socket without connection: a listener answers requests, an attempt looks for its answer.
    pub(crate) fn serve(&self) {
        let mut state = self.state.lock();
        if let Some(listener) = state.listener() {
            // SO_RCVBUF may have changed since; it is never a size that cannot be.
            let _ = listener.set_ring_len(self.options().ring_len);
            let idle =
                (0..ROUNDS).any(|_| !listener.service() && listener.before_sleep(event::SLEEPS).is_some());
            let waiting = listener.waiting() > 0;
            drop(state);
            if waiting {
                self.sk.wake(wake::READ);
            }
            if !idle {
                self.sk.work();
            }
            return;
        }
        if !matches!(state.phase, Phase::Connecting(_)) {
            return;
        }
        match self.progress(&mut state) {
            Err(Errno::AGAIN) => {
                if let Phase::Connecting(connector) = &mut state.phase
                    && connector.before_sleep(event::SLEEPS).is_none()
                {
                    self.sk.work();
                }
                return;
            }
            Err(e) => self.sk.set_error(e.0),
            Ok(()) => {}
        }
        drop(state);
        self.sk.wake(wake::READ | wake::WRITE);
    }

    /// Connects two new sockets of this guest with each other.
    pub(crate) fn pair(&self, other: &Self) -> Result<(), Errno> {
        if self.kind == SocketKind::Datagram {
            let (one, two) = (self.dgram()?, other.dgram()?);
            one.socket.connect(Some(two.socket.local()))?;
            return two.socket.connect(Some(one.socket.local()));
        }
        let open = |port| Listener::listen(self.xen(), port, 1, self.options());
        let (port, mut listener) = with_port(0, open)?;
        let to = Addr::new(hv::domain(), port.number());
        let mut connector = Connector::start(other.xen(), to, other.options(), None)?;
        let accepted = listener.accept()?;
        let connected = connector.progress()?;
        self.establish(&mut self.state.lock(), accepted)?;
        other.establish(&mut other.state.lock(), connected)
    }
}

/// What a user is told of a failed attempt. TCP's users know no domains: one that does not exist refuses.
fn refused(e: Errno) -> Errno {
    if e == Errno::SRCH { Errno::CONNREFUSED } else { e }
}
