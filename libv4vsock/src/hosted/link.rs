//! An established connection: the core's two halves, each under its own lock, and how callers wait on them.

use crate::hosted::control::lock;
use crate::hosted::options::Options;
use crate::hosted::platform::Hosted;
use crate::hosted::ring::HostedRing;
use crate::hosted::sink::Scatter;
use crate::hosted::turn::Turns;
use crate::hosted::tx::Gather;
use crate::hosted::wait::{Deadline, linger, sleep, this_cpu};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use v4v_ring::layout::{Word, event, space};
use v4v_sock::{Conn, Errno, Established, Received, RecvFlags, RxHalf, TxHalf};

/// How one receive or send differs from a plain one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flags {
    /// `MSG_PEEK`.
    pub(crate) peek: bool,
    /// `MSG_DONTWAIT`.
    pub(crate) dont_wait: bool,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Link {
    platform: Hosted,
    conn: Conn<Hosted>,
    tx: Mutex<TxHalf<Hosted>>,
    rx: Mutex<RxHalf<Hosted>>,
    /// Closing is a reset.
    abortive: AtomicBool,
    /// Somebody looks at the descriptor, so it has to tell the truth after each call.
    polled: AtomicBool,
    /// What the own ring's `RxCpu` says: the word's line is the sender's most of the time, so it is not read here.
    rx_cpu: AtomicU32,
    rx_turns: Turns,
    tx_turns: Turns,
}

impl Link {
    pub(crate) fn new(platform: Hosted, established: Established<Hosted>) -> Self {
        let Established { conn, tx, rx } = established;
        Self {
            platform,
            conn,
            tx: Mutex::new(tx),
            rx: Mutex::new(rx),
            abortive: AtomicBool::new(false),
            polled: AtomicBool::new(false),
            rx_cpu: AtomicU32::new(0),
            rx_turns: Turns::default(),
            tx_turns: Turns::default(),
        }
    }

    fn ring(&self) -> &HostedRing {
        self.conn.ring().mem()
    }

    fn error(&self, errno: Errno) -> io::Error {
        self.platform.explain(errno)
    }

    /// Receives into `sink`; waits as `options` say.
    #[inline]
    pub(crate) fn recv(
        &self,
        sink: &mut Scatter<'_, '_>,
        options: &Options,
        flags: Flags,
    ) -> io::Result<Received> {
        let max = sink.len();
        let mut deadline = None;
        loop {
            let mut rx = lock(&self.rx);
            match rx.recv(&self.conn, sink, max, RecvFlags { peek: flags.peek }) {
                Err(Errno::AGAIN) => {}
                outcome => {
                    self.publish_cpu();
                    if self.polled.load(Ordering::Relaxed) {
                        self.show_readable(&mut rx);
                    }
                    return outcome.map_err(|e| self.error(e));
                }
            }
            if flags.dont_wait || options.nonblocking() {
                self.show_readable(&mut rx);
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let mem = &self.ring().mem;
            if linger(mem.word(Word::TxCpu), &self.rx_turns, || rx.has_data(&self.conn)) {
                continue;
            }
            let word = rx.before_sleep(&self.conn, event::SLEEPS);
            drop(rx);
            if let Some(value) = word {
                let deadline = *deadline.get_or_insert_with(|| Deadline::after(options.read_timeout()));
                sleep(mem.word(Word::Event), value, deadline)?;
            }
        }
    }

    /// Tells the sender where this side runs, where that has changed.
    #[inline]
    fn publish_cpu(&self) {
        let cpu = this_cpu();
        if self.rx_cpu.load(Ordering::Relaxed) != cpu {
            self.rx_cpu.store(cpu, Ordering::Relaxed);
            self.ring().mem.word(Word::RxCpu).store(cpu, Ordering::Relaxed);
        }
    }

    /// Sends `payload`: all of it, unless a deadline, a signal or the connection's end cuts it short.
    #[inline]
    pub(crate) fn send(
        &self,
        payload: &mut Gather<'_>,
        options: &Options,
        flags: Flags,
    ) -> io::Result<usize> {
        let mut sent = 0;
        let mut left = payload.len();
        let mut deadline = None;
        loop {
            let mut tx = lock(&self.tx);
            let outcome = tx.send(&self.conn, payload, left);
            if self.polled.load(Ordering::Relaxed) {
                self.show_writable(&mut tx);
            }
            match outcome {
                Ok(n) if n == left => return Ok(sent + n),
                Ok(n) => (sent, left) = (sent + n, left - n),
                Err(Errno::AGAIN) => {}
                Err(errno) if sent > 0 => {
                    self.conn.put_back(errno);
                    return Ok(sent);
                }
                Err(errno) => return Err(self.error(errno)),
            }
            if flags.dont_wait || options.nonblocking() {
                self.show_writable(&mut tx);
                return if sent > 0 {
                    Ok(sent)
                } else {
                    Err(io::ErrorKind::WouldBlock.into())
                };
            }
            let deadline = *deadline.get_or_insert_with(|| Deadline::after(options.write_timeout()));
            match self.wait_for_space(tx, deadline) {
                Err(_) if sent > 0 => return Ok(sent),
                outcome => outcome?,
            }
        }
    }

    fn wait_for_space(
        &self,
        mut tx: std::sync::MutexGuard<'_, TxHalf<Hosted>>,
        deadline: Deadline,
    ) -> io::Result<()> {
        let Some(ring) = tx.transmit().map(|t| t.ring().clone()) else {
            return Ok(());
        };
        if linger(ring.word(Word::RxCpu), &self.tx_turns, || tx.writable(&self.conn)) {
            return Ok(());
        }
        let word = tx.before_sleep(&self.conn, space::SLEEPS);
        drop(tx);
        word.map_or(Ok(()), |value| sleep(ring.word(Word::Space), value, deadline))
    }

    /// Makes the face readable or not, as the ring is.
    fn show_readable(&self, rx: &mut RxHalf<Hosted>) {
        if !rx.readable(&self.conn) {
            self.ring()
                .show_readable(|| rx.before_sleep(&self.conn, event::POLLS).is_none());
        }
    }

    /// Makes the face not writable, where it is not; the receiver makes it writable again.
    fn show_writable(&self, tx: &mut TxHalf<Hosted>) {
        if !tx.writable(&self.conn) {
            self.ring()
                .show_blocked(|| tx.before_sleep(&self.conn, space::POLLS).is_none());
        }
    }

    /// The descriptor that polls as the connection does, from now on.
    pub(crate) fn face(&self) -> BorrowedFd<'_> {
        self.watch();
        self.ring().face().as_fd()
    }

    /// From now on the descriptor tells the truth after each call.
    pub(crate) fn watch(&self) {
        if !self.polled.swap(true, Ordering::AcqRel) {
            self.show_readable(&mut lock(&self.rx));
            self.show_writable(&mut lock(&self.tx));
        }
    }

    /// Bytes that can be read now.
    pub(crate) fn available(&self) -> usize {
        lock(&self.rx).available(&self.conn)
    }

    /// Greatest packet in bytes.
    pub(crate) fn message_max(&self) -> u32 {
        lock(&self.tx).message_max()
    }

    pub(crate) fn take_error(&self) -> Option<io::Error> {
        // A reset that no call has met yet is an error that waits: this look notes it.
        let (mut rx, mut tx) = (lock(&self.rx), lock(&self.tx));
        v4v_sock::poll::connection(&self.conn, &mut tx, &mut rx);
        self.conn.take_error().map(|e| self.error(e))
    }

    pub(crate) fn shutdown_read(&self) {
        self.conn.shutdown_read();
        self.ring().end_receiving();
    }

    pub(crate) fn shutdown_write(&self) -> io::Result<()> {
        let mut tx = lock(&self.tx);
        tx.shutdown(&self.conn).map_err(|e| self.error(e))?;
        self.ring().end_sending();
        if let Some(partner) = tx.transmit() {
            partner.announce_end();
            // A sender that waits for space in another thread has to see that it cannot send any more.
            partner.wake_senders();
        }
        Ok(())
    }

    /// From now on closing is a reset.
    pub(crate) fn abort(&self) {
        self.abortive.store(true, Ordering::Relaxed);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if self.platform.is_inherited() {
            // The parent's connection goes on.
            return;
        }
        if *self.abortive.get_mut() {
            self.conn.abort();
            return;
        }
        let tx = self
            .tx
            .get_mut()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let rx = self
            .rx
            .get_mut()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        // FIN always finds room here, because data leaves it; where it does not, dropping the parts resets.
        if let Err(errno) = self.conn.close(tx, rx) {
            log::debug!("closing without FIN: {errno}");
        }
    }
}
