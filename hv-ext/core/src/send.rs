//! sendv: a message from a caller's buffers into another domain's ring.

use v4v_ring::layout::MESSAGE_MAX;
use v4v_ring::mem::Source;
use v4v_ring::{Addr, DomId};

use crate::Hypervisor;
use crate::abi::{Iov, SendAddr};
use crate::domain::Domain;
use crate::entry::Args;
use crate::errno::Errno;
use crate::host::{Host, Lock};
use crate::limits::{COPY_CHUNK, MAX_IOV, SEND_ATTEMPTS};
use crate::resume::Progress;
use crate::ring::{Event, Job, Ring, Step};

/// A message's buffers as the caller described them, copied once; only the bytes are the caller's still.
///
/// Most messages have one. Clearing and decoding eight took a fifth of a short sendv.
#[derive(Clone, PartialEq, Eq)]
enum Payload {
    One([[u8; Iov::SIZE]; 1]),
    Some {
        raw: [[u8; Iov::SIZE]; MAX_IOV as usize],
        count: usize,
    },
}

impl Payload {
    /// The buffers that the caller gave.
    fn given(&self) -> &[[u8; Iov::SIZE]] {
        match self {
            Self::One(raw) => raw,
            Self::Some { raw, count } => raw.get(..*count).unwrap_or_default(),
        }
    }

    /// Checks each buffer and returns the bytes of all (`iov_count` of upstream's `argo.c`).
    fn total(&self) -> Result<u32, Errno> {
        let mut sum = 0_u32;
        for iov in self.given().iter().map(Iov::decode) {
            if iov.pad != 0 || iov.len > MESSAGE_MAX {
                return Err(Errno::INVAL);
            }
            sum = sum
                .checked_add(iov.len)
                .filter(|sum| *sum <= MESSAGE_MAX)
                .ok_or(Errno::MSGSIZE)?;
        }
        Ok(sum)
    }
}

/// Reads a caller's buffers in order.
pub(crate) struct Gather<'a, H: Host> {
    host: &'a H,
    caller: DomId,
    iovs: &'a [[u8; Iov::SIZE]],
    /// The buffer being read, and how far.
    at: usize,
    done: u32,
}

impl<H: Host> Source<H::Mem> for Gather<'_, H> {
    type Error = Errno;

    fn copy_to(&mut self, mem: &H::Mem, mut offset: u32, mut len: u32) -> Result<(), Errno> {
        while len > 0 {
            let iov = self.iovs.get(self.at).map(Iov::decode).ok_or(Errno::FAULT)?;
            let n = len.min(iov.len.saturating_sub(self.done));
            if n == 0 {
                self.at = self.at.saturating_add(1);
                self.done = 0;
                continue;
            }
            let from = iov.handle.checked_add(u64::from(self.done)).ok_or(Errno::FAULT)?;
            self.host.copy_to_ring(self.caller, from, mem, offset, n)?;
            self.done = self.done.saturating_add(n);
            offset = offset.saturating_add(n);
            len = len.saturating_sub(n);
        }
        Ok(())
    }
}

/// A message that passed the checks.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Message {
    source: Addr,
    kind: u32,
    len: u32,
    payload: Payload,
}

/// What became of a message.
enum Inserted {
    /// It is in; the owner's event, if it wants one.
    Published(Option<Event>),
    /// There is no room.
    Full,
    /// A part is copied, and the CPU is wanted.
    Stopped,
}

impl<H: Host> Hypervisor<H> {
    /// Op 3: the payload's bytes, all of them sent.
    pub(crate) fn sendv(&self, caller: DomId, args: Args) -> Result<u32, Errno> {
        let addr = SendAddr::decode(&self.fetch(caller, args.arg1)?);
        if args.arg3 > MAX_IOV {
            return Err(Errno::INVAL);
        }
        let payload = self.fetch_iovs(caller, args.arg2, args.arg3)?;
        if addr.pads != [0, 0] {
            return Err(Errno::INVAL);
        }
        if !addr.src.domain.is_any() && addr.src.domain != caller {
            return Err(Errno::PERM);
        }
        let (own, there) = self.domains(caller, addr.dst.domain);
        if there.is_none() && !self.host.domain_exists(addr.dst.domain) {
            return Err(Errno::SRCH);
        }
        self.host.may_send(caller, addr.dst)?;
        let own = own.ok_or(Errno::NODEV)?;
        let there = there.ok_or(Errno::CONNREFUSED)?;
        let ring = there.route(&own, addr.dst.port).ok_or(Errno::CONNREFUSED)?;
        let len = payload.total()?;
        let message = Message {
            source: Addr::new(caller, addr.src.port),
            kind: args.arg4,
            len,
            payload,
        };
        let outcome = if len > COPY_CHUNK {
            self.insert_long(&own, args, &ring, &message)?
        } else {
            self.insert(&ring, &message, &mut Progress::default())?
        };
        match outcome {
            Inserted::Published(event) => {
                if let Some(event) = event {
                    self.raise_data(&there, &ring, event);
                }
                Ok(len)
            }
            Inserted::Full => {
                self.await_space(&there, &ring, &own, len)?;
                Err(Errno::AGAIN)
            }
            Inserted::Stopped => Err(Errno::RESTART),
        }
    }

    /// As [`insert`](Self::insert), for a message that may stop on its way, or did.
    fn insert_long(
        &self,
        own: &Domain<H>,
        args: Args,
        ring: &Ring<H>,
        message: &Message,
    ) -> Result<Inserted, Errno> {
        let mut progress = self.resume(own, args, ring, message);
        loop {
            match self.insert(ring, message, &mut progress)? {
                // Without memory to remember it by, it goes on.
                Inserted::Stopped if self.stop(own, args, ring, message, progress).is_err() => {}
                outcome => return Ok(outcome),
            }
        }
    }

    /// Copies the buffers' descriptions.
    fn fetch_iovs(&self, caller: DomId, handle: u64, count: u32) -> Result<Payload, Errno> {
        if count == 1 {
            let mut raw = [[0; Iov::SIZE]];
            self.host.copy_iovs(caller, handle, &mut raw)?;
            return Ok(Payload::One(raw));
        }
        let mut raw = [[0; Iov::SIZE]; MAX_IOV as usize];
        let count = count as usize;
        match raw.get_mut(..count) {
            Some(given) if count > 0 => self.host.copy_iovs(caller, handle, given)?,
            _ => {}
        }
        Ok(Payload::Some { raw, count })
    }

    /// Puts a message into a ring, a chunk at a time, from where it has come.
    fn insert(&self, ring: &Ring<H>, message: &Message, progress: &mut Progress) -> Result<Inserted, Errno> {
        while progress.attempt < SEND_ATTEMPTS {
            let Message {
                source,
                kind,
                len,
                ref payload,
            } = *message;
            let payload = Gather {
                host: &self.host,
                caller: source.domain,
                iovs: payload.given(),
                at: progress.at,
                done: progress.done,
            };
            let mut job = Job {
                source,
                kind,
                len,
                payload,
                slot: progress.slot,
            };
            let step = loop {
                match ring.state.with(|state| state.advance(&mut job))? {
                    Step::More if self.host.wants_cpu() => break Step::More,
                    Step::More => {}
                    step => break step,
                }
            };
            match step {
                Step::Published(event) => return Ok(Inserted::Published(event)),
                Step::Full => return Ok(Inserted::Full),
                Step::More => {
                    progress.slot = job.slot;
                    (progress.at, progress.done) = (job.payload.at, job.payload.done);
                    return Ok(Inserted::Stopped);
                }
                Step::Stolen => {
                    *progress = Progress {
                        attempt: progress.attempt.saturating_add(1),
                        ..Progress::default()
                    }
                }
            }
        }
        Ok(Inserted::Full)
    }
}
