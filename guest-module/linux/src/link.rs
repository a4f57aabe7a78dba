//! An established connection inside a socket.

use crate::glue::{self, Sk};
use crate::iter::Buffers;
use crate::platform::{Xen, XenTx};
use crate::stats::{self, Counter};
use crate::sync::{Class, Mutex};
use crate::table;
use crate::wait::{FOREVER, Waiter, spin};
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicBool, Ordering};
use v4v_ring::layout::{event, space};
use v4v_ring::{Addr, wake};
use v4v_sock::recv::RecvFlags;
use v4v_sock::{Conn, Errno, Established, PollState, Received, RxHalf, TxHalf};

/// A connection: the socket core's three parts, each half under a lock of its own.
pub(crate) struct Link {
    pub(crate) conn: Conn<Xen>,
    tx: Mutex<TxHalf<Xen>>,
    rx: Mutex<RxHalf<Xen>>,
    /// Somebody polls or has polled, and is to hear of whatever comes.
    polled: AtomicBool,
}

/// How to receive.
#[derive(Clone, Copy)]
pub(crate) struct Want {
    pub(crate) nonblock: bool,
    pub(crate) peek: bool,
    pub(crate) all: bool,
}

impl Link {
    /// The connection's events wake `sk` from now on.
    ///
    /// # Errors
    /// [`Errno::NOMEM`]; the connection is then reset.
    pub(crate) fn new(established: Established<Xen>, sk: Sk) -> Result<Self, Errno> {
        let Established { conn, tx, rx } = established;
        let (tx, rx) = (Mutex::new(Class::Tx, tx)?, Mutex::new(Class::Rx, rx)?);
        sk.set_send_buffer(tx.lock().message_max());
        conn.ring().mem().0.serves.store(false, Ordering::Release);
        table::assign(conn.ring().mem(), sk);
        stats::count(Counter::Connections);
        Ok(Self {
            conn,
            tx,
            rx,
            polled: AtomicBool::new(false),
        })
    }

    /// Receives, waiting until `SO_RCVLOWAT` or `MSG_WAITALL` is satisfied.
    pub(crate) fn receive(&self, sk: Sk, to: &mut Buffers<'_>, want: Want) -> Result<Received, Errno> {
        let max = to.len();
        let mut waiter = pin!(Waiter::new(sk, sk.receive_timeout(want.nonblock)));
        let least = sk.low_water(want.all && !want.peek, u32::try_from(max).unwrap_or(u32::MAX)) as usize;
        let mut sum = Received::default();
        loop {
            match self.receive_now(sk, to, max - sum.bytes, want) {
                // A packet, an end, or the last byte that was wanted.
                Ok(got) if got.end || got.bytes == 0 || sum.bytes + got.bytes >= least.min(max) => {
                    sum = Received {
                        bytes: sum.bytes + got.bytes,
                        full: sum.full + got.full,
                        end: got.end,
                    };
                    break;
                }
                Ok(got) if want.peek => {
                    sum = got;
                    break;
                }
                Ok(got) => {
                    sum = Received {
                        bytes: sum.bytes + got.bytes,
                        full: sum.full + got.full,
                        end: false,
                    }
                }
                Err(Errno::AGAIN) => match self.await_data(waiter.as_mut()) {
                    Err(_) if sum.bytes > 0 => break,
                    outcome => outcome?,
                },
                Err(_) if sum.bytes > 0 => break,
                Err(e) => return Err(e),
            }
        }
        stats::count(Counter::Receives);
        stats::add(Counter::ReceivedBytes, sum.bytes as u64);
        Ok(sum)
    }

    /// What is there now.
    fn receive_now(&self, sk: Sk, to: &mut Buffers<'_>, max: usize, want: Want) -> Result<Received, Errno> {
        let mut rx = self.rx.lock();
        let mut outcome = rx.recv(&self.conn, to, max, RecvFlags { peek: want.peek });
        if self.polled.load(Ordering::Relaxed) {
            // With edge-triggered epoll nobody asks again, so the next message has to raise an event.
            if outcome != Err(Errno::AGAIN) {
                wake::want_data(self.conn.ring().mem(), event::POLLS);
            } else if rx.before_sleep(&self.conn, event::POLLS).is_none() {
                outcome = rx.recv(&self.conn, to, max, RecvFlags { peek: want.peek });
            }
        }
        match outcome {
            // The error of a reset may have been moved to SO_ERROR, but nobody has been told.
            Ok(Received::EOF) if max > 0 => sk.take_error().map_or(outcome, Err),
            Err(Errno::CONNRESET) => {
                sk.take_error();
                outcome
            }
            outcome => outcome,
        }
    }

    fn await_data(&self, mut waiter: Pin<&mut Waiter>) -> Result<(), Errno> {
        waiter.may_wait()?;
        if spin(|| self.rx.lock().has_data(&self.conn)) {
            return Ok(());
        }
        waiter.as_mut().begin()?;
        let ready = self.rx.lock().before_sleep(&self.conn, event::SLEEPS).is_none();
        if ready { Ok(()) } else { waiter.sleep(FOREVER) }
    }

    /// Sends all of `from`, unless a timeout, a signal or the connection's end cuts it short.
    pub(crate) fn send(&self, sk: Sk, from: &mut Buffers<'_>, nonblock: bool) -> Result<usize, Errno> {
        let mut left = from.len();
        let mut sent = 0;
        let mut waiter = pin!(Waiter::new(sk, sk.send_timeout(nonblock)));
        loop {
            let outcome = self.tx.lock().send(&self.conn, from, left);
            match outcome {
                Ok(n) if n == left => return Ok(sent + n),
                Ok(n) => (sent, left) = (sent + n, left - n),
                Err(Errno::AGAIN) => {}
                Err(e) if sent > 0 => {
                    self.conn.put_back(e);
                    return Ok(sent);
                }
                // The error of a reset may have been moved to SO_ERROR, but nobody has been told.
                Err(Errno::PIPE) => return Err(sk.take_error().unwrap_or(Errno::PIPE)),
                Err(e) => return Err(e),
            }
            match self.await_space(waiter.as_mut()) {
                Err(_) if sent > 0 => return Ok(sent),
                outcome => outcome?,
            }
        }
    }

    fn await_space(&self, mut waiter: Pin<&mut Waiter>) -> Result<(), Errno> {
        waiter.as_mut().begin()?;
        let full = self.tx.lock().before_sleep(&self.conn, space::SLEEPS).is_some();
        if full { waiter.sleep(FOREVER) } else { Ok(()) }
    }

    /// What the connection is ready for; from now on every message raises an event.
    pub(crate) fn poll(&self, sk: Sk) -> PollState {
        self.polled.store(true, Ordering::Relaxed);
        // First the wish, then the look.
        wake::want_data(self.conn.ring().mem(), event::POLLS);
        let state = self.refresh(sk);
        let late = !state.input && self.rx.lock().before_sleep(&self.conn, event::POLLS).is_none();
        if late { self.refresh(sk) } else { state }
    }

    /// Looks at both directions, and moves the error of a reset to `SO_ERROR`.
    pub(crate) fn refresh(&self, sk: Sk) -> PollState {
        let mut tx = self.tx.lock();
        let mut rx = self.rx.lock();
        let mut state = v4v_sock::poll::connection(&self.conn, &mut tx, &mut rx);
        if state.err {
            state.err = false;
            if let Some(e) = self.conn.take_error() {
                stats::count(Counter::Resets);
                sk.set_error(e.0);
            }
        }
        state
    }

    /// The socket's work: a FIN that waits, an end to be noted.
    pub(crate) fn work(&self, sk: Sk) {
        self.send_fin();
        self.refresh(sk);
    }

    fn send_fin(&self) {
        let mut tx = self.tx.lock();
        let waits = &self.conn.ring().mem().0.fin_waits;
        if tx.fin_pending(&self.conn) {
            waits.store(true, Ordering::Release);
            let done = tx.retry_fin(&self.conn).is_ok();
            waits.store(!done, Ordering::Release);
        }
    }

    pub(crate) fn shutdown_read(&self) {
        self.conn.shutdown_read();
    }

    /// # Errors
    /// [`Errno::NOTCONN`] after a reset.
    pub(crate) fn shutdown_write(&self) -> Result<(), Errno> {
        let waits = &self.conn.ring().mem().0.fin_waits;
        let mut tx = self.tx.lock();
        // Before the try: an event right after it has to find the flag.
        waits.store(true, Ordering::Release);
        let outcome = tx.shutdown(&self.conn);
        if outcome == Err(Errno::AGAIN) {
            return Ok(());
        }
        waits.store(false, Ordering::Release);
        outcome
    }

    /// Bytes that can be read now.
    pub(crate) fn available(&self) -> usize {
        self.rx.lock().available(&self.conn)
    }

    /// The peer's ring, and its length by the peer's claim.
    pub(crate) fn peer_ring(&self) -> Option<(Addr, u32)> {
        self.tx.lock().transmit().map(XenTx::remote)
    }

    /// Closes, or says that FIN has no room yet.
    ///
    /// # Errors
    /// [`Errno::AGAIN`].
    pub(crate) fn close(&self) -> Result<(), Errno> {
        let mut tx = self.tx.lock();
        let mut rx = self.rx.lock();
        self.conn.close(&mut tx, &mut rx)
    }

    /// Nobody is woken by this connection any more.
    pub(crate) fn detach(&self) {
        table::assign(self.conn.ring().mem(), Sk::NONE);
    }

    /// Its name in /proc.
    pub(crate) fn state(&self) -> &'static str {
        if self.conn.is_reset() {
            "RESET"
        } else {
            "ESTABLISHED"
        }
    }
}

/// SIGPIPE, where a send met the end of its connection and the caller wants one.
pub(crate) fn signal_pipe(outcome: &Result<usize, Errno>, nosignal: bool) {
    if *outcome == Err(Errno::PIPE) && !nosignal {
        glue::sigpipe();
    }
}
