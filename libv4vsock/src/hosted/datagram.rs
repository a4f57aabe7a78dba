//! A datagram socket.

use crate::hosted::control::{control, lock};
use crate::hosted::keeper::Chore;
use crate::hosted::listener::with_port;
use crate::hosted::options::Options;
use crate::hosted::platform::Hosted;
use crate::hosted::ring::HostedRing;
use crate::hosted::sink::Scatter;
use crate::hosted::wait::{Deadline, sleep};
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use v4v_ring::Addr;
use v4v_ring::layout::{Word, event};
use v4v_sock::limits::DATAGRAM_RING_DEFAULT;
use v4v_sock::{Datagram, DatagramRx, Errno, Received, RecvFlags};

/// How often a send is tried again that finds the receiver's ring full.
const RETRY: Duration = Duration::from_micros(500);

/// A datagram socket.
#[derive(Debug)]
pub(crate) struct DatagramSocket {
    pub(crate) options: Options,
    platform: Hosted,
    socket: Datagram<Hosted>,
    rx: Mutex<DatagramRx<Hosted>>,
    polled: AtomicBool,
}

impl DatagramSocket {
    pub(crate) fn bind(port: u32) -> io::Result<Self> {
        let platform = Hosted::new(control()?);
        let (socket, rx) = with_port(&platform, port, |port| {
            Datagram::bind(platform.clone(), port, DATAGRAM_RING_DEFAULT)
        })?;
        let (rx, polled) = (Mutex::new(rx), AtomicBool::new(false));
        Ok(Self {
            options: Options::default(),
            platform,
            socket,
            rx,
            polled,
        })
    }

    fn ring(&self) -> &HostedRing {
        self.socket.ring().mem()
    }

    pub(crate) fn local(&self) -> Addr {
        self.socket.local()
    }

    pub(crate) fn peer(&self) -> Option<Addr> {
        self.socket.peer()
    }

    pub(crate) fn connect(&self, peer: Addr) -> io::Result<()> {
        self.socket
            .connect(Some(peer))
            .map_err(|e| self.platform.explain(e))
    }

    /// Sends one datagram; waits for room as the options say.
    pub(crate) fn send(self: &Arc<Self>, to: Option<Addr>, bytes: &[u8]) -> io::Result<usize> {
        self.platform.check_owner()?;
        let mut deadline = None;
        loop {
            match self.socket.send(to, &[bytes]) {
                Err(Errno::AGAIN) if self.options.nonblocking() => {
                    self.show_full();
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Err(Errno::AGAIN) => {}
                outcome => return outcome.map_err(|e| self.platform.explain(e)),
            }
            let deadline = *deadline.get_or_insert_with(|| Deadline::after(self.options.write_timeout()));
            let left = deadline.left()?.unwrap_or(RETRY);
            std::thread::sleep(left.min(RETRY));
        }
    }

    /// Makes the face not writable for a while: nobody tells of room in a receiver's ring, so whoever polls is to try again then.
    fn show_full(self: &Arc<Self>) {
        self.ring().block();
        let chore: Weak<Self> = Arc::downgrade(self);
        self.platform.later(chore);
    }

    /// Receives one datagram; waits as the options say.
    pub(crate) fn recv(&self, buffer: &mut [u8], peek: bool) -> io::Result<(Received, Addr)> {
        self.platform.check_owner()?;
        let max = buffer.len();
        let mut deadline = None;
        loop {
            let mut rx = lock(&self.rx);
            let mut slices = [IoSliceMut::new(&mut *buffer)];
            match rx.recv(
                &self.socket,
                &mut Scatter::new(&mut slices),
                max,
                RecvFlags { peek },
            ) {
                Err(Errno::AGAIN) => {}
                outcome => {
                    if self.polled.load(Ordering::Relaxed) {
                        self.show_readable(&mut rx);
                    }
                    return outcome.map_err(|e| self.platform.explain(e));
                }
            }
            if self.options.nonblocking() {
                self.platform.check_daemon()?;
                self.show_readable(&mut rx);
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let word = rx.before_sleep(&self.socket, event::SLEEPS);
            self.platform.check_daemon()?;
            drop(rx);
            let deadline = *deadline.get_or_insert_with(|| Deadline::after(self.options.read_timeout()));
            match word {
                Some(value) => sleep(self.ring().mem.word(Word::Event), value, deadline)?,
                // Messages of strangers keep the ring from being empty, and may do so for ever.
                None => deadline.left().map(drop)?,
            }
        }
    }

    /// Makes the face readable or not, as the ring is.
    fn show_readable(&self, rx: &mut DatagramRx<Hosted>) {
        if !rx.poll(&self.socket).input {
            self.ring().show_readable(|| {
                let ready = rx.before_sleep(&self.socket, event::POLLS).is_none();
                // Looked at after the wish was armed: whoever ends the ring uses that up first, or is seen here.
                ready || self.platform.check_daemon().is_err()
            });
        }
    }

    /// Bytes of the next datagram.
    pub(crate) fn available(&self) -> usize {
        lock(&self.rx).available(&self.socket)
    }

    pub(crate) fn set_nonblocking(&self, on: bool) {
        self.options.set_nonblocking(on);
        if on {
            self.watch();
        }
    }

    /// The descriptor that polls as the socket does, from now on. It is writable but for a while after a send found no room.
    pub(crate) fn face(&self) -> BorrowedFd<'_> {
        self.watch();
        self.ring().face().as_fd()
    }

    fn watch(&self) {
        // In a child, another thread of the parent's may hold the lock for ever.
        if self.platform.check_owner().is_err() {
            return;
        }
        if !self.polled.swap(true, Ordering::AcqRel) {
            self.show_readable(&mut lock(&self.rx));
        }
    }
}

impl Chore for DatagramSocket {
    fn look(&self) -> bool {
        self.ring().unblock();
        false
    }
}
