//! Long messages that stop on their way because the CPU is wanted for something else, and go on when the same call comes again.
//!
//! A hypercall may not keep a CPU for as long as 16 MiB take to copy. So between chunks a send looks whether it should go
//! ([`Host::wants_cpu`]), notes here how far it has come, and ends with [`Errno::RESTART`], on which the host's glue makes the guest
//! call again. Nothing of the message is visible to the receiver until then; where another message took its place in the ring,
//! or the ring went, the send finds that as it would have without the stop.

use v4v_ring::Slot;

use crate::Hypervisor;
use crate::domain::Domain;
use crate::entry::Args;
use crate::errno::Errno;
use crate::host::{Host, Lock};
use crate::ring::Ring;
use crate::send::Message;

/// How far a message has come.
#[derive(Clone, Copy, Default)]
pub(crate) struct Progress {
    /// How often it has lost its place in the ring.
    pub(crate) attempt: u32,
    /// Its place, and the ring's epoch when it got it.
    pub(crate) slot: Option<(Slot, u64)>,
    /// The caller's buffer that is being read, and how far.
    pub(crate) at: usize,
    pub(crate) done: u32,
}

/// A message that stopped.
pub(crate) struct Stopped {
    /// The caller's virtual CPU: each has one call under way.
    vcpu: u32,
    args: Args,
    /// Serial of the ring that it goes to.
    ring: u64,
    /// What the caller described when it called first.
    message: Message,
    progress: Progress,
}

impl<H: Host> Hypervisor<H> {
    /// Notes how far this message has come.
    ///
    /// # Errors
    /// [`Errno::NOMEM`]: it has to go on now.
    pub(crate) fn stop(
        &self,
        own: &Domain<H>,
        args: Args,
        ring: &Ring<H>,
        message: &Message,
        progress: Progress,
    ) -> Result<(), Errno> {
        let stopped = Stopped {
            vcpu: self.host.vcpu(),
            args,
            ring: ring.serial,
            message: message.clone(),
            progress,
        };
        own.stopped.with(|all| {
            if let Some(old) = all.iter_mut().find(|old| old.vcpu == stopped.vcpu) {
                *old = stopped;
                return Ok(());
            }
            self.host.reserve(all, 1)?;
            all.push(stopped);
            Ok(())
        })
    }

    /// How far this very message has come, where it stopped on this virtual CPU. A caller that describes it anew in another way sends
    /// another message. One that begins is begun nowhere else: a task may have moved to another virtual CPU, and what is left of its
    /// call is not to be taken for a later one, which its memory makes look the same.
    pub(crate) fn resume(&self, own: &Domain<H>, args: Args, ring: &Ring<H>, message: &Message) -> Progress {
        let vcpu = self.host.vcpu();
        own.stopped.with(|all| {
            let mut progress = None;
            all.retain(|stopped| {
                let same = stopped.args == args;
                if same && stopped.vcpu == vcpu && stopped.ring == ring.serial && stopped.message == *message
                {
                    progress = Some(stopped.progress);
                }
                !same && stopped.vcpu != vcpu
            });
            progress.unwrap_or_default()
        })
    }
}
