//! Argo's virtual interrupt, seen from user space.

use crate::device::bind_virq;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::time::Duration;

/// `VIRQ_ARGO`.
const VIRQ_ARGO: u32 = 11;

/// How long an interrupt may take to show.
const LATEST: Duration = Duration::from_millis(500);

/// The bound interrupt.
pub(crate) struct Signal {
    evtchn: File,
}

impl Signal {
    pub(crate) fn bind() -> io::Result<Self> {
        let evtchn = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/xen/evtchn")?;
        bind_virq(&evtchn, VIRQ_ARGO)?;
        let mut signal = Self { evtchn };
        // A new binding begins with one pending event.
        signal.settle()?;
        Ok(signal)
    }

    /// Waits until what was under way has come. Events coalesce while one is being handled, so there may be a second.
    pub(crate) fn settle(&mut self) -> io::Result<()> {
        while self.came()? {}
        Ok(())
    }

    /// Whether it came since the last call.
    pub(crate) fn came(&mut self) -> io::Result<bool> {
        let mut polled = libc::pollfd {
            fd: self.evtchn.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one pollfd, alive for the call.
        let ready = unsafe { libc::poll(&raw mut polled, 1, LATEST.as_millis() as i32) };
        if ready <= 0 {
            return Ok(false);
        }
        let mut port = [0; 4];
        self.evtchn.read_exact(&mut port)?;
        // Written back, the channel may fire again.
        self.evtchn.write_all(&port)?;
        Ok(true)
    }
}
