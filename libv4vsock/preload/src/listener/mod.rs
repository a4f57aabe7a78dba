//! Listeners that serve TCP and V4V at once.
//!
//! The program's number is an epoll set, which polls readable while a connection waits in either of the two sockets that are in it: its
//! own TCP listener and a V4V listener of the same port, under high numbers ([`crate::hidden`]). Calls that are a listener's go to those.
//! O_NONBLOCK and close-on-exec are the epoll set's own; the sockets behind it never wait, and `exec` closes them with it.
//!
//! | module | what |
//! |---|---|
//! | `make` | a listener from a TCP socket that listens |
//! | `accept` | from whichever socket has a connection, in turns |
//! | `copies` | `dup`, `close` and their like: the sockets behind live as long as a copy of the program's descriptor |
//! | `recover` | what an exec'ed program has inherited |

mod accept;
mod copies;
mod make;
mod record;
mod recover;

pub(crate) use accept::accept;
pub(crate) use copies::{adopt, close, close_range, make_way, released, sync_cloexec};
pub(crate) use make::serve;
pub(crate) use recover::recover;

use crate::table::{self, Entry};
use libc::c_int;
use record::Record;

/// What is behind a listener's descriptor.
#[derive(Clone, Copy)]
pub(crate) struct Behind {
    number: u32,
    record: &'static Record,
}

/// What is behind this descriptor, if it is a listener's.
#[inline]
pub(crate) fn behind(fd: c_int) -> Option<Behind> {
    match table::entry(fd) {
        Entry::Outer(number) => Behind::of(number),
        _ => None,
    }
}

impl Behind {
    fn of(number: u32) -> Option<Self> {
        let record = record::get(number)?;
        Some(Self { number, record })
    }

    /// The TCP listener.
    pub(crate) fn tcp(self) -> c_int {
        self.record.tcp()
    }

    /// The V4V listener.
    pub(crate) fn v4v(self) -> c_int {
        self.record.v4v()
    }

    /// The program has set an option, which connections inherit.
    pub(crate) fn note_option(self) {
        self.record.note_option();
    }
}
