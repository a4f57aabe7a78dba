//! A datagram socket that has a port.

use crate::glue::Sk;
use crate::iter::Buffers;
use crate::link::Want;
use crate::platform::{Xen, waits};
use crate::stats::{self, Counter};
use crate::sync::{Class, Mutex};
use crate::table;
use crate::wait::{FOREVER, Waiter, spin};
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicBool, Ordering};
use v4v_ring::layout::event;
use v4v_ring::{Addr, RingMem, wake};
use v4v_sock::frame::kind;
use v4v_sock::recv::RecvFlags;
use v4v_sock::{Datagram, DatagramRx, Errno, PollState, Received};

/// The socket core's two parts; sending needs no lock.
pub(crate) struct Dgram {
    pub(crate) socket: Datagram<Xen>,
    rx: Mutex<DatagramRx<Xen>>,
    polled: AtomicBool,
}

impl Dgram {
    /// A socket on `port`, which is reserved, with a ring of `len` data bytes.
    ///
    /// # Errors
    /// [`Errno::ADDRINUSE`], [`Errno::NOMEM`], Xen's.
    pub(crate) fn bind(xen: Xen, port: u32, len: u32) -> Result<Self, Errno> {
        let (socket, rx) = Datagram::bind(xen, port, len)?;
        Ok(Self {
            socket,
            rx: Mutex::new(Class::Rx, rx)?,
            polled: AtomicBool::new(false),
        })
    }

    pub(crate) fn receive(
        &self,
        sk: Sk,
        to: &mut Buffers<'_>,
        want: Want,
    ) -> Result<(Received, Addr), Errno> {
        let mut waiter = pin!(Waiter::new(sk, sk.receive_timeout(want.nonblock)));
        loop {
            match self.receive_now(to, want.peek) {
                Err(Errno::AGAIN) => self.await_data(waiter.as_mut())?,
                Err(e) => return Err(e),
                Ok(got) => {
                    stats::count(Counter::Receives);
                    stats::add(Counter::ReceivedBytes, got.0.bytes as u64);
                    return Ok(got);
                }
            }
        }
    }

    fn receive_now(&self, to: &mut Buffers<'_>, peek: bool) -> Result<(Received, Addr), Errno> {
        let (max, flags) = (to.len(), RecvFlags { peek });
        let mut rx = self.rx.lock();
        let outcome = rx.recv(&self.socket, to, max, flags);
        if !self.polled.load(Ordering::Relaxed) {
            return outcome;
        }
        if !matches!(outcome, Err(Errno::AGAIN)) {
            wake::want_data(self.socket.ring().mem(), event::POLLS);
        } else if rx.before_sleep(&self.socket, event::POLLS).is_none() {
            return rx.recv(&self.socket, to, max, flags);
        }
        outcome
    }

    fn await_data(&self, mut waiter: Pin<&mut Waiter>) -> Result<(), Errno> {
        waiter.may_wait()?;
        if spin(|| self.rx.lock().available(&self.socket) > 0) {
            return Ok(());
        }
        waiter.as_mut().begin()?;
        let ready = self.rx.lock().before_sleep(&self.socket, event::SLEEPS).is_none();
        if ready { Ok(()) } else { waiter.sleep(FOREVER) }
    }

    /// Sends one datagram; with a receiver whose ring is full it waits.
    pub(crate) fn send(
        &self,
        sk: Sk,
        to: Option<Addr>,
        from: &mut Buffers<'_>,
        nonblock: bool,
    ) -> Result<usize, Errno> {
        let len = from.len();
        let to = self.socket.route(to, len)?;
        let mut waiter = pin!(Waiter::new(sk, sk.send_timeout(nonblock)));
        let ring = self.socket.ring();
        loop {
            let events = table::event_count();
            // `route` has bounded it.
            match waits(from.send(ring.id().port, to, kind::DGRAM, len as u32)) {
                Ok(()) => {
                    stats::count(Counter::Sends);
                    stats::add(Counter::SentBytes, len as u64);
                    return Ok(len);
                }
                Err(Errno::AGAIN) => stats::count(Counter::Full),
                Err(e) => return Err(e),
            }
            waiter.as_mut().begin()?;
            if table::block(ring.mem(), events) {
                waiter.as_mut().sleep(FOREVER)?;
            }
        }
    }

    /// What the socket is ready for; from now on every datagram raises an event.
    pub(crate) fn poll(&self) -> PollState {
        self.polled.store(true, Ordering::Relaxed);
        wake::want_data(self.socket.ring().mem(), event::POLLS);
        let mut rx = self.rx.lock();
        let state = rx.poll(&self.socket);
        let late = !state.input && rx.before_sleep(&self.socket, event::POLLS).is_none();
        if late { rx.poll(&self.socket) } else { state }
    }

    /// Bytes of the next datagram.
    pub(crate) fn available(&self) -> usize {
        self.rx.lock().available(&self.socket)
    }

    /// Bytes of the ring.
    pub(crate) fn ring_len(&self) -> u32 {
        self.socket.ring().mem().data_len()
    }
}
