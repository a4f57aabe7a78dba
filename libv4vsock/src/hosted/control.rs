//! The process's one connection to the daemon: hypercalls and the operations beside them.

use crate::backend::domain_name;
use crate::hosted::fork::{self, Generation, PerProcess};
use crate::hosted::keeper::{self, Keeper};
use crate::hosted::line::Line;
use crate::hosted::rings::{self, Rings};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, socket, sockopt};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use v4v_hosted::packet;
use v4v_hosted::paths::{SOCKET_VAR, advice, is_path_given, socket_path};
use v4v_hosted::wire::{MAGIC, PACKET_MAX, Request, Response, VERSION, op};
use v4v_ring::DomId;

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) result: u64,
    pub(crate) blob: Vec<u8>,
    pub(crate) fds: Vec<OwnedFd>,
    /// Descriptors came for which this process has no room.
    pub(crate) fds_lost: bool,
}

/// A joined domain.
#[derive(Debug)]
pub(crate) struct Control {
    domain: DomId,
    /// The process that joined: a child after fork needs a connection of its own.
    pid: u32,
    generation: Generation,
    socket: Line,
    link: Mutex<Link>,
    rings: Rings,
    keeper: Keeper,
    /// The keeper's thread runs.
    kept: Mutex<bool>,
}

#[derive(Debug)]
struct Link {
    sequence: u32,
    buffer: Vec<u8>,
}

/// The process's connection, made at its first use.
static CONTROL: PerProcess<Mutex<Option<Arc<Control>>>> = PerProcess::new();
/// A connection that joined no domain: for a process that looks something up before it has sockets.
static OBSERVER: PerProcess<Mutex<Option<Arc<Control>>>> = PerProcess::new();

/// The connection of this process with a thread that looks after its rings.
///
/// # Errors
/// As [`connection`].
pub(crate) fn control() -> io::Result<Arc<Control>> {
    let control = connection()?;
    let mut kept = lock(&control.kept);
    if !*kept {
        keeper::start(&control)?;
        *kept = true;
    }
    drop(kept);
    Ok(control)
}

/// The connection of this process, without a thread; joins the domain named by `V4V_DOMAIN` (else `pPID`) where there is none yet,
/// or where the daemon that it led to is gone.
///
/// # Errors
/// With a sentence that says why: no daemon, another version, a name that the policy refuses.
pub(crate) fn connection() -> io::Result<Arc<Control>> {
    let mut slot = lock(CONTROL.get());
    if let Some(control) = usable(&slot) {
        return Ok(control);
    }
    let control = Arc::new(Control::join(&socket_path(), &domain_name())?);
    fork::keep_from_children(control.socket());
    *slot = Some(Arc::clone(&control));
    *lock(OBSERVER.get()) = None;
    Ok(control)
}

/// A connection to ask on: that of [`control`] where there is one, else one that makes this process no domain.
///
/// # Errors
/// As [`connection`].
pub(crate) fn observer() -> io::Result<Arc<Control>> {
    if let Some(control) = usable(&lock(CONTROL.get())) {
        return Ok(control);
    }
    let mut slot = lock(OBSERVER.get());
    if let Some(control) = usable(&slot) {
        return Ok(control);
    }
    let control = Arc::new(Control::join(&socket_path(), "")?);
    *slot = Some(Arc::clone(&control));
    Ok(control)
}

fn usable(slot: &Option<Arc<Control>>) -> Option<Arc<Control>> {
    slot.as_ref()
        .filter(|c| !c.is_inherited() && c.socket.is_ours() && !c.is_closed())
        .cloned()
}

impl Control {
    fn join(path: &Path, name: &str) -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)?;
        connect(socket.as_raw_fd(), &UnixAddr::new(path)?).map_err(|e| no_daemon(e.into(), path))?;
        check_daemon(&socket, path)?;
        let socket = Line::new(socket)?;
        let mut link = Link {
            sequence: 0,
            buffer: vec![0; PACKET_MAX],
        };
        let args = [MAGIC, VERSION.into(), 0, 0];
        let hello = link.call(&socket, op::HELLO, args, &[name.as_bytes()])?;
        let domain = DomId(u16::try_from(hello.result).map_err(|_| protocol("a domain id out of range"))?);
        Ok(Self {
            domain,
            pid: std::process::id(),
            generation: Generation::current(),
            socket,
            link: Mutex::new(link),
            rings: Rings::default(),
            keeper: Keeper::default(),
            kept: Mutex::default(),
        })
    }

    /// The domain that this process is in; an observer is in none, and this is 0.
    pub(crate) fn domain(&self) -> DomId {
        self.domain
    }

    /// One request and its answer.
    ///
    /// # Errors
    /// The operation's errno, with the daemon's sentence where it sent one; `NetworkDown` where the daemon is gone.
    pub(crate) fn call(&self, op: u32, args: [u64; 4], blob: &[u8]) -> io::Result<Answer> {
        self.call_parts(op, args, &[blob])
    }

    /// The same, with a blob in several parts.
    pub(crate) fn call_parts(&self, op: u32, args: [u64; 4], parts: &[&[u8]]) -> io::Result<Answer> {
        // First of all: in a child the lock may be held for ever, by a thread that is not there.
        self.generation.check()?;
        lock(&self.link).call(&self.socket, op, args, parts)
    }

    /// Which process's it is.
    pub(crate) fn generation(&self) -> Generation {
        self.generation
    }

    /// Whether it is a parent's.
    pub(crate) fn is_inherited(&self) -> bool {
        // The first process of a PID namespace and its child in another may have the same number.
        self.pid != std::process::id() || !self.generation.is_current()
    }

    /// The rings that are registered through it.
    pub(crate) fn rings(&self) -> &Rings {
        &self.rings
    }

    /// Who looks after its sockets between calls.
    pub(crate) fn keeper(&self) -> &Keeper {
        &self.keeper
    }

    /// The connection itself, to poll.
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Whether the daemon has closed the connection.
    fn is_closed(&self) -> bool {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::empty())];
        matches!(poll(&mut fds, PollTimeout::ZERO), Ok(n) if n > 0)
    }
}

impl Link {
    fn call(&mut self, socket: &Line, op: u32, args: [u64; 4], parts: &[&[u8]]) -> io::Result<Answer> {
        self.sequence = self.sequence.wrapping_add(1);
        let head = Request {
            op,
            sequence: self.sequence,
            args,
        }
        .encode();
        let mut packet: Vec<&[u8]> = Vec::with_capacity(parts.len() + 1);
        packet.push(&head);
        packet.extend(parts);
        packet::send(socket, &packet, &[]).map_err(daemon_gone)?;
        let received = packet::receive(socket, &mut self.buffer).map_err(daemon_gone)?;
        if received.len == 0 {
            return Err(daemon_gone(io::ErrorKind::UnexpectedEof.into()));
        }
        let (response, blob) =
            Response::decode(&self.buffer[..received.len]).map_err(|e| protocol(&e.to_string()))?;
        if response.sequence != self.sequence {
            return Err(protocol("an answer to another question"));
        }
        match u64::try_from(response.result) {
            Ok(result) => Ok(Answer {
                result,
                blob: blob.to_vec(),
                fds: received.fds,
                // No answer is longer than the buffer.
                fds_lost: received.truncated,
            }),
            Err(_) => Err(refused(response.result, blob)),
        }
    }
}

/// An errno whose message is the daemon's sentence; [`crate::error::errno`] finds the number again.
fn refused(result: i64, reason: &[u8]) -> io::Error {
    let errno = i32::try_from(-result).unwrap_or(libc::EPROTO);
    match std::str::from_utf8(reason) {
        Ok(reason) if !reason.is_empty() => crate::error::with_reason(errno, reason),
        _ => io::Error::from_raw_os_error(errno),
    }
}

/// A default path may lie in `/tmp`, where anybody can listen: only root's daemon and the user's own are believed there.
fn check_daemon(socket: &OwnedFd, path: &Path) -> io::Result<()> {
    let daemon = getsockopt(socket, sockopt::PeerCredentials)?.uid();
    if is_path_given() || daemon == 0 || daemon == nix::unistd::geteuid().as_raw() {
        return Ok(());
    }
    let reason = format!(
        "the v4vd at {} is run by uid {daemon}: set {SOCKET_VAR} to that path if you trust that user with your data",
        path.display()
    );
    Err(crate::error::with_reason(libc::EACCES, &reason))
}

fn no_daemon(error: io::Error, path: &Path) -> io::Error {
    let errno = error.raw_os_error().unwrap_or(libc::ECONNREFUSED);
    let place = path.display();
    let reason = if errno == libc::EACCES {
        let uid = nix::unistd::geteuid();
        format!(
            "uid {uid} may not reach {place}: the policy of the v4vd there (`v4vd --policy FILE`) has to let that user in"
        )
    } else {
        format!("no v4vd answers at {place}, {}", advice())
    };
    crate::error::with_reason(errno, &reason)
}

fn daemon_gone(error: io::Error) -> io::Error {
    log::debug!("v4vd has closed the connection: {error}");
    rings::lost()
}

fn protocol(what: &str) -> io::Error {
    crate::error::with_reason(
        libc::EPROTO,
        &format!("v4vd sent {what}: are client and daemon of one build?"),
    )
}

/// A lock whose holder panicked is as good as any: every critical section here leaves its data whole.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
