//! A listening socket, and the thread that answers its requests as a kernel would.

use crate::hosted::control::{control, lock};
use crate::hosted::options::Options;
use crate::hosted::platform::Hosted;
use crate::hosted::socket::Socket;
use crate::hosted::wait::{Deadline, sleep};
use nix::fcntl::OFlag;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use v4v_ring::Addr;
use v4v_ring::layout::{Word, event};
use v4v_sock::connect::ConnOptions;
use v4v_sock::port::check;
use v4v_sock::{Errno, Listener, Platform, PortTable};

/// Bytes of the answering thread's stack; it calls nothing deep.
const STACK: usize = 256 * 1024;

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
    listener: Mutex<Listener<Hosted>>,
    /// Notified when a connection waits, and when one was taken.
    changed: Condvar,
    closing: AtomicBool,
    bell: Bell,
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
        let listener = with_port(&platform, port, |port| {
            Listener::listen(platform.clone(), port, backlog, conn)
        })?;
        let local = listener.local();
        let bell = Bell::new()?;
        let listener = Mutex::new(listener);
        let shared = Arc::new(Shared {
            platform,
            listener,
            changed: Condvar::new(),
            closing: AtomicBool::new(false),
            bell,
        });
        let theirs = Arc::clone(&shared);
        let name = format!("v4v:{}", local.port);
        let thread = std::thread::Builder::new()
            .name(name)
            .stack_size(STACK)
            .spawn(move || theirs.serve())?;
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
        let mut deadline = None;
        let mut listener = lock(&self.shared.listener);
        loop {
            let before = listener.waiting();
            match listener.accept() {
                Ok(established) => {
                    self.shared.show(before, listener.waiting() + 1);
                    if listener.waiting() == 0 {
                        self.shared.bell.darken();
                    }
                    drop(listener);
                    self.shared.changed.notify_all();
                    return Ok(Socket::accepted(self.shared.platform.clone(), established));
                }
                Err(Errno::AGAIN) if self.options.nonblocking() => {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Err(Errno::AGAIN) => {}
                Err(errno) => return Err(self.shared.platform.explain(errno)),
            }
            let deadline = *deadline.get_or_insert_with(|| Deadline::after(self.options.read_timeout()));
            listener = match deadline.left()? {
                None => self
                    .shared
                    .changed
                    .wait(listener)
                    .unwrap_or_else(std::sync::PoisonError::into_inner),
                Some(left) => {
                    self.shared
                        .changed
                        .wait_timeout(listener, left)
                        .unwrap_or_else(std::sync::PoisonError::into_inner)
                        .0
                }
            };
        }
    }

    /// The descriptor that is readable while connections wait.
    pub(crate) fn face(&self) -> BorrowedFd<'_> {
        self.shared.bell.face.as_fd()
    }
}

impl Shared {
    /// Answers requests until the socket is closed.
    fn serve(&self) {
        let mem = lock(&self.listener).ring().mem().clone();
        while !self.closing.load(Ordering::Acquire) {
            let mut listener = lock(&self.listener);
            let before = listener.waiting();
            let again = listener.service();
            let waiting = listener.waiting();
            self.show(before, waiting);
            let word = if again {
                None
            } else {
                listener.before_sleep(event::SLEEPS)
            };
            // Who closes says so before it wakes: it sees the wish to sleep, or is seen here.
            let word = word.filter(|_| !self.closing.load(Ordering::Acquire));
            drop(listener);
            if waiting > before {
                self.changed.notify_all();
            }
            if let Some(value) = word {
                // A signal that reaches this thread ends the sleep early, which does no harm.
                let _ = sleep(mem.mem.word(Word::Event), value, Deadline::after(None));
            }
        }
    }

    /// Lights the bell once for each connection that came: each is an edge.
    fn show(&self, before: usize, now: usize) {
        for _ in before..now {
            self.bell.light();
        }
    }
}

impl Drop for ListenSocket {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Release);
        let mem = lock(&self.shared.listener).ring().mem().clone();
        // The thread may be on its way to sleep with the word's value in hand: using its wish up keeps it awake.
        mem.wake_readers();
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
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
