//! A listening socket, and the thread that answers its requests as a kernel would.

use crate::hosted::control::{control, lock};
use crate::hosted::options::Options;
use crate::hosted::platform::Hosted;
use crate::hosted::ring::HostedRing;
use crate::hosted::socket::Socket;
use crate::hosted::wait::{Deadline, sleep};
use nix::fcntl::OFlag;
use nix::sys::resource::{Resource, getrlimit};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use v4v_ring::Addr;
use v4v_ring::layout::{Word, event};
use v4v_sock::connect::ConnOptions;
use v4v_sock::limits::BACKLOG_MAX;
use v4v_sock::port::check;
use v4v_sock::{Errno, Established, Listener, Platform, PortTable};

/// Bytes of the answering thread's stack; it calls nothing deep.
const STACK: usize = 256 * 1024;

/// How long an `accept` that does not wait may wait for the request that is being answered: its sender may have been told already
/// that it is connected.
const ANSWER: Duration = Duration::from_millis(10);
/// How often a listener looks whether the process can afford another waiting connection.
const CROWDED: Duration = Duration::from_millis(5);
/// Connections that wait at all listeners of this process.
static WAITING: AtomicUsize = AtomicUsize::new(0);
/// A waiting connection's descriptors: face, button, the peer's button.
const DESCRIPTORS: u64 = 3;

/// A listening socket.
#[derive(Debug)]
pub(crate) struct ListenSocket {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    pub(crate) options: Options,
    local: Addr,
}

#[derive(Debug)]
struct Shared {
    platform: Hosted,
    ring: HostedRing,
    backlog: usize,
    /// Held for moments only, and never while the daemon is asked.
    line: Mutex<Line>,
    /// Notified when the line has changed.
    changed: Condvar,
    closing: AtomicBool,
    bell: Bell,
}

/// The connections that wait for `accept`.
#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Established<Hosted>>,
    /// A request is being answered.
    busy: bool,
    /// Requests that were looked at.
    looks: u64,
    /// No connection will come any more.
    ended: bool,
}

/// A pipe, whose reading end is readable while connections wait, and never writable.
#[derive(Debug)]
struct Bell {
    face: OwnedFd,
    button: OwnedFd,
}

impl Bell {
    fn new() -> io::Result<Self> {
        let (face, button) = nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        Ok(Self { face, button })
    }

    fn light(&self) {
        // A full pipe means that the face is readable already.
        let _ = nix::unistd::write(&self.button, &[1]);
    }

    fn darken(&self) {
        let mut bytes = [0; 256];
        while matches!(nix::unistd::read(&self.face, &mut bytes), Ok(n) if n == bytes.len()) {}
    }
}

impl ListenSocket {
    /// Listens on `port` (0: a port of the library's choice).
    pub(crate) fn bind(conn: ConnOptions, port: u32, backlog: usize) -> io::Result<Self> {
        let platform = Hosted::new(control()?);
        let backlog = backlog.clamp(1, BACKLOG_MAX);
        let listener = with_port(&platform, port, |port| {
            Listener::listen(platform.clone(), port, backlog, conn)
        })?;
        let local = listener.local();
        let shared = Arc::new(Shared {
            platform,
            ring: listener.ring().mem().clone(),
            backlog,
            line: Mutex::default(),
            changed: Condvar::new(),
            closing: AtomicBool::new(false),
            bell: Bell::new()?,
        });
        let theirs = Arc::clone(&shared);
        let name = format!("v4v:{}", local.port);
        let thread = std::thread::Builder::new()
            .name(name)
            .stack_size(STACK)
            .spawn(move || theirs.serve(listener))?;
        Ok(Self {
            shared,
            thread: Some(thread),
            options: Options::default(),
            local,
        })
    }

    pub(crate) fn local(&self) -> Addr {
        self.local
    }

    /// The next connection; waits as the options say.
    pub(crate) fn accept(&self) -> io::Result<Socket> {
        self.shared.platform.check_owner()?;
        let mut deadline = None;
        let mut line = lock(&self.shared.line);
        loop {
            if let Some(established) = self.shared.next(&mut line) {
                drop(line);
                return Ok(Socket::accepted(self.shared.platform.clone(), established));
            }
            if line.ended {
                self.shared.platform.check_daemon()?;
                return Err(io::Error::from_raw_os_error(libc::EINVAL));
            }
            if self.options.nonblocking() {
                line = self.shared.await_answer(line);
                let established = self.shared.next(&mut line).ok_or(io::ErrorKind::WouldBlock)?;
                drop(line);
                return Ok(Socket::accepted(self.shared.platform.clone(), established));
            }
            let deadline = *deadline.get_or_insert_with(|| Deadline::after(self.options.read_timeout()));
            line = wait(&self.shared.changed, line, deadline.left()?);
        }
    }

    /// The descriptor that is readable while connections wait.
    pub(crate) fn face(&self) -> BorrowedFd<'_> {
        self.shared.bell.face.as_fd()
    }
}

impl Shared {
    /// The connection that has waited longest.
    fn next(&self, line: &mut Line) -> Option<Established<Hosted>> {
        let was_full = line.waiting.len() >= self.backlog;
        let established = line.waiting.pop_front()?;
        WAITING.fetch_sub(1, Ordering::Relaxed);
        if line.waiting.is_empty() && !line.ended {
            self.bell.darken();
        }
        if was_full {
            // The thread waits for room. It sees the shorter line, or that its wish to sleep was used up.
            self.ring.wake_readers();
        }
        Some(established)
    }

    /// Waits until the request that is being answered, if any, has been.
    fn await_answer<'a>(&self, line: MutexGuard<'a, Line>) -> MutexGuard<'a, Line> {
        let looks = line.looks;
        let unanswered = |line: &mut Line| line.busy && line.looks == looks;
        self.changed
            .wait_timeout_while(line, ANSWER, unanswered)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    /// Answers requests until the socket is closed, or the daemon is gone.
    fn serve(&self, mut listener: Listener<Hosted>) {
        while !self.is_over() {
            let held = self.begin();
            let affordable = WAITING.load(Ordering::Relaxed) < affordable();
            listener.hold(if affordable { held } else { self.backlog });
            let answered = listener.answer_one();
            self.finish(listener.take());
            if answered {
                continue;
            }
            let Some(word) = listener.before_sleep(event::SLEEPS) else {
                continue;
            };
            // Who accepts, closes, or sees the daemon's end says so before it wakes: it sees the wish to sleep, or is seen here.
            if self.is_over() || lock(&self.line).waiting.len() != held {
                continue;
            }
            // Where other listeners of this process have taken what it can afford, nobody tells when they give it back.
            let until = Deadline::after(if affordable { None } else { Some(CROWDED) });
            // A signal that reaches this thread ends the sleep early, which does no harm.
            let _ = sleep(self.ring.mem.word(Word::Event), word, until);
        }
        drop(listener);
        lock(&self.line).ended = true;
        self.bell.light();
        self.changed.notify_all();
    }

    fn is_over(&self) -> bool {
        self.closing.load(Ordering::Acquire) || self.platform.check_daemon().is_err()
    }

    /// A look at the ring begins; returns how many connections wait.
    fn begin(&self) -> usize {
        let mut line = lock(&self.line);
        line.busy = true;
        line.waiting.len()
    }

    /// It is over, and this came of it.
    fn finish(&self, established: Option<Established<Hosted>>) {
        let mut line = lock(&self.line);
        line.busy = false;
        line.looks += 1;
        if let Some(established) = established {
            line.waiting.push_back(established);
            WAITING.fetch_add(1, Ordering::Relaxed);
            // Once for each connection: each is an edge.
            self.bell.light();
        }
        drop(line);
        self.changed.notify_all();
    }
}

/// How many connections may wait at all listeners together without taking more than a quarter of the process's descriptors: who
/// connects without being accepted must not take from the process what it needs for others.
fn affordable() -> usize {
    // The call cannot fail for a limit that every process has.
    let (limit, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((0, 0));
    usize::try_from(limit / 4 / DESCRIPTORS)
        .unwrap_or(usize::MAX)
        .max(1)
}

impl Drop for Shared {
    fn drop(&mut self) {
        let line = self.line.get_mut().unwrap_or_else(PoisonError::into_inner);
        WAITING.fetch_sub(line.waiting.len(), Ordering::Relaxed);
    }
}

fn wait<'a>(
    changed: &Condvar,
    line: MutexGuard<'a, Line>,
    at_most: Option<Duration>,
) -> MutexGuard<'a, Line> {
    match at_most {
        None => changed.wait(line).unwrap_or_else(PoisonError::into_inner),
        Some(left) => {
            changed
                .wait_timeout(line, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0
        }
    }
}

impl Drop for ListenSocket {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        if self.shared.platform.is_inherited() {
            // The thread is the parent's: there is none here to wait for.
            std::mem::forget(thread);
            return;
        }
        self.shared.closing.store(true, Ordering::Release);
        // The thread may be on its way to sleep with the word's value in hand: using its wish up keeps it awake.
        self.shared.ring.wake_readers();
        self.shared.changed.notify_all();
        if thread.join().is_err() {
            log::error!(
                "the thread that answered requests to port {} had panicked",
                self.local.port
            );
        }
    }
}

/// Opens a socket on `port`, or on one of our choice for 0; the daemon knows which are taken, by whichever process.
pub(crate) fn with_port<T>(
    platform: &Hosted,
    port: u32,
    mut open: impl FnMut(u32) -> Result<T, Errno>,
) -> io::Result<T> {
    let explain = |errno, port| match errno {
        Errno::ADDRINUSE => crate::error::with_reason(
            libc::EADDRINUSE,
            &format!("port {port} is in use in this domain: see `v4v stat`, or bind port 0 for a free one"),
        ),
        errno => platform.explain(errno),
    };
    if port != 0 {
        check(port, platform.privileged()).map_err(|e| explain(e, port))?;
        return open(port).map_err(|e| explain(e, port));
    }
    let mut tried = PortTable::new();
    loop {
        let port = tried.bind_any(|| platform.random()).map_err(|e| explain(e, 0))?;
        match open(port) {
            Err(Errno::ADDRINUSE) if tried.len() < v4v_sock::limits::PORT_TRIES => {}
            outcome => return outcome.map_err(|e| explain(e, port)),
        }
    }
}
