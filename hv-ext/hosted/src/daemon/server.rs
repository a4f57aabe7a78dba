//! The loop: connections, requests, signals.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::time::Instant;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::admission::{Admission, Standing};
use super::limits::{ACCEPT_PAUSE, ACCEPTS_PER_ROUND, Capacity, EVENTS_PER_ROUND, SWEEP_PERIOD};
use super::listener::Listener;
use super::machine::{Hv, Machine};
use super::membership;
use super::policy::{BadPolicy, Policy};
use super::refusal::Refusal;
use super::rings::{Caller, ClientId};
use super::service::{Answer, Session, farewell};
use super::throttle::Throttle;
use crate::packet;
use crate::wire::{BLOB_MAX, PACKET_MAX, Request, Response};

/// Tokens of epoll; clients have those from [`FIRST_CLIENT`] on.
const LISTENER: u64 = 0;
const SIGNALS: u64 = 1;
const FIRST_CLIENT: u64 = 2;

#[derive(Debug)]
struct Client {
    socket: OwnedFd,
    standing: Standing,
    session: Session,
    /// The last answer brought descriptors.
    given: bool,
}

/// The daemon at work.
pub struct Server {
    listener: Listener,
    signals: SignalFd,
    epoll: Epoll,
    hv: Hv,
    reload: Box<dyn Fn() -> Result<Policy, BadPolicy>>,
    admission: Admission,
    clients: HashMap<u64, Client>,
    /// The token of the next client; 64 bits never come round.
    next: u64,
    packet: Vec<u8>,
    throttle: Throttle,
    /// No client could be accepted then, for want of something: none is until a while has passed.
    paused: Option<Instant>,
    /// When domains without processes were looked at last.
    swept: Instant,
}

impl Server {
    /// A daemon behind `listener`. `reload` reads the policy, now and at each SIGHUP. From now on SIGHUP, SIGINT and SIGTERM
    /// are this value's business.
    ///
    /// # Errors
    /// A policy with a mistake; the system's.
    pub fn new(
        listener: Listener,
        capacity: Capacity,
        reload: impl Fn() -> Result<Policy, BadPolicy> + 'static,
    ) -> io::Result<Self> {
        let policy = Rc::new(reload().map_err(io::Error::other)?);
        listener.open_to_all(policy.is_shared())?;
        let (signals, epoll) = (signals()?, Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?);
        epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
        epoll.add(&signals, EpollEvent::new(EpollFlags::EPOLLIN, SIGNALS))?;
        Ok(Self {
            listener,
            signals,
            epoll,
            hv: Hv::new(Machine::new(policy, capacity)),
            reload: Box::new(reload),
            admission: Admission::new(capacity),
            clients: HashMap::new(),
            next: FIRST_CLIENT,
            packet: vec![0; PACKET_MAX],
            throttle: Throttle::default(),
            paused: None,
            swept: Instant::now(),
        })
    }

    /// Serves until SIGTERM or SIGINT.
    ///
    /// # Errors
    /// The system's, where the loop itself cannot go on.
    pub fn run(mut self) -> io::Result<()> {
        log::info!("v4vd listens at {}", self.listener.path().display());
        let mut events = [EpollEvent::empty(); EVENTS_PER_ROUND];
        loop {
            let timeout = self.look_after()?;
            let n = match self.epoll.wait(&mut events, timeout) {
                Err(nix::errno::Errno::EINTR) => continue,
                n => n?,
            };
            for event in &events[..n] {
                match event.data() {
                    LISTENER => self.accept()?,
                    SIGNALS if self.handle_signals()? => return Ok(()),
                    SIGNALS => {}
                    client => self.serve(client),
                }
            }
        }
    }

    /// What is due without a request; returns when something is again.
    fn look_after(&mut self) -> io::Result<EpollTimeout> {
        if self.paused.is_some_and(|since| since.elapsed() >= ACCEPT_PAUSE) {
            self.pause(None)?;
        }
        if !self.hv.host().domains().empty().is_empty() && self.swept.elapsed() >= SWEEP_PERIOD {
            membership::sweep(&self.hv);
            self.swept = Instant::now();
        }
        let due = if self.paused.is_some() {
            ACCEPT_PAUSE
        } else if !self.hv.host().domains().empty().is_empty() {
            SWEEP_PERIOD
        } else {
            return Ok(EpollTimeout::NONE);
        };
        Ok(due.try_into().unwrap_or(EpollTimeout::NONE))
    }

    fn accept(&mut self) -> io::Result<()> {
        for _ in 0..ACCEPTS_PER_ROUND {
            match self.listener.accept() {
                Ok((socket, uid)) => self.enter(socket, uid),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => {
                    self.throttle.warn(|| format!("cannot accept a client: {error}"));
                    // The client goes on waiting, and the kernel on telling of it.
                    return self.pause(Some(Instant::now()));
                }
            }
        }
        Ok(())
    }

    /// Since when the kernel is not to tell of clients that want to be accepted.
    fn pause(&mut self, paused: Option<Instant>) -> io::Result<()> {
        let wish = match paused {
            Some(_) => EpollFlags::empty(),
            None => EpollFlags::EPOLLIN,
        };
        self.epoll
            .modify(&self.listener, &mut EpollEvent::new(wish, LISTENER))?;
        self.paused = paused;
        Ok(())
    }

    fn enter(&mut self, socket: OwnedFd, uid: u32) {
        let Some(standing) = self.admission.enter(uid, &self.hv.host().policy()) else {
            self.throttle
                .warn(|| format!("a client of uid {uid} was turned away: there are too many of its kind"));
            return;
        };
        let token = self.next;
        self.next += 1;
        if let Err(error) = self
            .epoll
            .add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, token))
        {
            self.throttle
                .warn(|| format!("cannot serve a client of uid {uid}: {error}"));
            self.admission.leave(uid, standing);
            return;
        }
        let session = Session::new(Caller {
            client: ClientId(token),
            uid,
        });
        self.clients.insert(
            token,
            Client {
                socket,
                standing,
                session,
                given: false,
            },
        );
    }

    /// One request of one client; without one, or after a fault of its, the client goes.
    fn serve(&mut self, token: u64) {
        let Some(client) = self.clients.get_mut(&token) else {
            return;
        };
        let uid = client.session.caller().uid;
        match serve_one(&self.hv, &self.admission, client, &mut self.packet) {
            Ok(true) => {}
            Ok(false) => self.drop_client(token),
            Err(error) => {
                self.throttle
                    .warn(|| format!("a client of uid {uid} is disconnected: {error}"));
                self.drop_client(token);
            }
        }
    }

    fn drop_client(&mut self, token: u64) {
        let Some(Client {
            socket,
            standing,
            session,
            ..
        }) = self.clients.remove(&token)
        else {
            return;
        };
        // The kernel would forget it at the close, unless another process still had the socket.
        if let Err(error) = self.epoll.delete(&socket) {
            log::error!("cannot forget a client: {error}");
        }
        self.admission.leave(session.caller().uid, standing);
        session.end(&self.hv);
    }

    /// Whether to stop.
    fn handle_signals(&mut self) -> io::Result<bool> {
        while let Some(info) = self.signals.read_signal()? {
            match i32::try_from(info.ssi_signo)
                .ok()
                .and_then(|n| Signal::try_from(n).ok())
            {
                Some(Signal::SIGHUP) => self.reload_policy(),
                signal => {
                    log::info!("v4vd stops ({})", signal.map_or("?", Signal::as_str));
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn reload_policy(&mut self) {
        match (self.reload)() {
            Ok(policy) => {
                if let Err(error) = self.listener.open_to_all(policy.is_shared()) {
                    log::error!("cannot change who may connect: {error}");
                }
                self.hv.host().set_policy(Rc::new(policy));
                log::info!("the policy was read again");
            }
            Err(error) => log::error!("the old policy stays in force: {error}"),
        }
    }
}

fn signals() -> io::Result<SignalFd> {
    let mut mask = SigSet::empty();
    for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM] {
        mask.add(signal);
    }
    mask.thread_block()?;
    Ok(SignalFd::with_flags(
        &mask,
        SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK,
    )?)
}

/// Reads one request and answers it; `false`: the client has closed, or was told that it may not stay.
///
/// # Errors
/// A fault of the client's: not the protocol, or an answer that it does not take.
fn serve_one(hv: &Hv, admission: &Admission, client: &mut Client, buffer: &mut [u8]) -> io::Result<bool> {
    let received = match packet::receive(&client.socket, buffer) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
        // A client that died with an answer unread.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(false),
        received => received?,
    };
    if received.len == 0 {
        return Ok(false);
    }
    if client.given && !packet::is_taken(&client.socket)? {
        // What it leaves unread counts against the descriptors that the kernel lets this user have on their way.
        return Err(io::Error::other(
            "it asks on before it has taken the descriptors of the last answer",
        ));
    }
    if received.truncated || !received.fds.is_empty() {
        return Err(io::Error::other("its packet is too long or carries descriptors"));
    }
    let (request, blob) = Request::decode(&buffer[..received.len]).map_err(io::Error::other)?;
    let farewell = farewell(
        hv,
        client.standing,
        client.session.caller().uid,
        admission.no_room(),
    );
    let (stays, outcome) = match farewell {
        Some(refusal) => (false, Err(refusal)),
        None => (true, client.session.serve(hv, &request, blob)),
    };
    let outcome = match outcome {
        Ok(answer) => give(hv, client, request.sequence, answer)?,
        Err(refusal) => Err(refusal),
    };
    if let Err(refusal) = outcome {
        client.given = false;
        refuse(client, request.sequence, &refusal)?;
    }
    Ok(stays)
}

/// Sends an answer. A refusal is what the client gets instead where too many descriptors are on their way to others.
fn give(hv: &Hv, client: &mut Client, sequence: u32, answer: Answer) -> io::Result<Result<(), Refusal>> {
    let Answer { result, blob, gift } = answer;
    let head = Response { sequence, result }.encode();
    let fds = gift.fds();
    client.given = !fds.is_empty();
    match packet::send(&client.socket, &[&head, &blob], &fds) {
        Err(error) if error.raw_os_error() == Some(libc::ETOOMANYREFS) => {
            client.session.take_back(hv, &gift);
            Ok(Err(Refusal::new(libc::ETOOMANYREFS, CROWDED)))
        }
        sent => sent.map(Ok),
    }
}

/// What a client is told whose descriptors cannot be sent.
const CROWDED: &str = "too many descriptors are on their way from v4vd to clients that do not take them: try again, or run v4vd \
                       as root, whom the kernel does not limit so";

fn refuse(client: &Client, sequence: u32, refusal: &Refusal) -> io::Result<()> {
    let head = Response {
        sequence,
        result: -i64::from(refusal.errno),
    }
    .encode();
    let sentence = refusal.sentence.as_bytes();
    let sentence = &sentence[..sentence.len().min(BLOB_MAX)];
    packet::send(client.socket.as_fd(), &[&head, sentence], &[])
}
