//! A process that leaves a child behind.

use crate::roles::{PORT, ready};
use nix::unistd::{ForkResult, fork, pause};
use std::io;
use v4vsock::V4vListener;

/// Accepts one connection, forks and ends; the child only sleeps, with all that it inherited, until it is killed.
///
/// # Errors
/// The system's.
pub(crate) fn leave_a_child() -> io::Result<()> {
    let listener = V4vListener::bind(PORT)?;
    ready()?;
    let (_stream, _) = listener.accept()?;
    // SAFETY: the child calls nothing but pause.
    match unsafe { fork() }? {
        ForkResult::Child => loop {
            pause();
        },
        ForkResult::Parent { child } => {
            println!("{child}");
            // SAFETY: ends the process as a fault would, without the destructors that would say farewell.
            unsafe { nix::libc::_exit(0) }
        }
    }
}
