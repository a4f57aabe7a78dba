//! A socket: what it is at the moment, and the system calls on it.
//!
//! ```text
//!   Idle ──listen──► Listening            bind reserves a port in any of the first three
//!    │ └──connect──► Connecting ──answer──► a Link, for good
//!    └──(datagram) first use──► a Dgram, for good
//! ```
//!
//! A Link or a Dgram is set once and stays until the socket is freed, so the calls that move data reach it without the
//! state's lock.

use crate::dgram::Dgram;
use crate::glue::{Sk, wake};
use crate::hv;
use crate::iter::Buffers;
use crate::linger;
use crate::link::{Link, Want, signal_pipe};
use crate::platform::Xen;
use crate::ports::Port;
use crate::queued;
use crate::sync::{Class, Mutex};
use crate::table;
use alloc::boxed::Box;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};
use v4v_ring::{Addr, DomId};
use v4v_sock::connect::ConnOptions;
use v4v_sock::limits::PORT_TRIES;
use v4v_sock::{Connector, Errno, Established, Listener, PollState, Received, SocketKind};

/// What the socket is for good.
pub(crate) enum Active {
    Conn(Box<Link>),
    Dgram(Dgram),
}

/// What it is until then.
pub(crate) enum Phase {
    Idle,
    Listening(Listener<Xen>),
    Connecting(Connector<Xen>),
    /// See the socket's `active`.
    Active,
}

/// What the state's lock guards.
pub(crate) struct State {
    pub(crate) phase: Phase,
    pub(crate) port: Option<Port>,
}

/// A socket.
pub(crate) struct Socket {
    pub(crate) sk: Sk,
    pub(crate) kind: SocketKind,
    pub(crate) state: Mutex<State>,
    active: AtomicPtr<Active>,
}

impl Socket {
    /// # Errors
    /// [`Errno::NOMEM`].
    pub(crate) fn new(sk: Sk, kind: SocketKind) -> Result<Self, Errno> {
        let state = Mutex::new(
            Class::State,
            State {
                phase: Phase::Idle,
                port: None,
            },
        )?;
        Ok(Self {
            sk,
            kind,
            state,
            active: AtomicPtr::new(null_mut()),
        })
    }

    /// The connection or the datagram socket, where there is one.
    #[inline]
    pub(crate) fn active(&self) -> Option<&Active> {
        // SAFETY: the pointer is null or a leaked box, which only `drop` takes back.
        unsafe { self.active.load(Ordering::Acquire).as_ref() }
    }

    /// The connection.
    #[inline]
    pub(crate) fn link(&self) -> Option<&Link> {
        match self.active() {
            Some(Active::Conn(link)) => Some(link),
            _ => None,
        }
    }

    /// Makes the socket what it is from now on; the caller holds the state's lock.
    pub(crate) fn activate(&self, state: &mut State, active: Box<Active>) {
        self.active.store(Box::into_raw(active), Ordering::Release);
        state.phase = Phase::Active;
        self.sk.set_state(false, self.kind.connects());
    }

    /// Puts an established connection into the socket.
    pub(crate) fn establish(&self, state: &mut State, established: Established<Xen>) -> Result<(), Errno> {
        let link = Box::try_new(Link::new(established, self.sk)?).map_err(|_| Errno::NOMEM)?;
        let active = Box::try_new(Active::Conn(link)).map_err(|_| Errno::NOMEM)?;
        self.activate(state, active);
        Ok(())
    }

    /// The way to Xen for its rings.
    pub(crate) fn xen(&self) -> Xen {
        Xen {
            sk: self.sk,
            kind: self.kind,
        }
    }

    /// What its connections are.
    pub(crate) fn options(&self) -> ConnOptions {
        ConnOptions {
            kind: self.kind,
            ring_len: hv::ring_len(self.sk.receive_buffer()),
        }
    }

    pub(crate) fn bind(&self, domain: DomId, port: u32) -> Result<(), Errno> {
        let mut state = self.state.lock();
        if state.port.is_some() || !matches!(state.phase, Phase::Idle) {
            return Err(Errno::INVAL);
        }
        if !domain.is_any() && domain != hv::domain() {
            return Err(Errno::ADDRNOTAVAIL);
        }
        if self.kind == SocketKind::Datagram {
            return self.open_dgram(&mut state, port);
        }
        state.port = Some(Port::reserve(port)?);
        Ok(())
    }

    /// Opens the datagram socket on `port`; on one of the module's choice for 0.
    fn open_dgram(&self, state: &mut State, port: u32) -> Result<(), Errno> {
        let len = hv::ring_len(self.sk.receive_buffer());
        let (port, dgram) = with_port(port, |port| Dgram::bind(self.xen(), port, len))?;
        let active = Box::try_new(Active::Dgram(dgram)).map_err(|_| Errno::NOMEM)?;
        state.port = Some(port);
        self.activate(state, active);
        Ok(())
    }

    /// The datagram socket, opened where it is not yet.
    pub(crate) fn dgram(&self) -> Result<&Dgram, Errno> {
        if self.active().is_none() {
            let mut state = self.state.lock();
            if self.active().is_none() {
                self.open_dgram(&mut state, 0)?;
            }
        }
        match self.active() {
            Some(Active::Dgram(dgram)) => Ok(dgram),
            _ => Err(Errno::OPNOTSUPP),
        }
    }

    pub(crate) fn listen(&self, backlog: i32) -> Result<(), Errno> {
        if !self.kind.connects() {
            return Err(Errno::OPNOTSUPP);
        }
        let backlog = usize::try_from(backlog).unwrap_or(0);
        let mut state = self.state.lock();
        match &mut state.phase {
            Phase::Listening(listener) => {
                listener.set_backlog(backlog);
                return Ok(());
            }
            Phase::Idle => {}
            Phase::Connecting(_) | Phase::Active => return Err(Errno::INVAL),
        }
        let open = |port| Listener::listen(self.xen(), port, backlog, self.options());
        let listener = match &state.port {
            Some(port) => open(port.number())?,
            None => {
                let (port, listener) = with_port(0, open)?;
                state.port = Some(port);
                listener
            }
        };
        listener.ring().mem().0.serves.store(true, Ordering::Release);
        state.phase = Phase::Listening(listener);
        self.sk.set_state(true, false);
        drop(state);
        // What came before the flag was set, and the first wish for an event.
        self.sk.work();
        Ok(())
    }

    pub(crate) fn shutdown(&self, read: bool, write: bool) -> Result<(), Errno> {
        match self.active() {
            Some(Active::Conn(link)) => {
                if read {
                    link.shutdown_read();
                }
                if write {
                    link.shutdown_write()?;
                }
            }
            Some(Active::Dgram(dgram)) => {
                if read {
                    dgram.socket.shutdown_read();
                }
                if write {
                    dgram.socket.shutdown_write();
                }
            }
            None => self.shutdown_passive(read)?,
        }
        self.sk.wake(wake::READ | wake::WRITE);
        Ok(())
    }

    /// As in Linux's TCP, a listener that is shut for reading stops to listen.
    fn shutdown_passive(&self, read: bool) -> Result<(), Errno> {
        let mut state = self.state.lock();
        if !matches!(state.phase, Phase::Listening(_)) {
            return Err(Errno::NOTCONN);
        }
        if read {
            state.phase = Phase::Idle;
            self.sk.set_state(false, false);
        }
        Ok(())
    }

    /// The own address, or the peer's.
    pub(crate) fn name(&self, peer: bool) -> Result<Addr, Errno> {
        match (self.active(), peer) {
            (Some(Active::Conn(link)), false) => Ok(link.conn.local()),
            (Some(Active::Conn(link)), true) => Ok(link.conn.remote()),
            (Some(Active::Dgram(dgram)), false) => Ok(dgram.socket.local()),
            (Some(Active::Dgram(dgram)), true) => dgram.socket.peer().ok_or(Errno::NOTCONN),
            (None, true) => Err(Errno::NOTCONN),
            (None, false) => Ok(self.passive_name()),
        }
    }

    fn passive_name(&self) -> Addr {
        let state = self.state.lock();
        match (&state.phase, &state.port) {
            (Phase::Connecting(connector), _) => connector.local(),
            (_, Some(port)) => Addr::new(hv::domain(), port.number()),
            (_, None) => Addr::new(DomId::ANY, 0),
        }
    }

    pub(crate) fn poll(&self) -> PollState {
        loop {
            match self.active() {
                Some(Active::Conn(link)) => return link.poll(self.sk),
                Some(Active::Dgram(dgram)) => return dgram.poll(),
                None => {
                    if let Some(poll) = self.poll_passive() {
                        return poll;
                    }
                }
            }
        }
    }

    /// Bytes that can be read now.
    pub(crate) fn available(&self) -> Result<usize, Errno> {
        match self.active() {
            Some(Active::Conn(link)) => Ok(link.available()),
            Some(Active::Dgram(dgram)) => Ok(dgram.available()),
            None if matches!(self.state.lock().phase, Phase::Listening(_)) => Err(Errno::INVAL),
            None => Ok(0),
        }
    }

    /// Bytes in the peer's ring that the peer has not read, headers included.
    pub(crate) fn queued(&self) -> Result<usize, Errno> {
        let Some((ring, len)) = self.link().and_then(Link::peer_ring) else {
            return Ok(0);
        };
        queued::in_use(ring, len).map(|n| n as usize)
    }

    /// Receives; the address is the datagram's sender.
    pub(crate) fn receive(
        &self,
        to: &mut Buffers<'_>,
        want: Want,
    ) -> Result<(Received, Option<Addr>), Errno> {
        if let Some(link) = self.link() {
            return link.receive(self.sk, to, want).map(|got| (got, None));
        }
        if self.kind == SocketKind::Datagram {
            return self
                .dgram()?
                .receive(self.sk, to, want)
                .map(|(got, from)| (got, Some(from)));
        }
        self.await_link(self.sk.receive_timeout(want.nonblock))?
            .receive(self.sk, to, want)
            .map(|got| (got, None))
    }

    /// Sends.
    pub(crate) fn send(
        &self,
        from: &mut Buffers<'_>,
        to: Option<Addr>,
        nonblock: bool,
        nosignal: bool,
    ) -> Result<usize, Errno> {
        if self.kind == SocketKind::Datagram {
            return self.dgram()?.send(self.sk, to, from, nonblock);
        }
        let link = match self.link() {
            Some(link) => link,
            None => self.await_link(self.sk.send_timeout(nonblock))?,
        };
        if to.is_some() {
            return Err(Errno::ISCONN);
        }
        let outcome = link.send(self.sk, from, nonblock);
        signal_pipe(&outcome, nosignal);
        outcome
    }

    /// The socket's work, on a kernel thread: requests are answered, a FIN that waits is sent, an end noted.
    pub(crate) fn work(&self) {
        match self.active() {
            Some(Active::Conn(link)) => link.work(self.sk),
            Some(Active::Dgram(_)) => {}
            None => self.serve(),
        }
    }

    /// The last descriptor is closed: no event reaches the socket any more. What it is stays until it is dropped, because its
    /// work may be under way.
    pub(crate) fn release(&self) {
        let mut state = self.state.lock();
        // Listeners and attempts end here; work looks at them under the lock.
        state.phase = Phase::Active;
        drop(state);
        match self.active() {
            Some(Active::Conn(link)) => link.detach(),
            Some(Active::Dgram(dgram)) => table::assign(dgram.socket.ring().mem(), Sk::NONE),
            None => {}
        }
    }

    fn close(&self, link: Box<Link>) {
        if self.sk.lingers_not() {
            link.conn.abort();
        } else if link.close().is_err() {
            linger::keep(link);
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let active = *self.active.get_mut();
        if active.is_null() {
            return;
        }
        // SAFETY: the pointer came from a box, and nobody refers to what is in it: that takes a reference to the socket.
        match *unsafe { Box::from_raw(active) } {
            Active::Conn(link) => self.close(link),
            Active::Dgram(dgram) => drop(dgram),
        }
    }
}

/// Opens something on `port`, or on one of the module's choice for 0: then another where Xen knows the first one.
pub(crate) fn with_port<T>(port: u32, open: impl Fn(u32) -> Result<T, Errno>) -> Result<(Port, T), Errno> {
    for _ in 1..PORT_TRIES {
        let reserved = Port::reserve(port)?;
        match open(reserved.number()) {
            Err(Errno::ADDRINUSE) if port == 0 => {}
            outcome => return outcome.map(|opened| (reserved, opened)),
        }
    }
    Err(Errno::ADDRINUSE)
}

impl State {
    /// The listener.
    pub(crate) fn listener(&mut self) -> Option<&mut Listener<Xen>> {
        match &mut self.phase {
            Phase::Listening(listener) => Some(listener),
            _ => None,
        }
    }
}
