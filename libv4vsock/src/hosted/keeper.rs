//! The thread that does for the sockets of a process what a kernel would do between their calls.
//!
//! It sees the daemon's end, and looks again at what nobody tells of: a full ring of a listener or of a receiver of datagrams,
//! into which no ring of ours leads.

use crate::hosted::control::{Control, lock};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::SigSet;
use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

/// Milliseconds between two looks at what waits for room.
const PERIOD_MS: u8 = 2;
/// How long the thread waits where the system cannot let it poll.
const OUT_OF_MEMORY: Duration = Duration::from_millis(100);
/// Bytes of the thread's stack; it calls nothing deep.
const STACK: usize = 256 * 1024;

/// What is to be done again a little later.
pub(crate) trait Chore: Send + Sync {
    /// Does it; whether it is to be done once more.
    fn look(&self) -> bool;
}

/// The chores of a process, and the bell that says that there is one.
#[derive(Default)]
pub(crate) struct Keeper {
    /// There since the thread is.
    bell: OnceLock<EventFd>,
    list: Mutex<List>,
}

#[derive(Default)]
struct List {
    chores: Vec<Weak<dyn Chore>>,
    /// The thread has ended, with the daemon.
    ended: bool,
}

impl Keeper {
    /// Has `chore` done in a while, and again as long as it wants that and is there.
    pub(crate) fn later(&self, chore: Weak<dyn Chore>) {
        let mut list = lock(&self.list);
        if list.ended {
            drop(list);
            look(&chore);
            return;
        }
        list.chores.push(chore);
        if list.chores.len() == 1 {
            // It fails only where the bell has rung more often than 64 bits count.
            let _ = self.bell.get().map(|bell| bell.write(1));
        }
    }

    fn timeout(&self) -> PollTimeout {
        if lock(&self.list).chores.is_empty() {
            PollTimeout::NONE
        } else {
            PERIOD_MS.into()
        }
    }

    /// Does every chore once, without the lock: a chore may take others.
    fn look_at_all(&self) {
        let mut due = std::mem::take(&mut lock(&self.list).chores);
        due.retain(look);
        lock(&self.list).chores.append(&mut due);
    }

    fn end(&self) {
        lock(&self.list).ended = true;
        self.look_at_all();
        lock(&self.list).chores.clear();
    }
}

fn look(chore: &Weak<dyn Chore>) -> bool {
    chore.upgrade().is_some_and(|chore| chore.look())
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper")
            .field("chores", &lock(&self.list).chores.len())
            .finish_non_exhaustive()
    }
}

/// Starts the thread for the sockets of `control`. It ends with the daemon.
pub(crate) fn start(control: &Arc<Control>) -> io::Result<()> {
    let bell = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
    // One that is there is as good.
    let _ = control.keeper().bell.set(bell);
    let control = Arc::clone(control);
    std::thread::Builder::new()
        .name("v4v".to_owned())
        .stack_size(STACK)
        .spawn(move || keep(&control))
        .map(drop)
}

fn keep(control: &Control) {
    // Signals are for the program's own threads. Where this fails, one may be handled here, which only ends a poll early.
    let _ = SigSet::all().thread_block();
    loop {
        match wait(control) {
            Ok(false) => control.keeper().look_at_all(),
            Ok(true) => break,
            Err(error) => {
                // For want of memory, which may come back.
                log::warn!("cannot look after the sockets of this process: {error}");
                std::thread::sleep(OUT_OF_MEMORY);
            }
        }
    }
    control.rings().lose();
    control.keeper().end();
}

/// Waits for something to do; whether the daemon is gone.
fn wait(control: &Control) -> io::Result<bool> {
    let keeper = control.keeper();
    let bell = keeper.bell.get().ok_or(io::ErrorKind::NotFound)?;
    // The answers are for those who asked. That the daemon has gone is told without asking.
    let mut fds = [
        PollFd::new(control.socket(), PollFlags::empty()),
        PollFd::new(bell.as_fd(), PollFlags::POLLIN),
    ];
    match poll(&mut fds, keeper.timeout()) {
        Err(Errno::EINTR) => return Ok(false),
        outcome => outcome?,
    };
    if fds[1].any() == Some(true) {
        // Nothing to read is what a second look finds.
        let _ = bell.read();
    }
    Ok(fds[0].any() != Some(false))
}
