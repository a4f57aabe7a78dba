//! A word of notes on a V4V socket, kept by the kernel.
//!
//! Which family the program used, and what it set of TCP's options, is to be known in every process that has the descriptor. So it is
//! stored in the socket: `SO_MAX_PACING_RATE` holds 64 bits that only TCP's and the packet scheduler's senders look at, and neither V4V
//! nor a Unix socket has one. A socket with these notes is one that this library made.

use crate::next;
use libc::{SOL_SOCKET, c_void, socklen_t};

/// The option that holds the word.
pub(crate) const OPTION: i32 = libc::SO_MAX_PACING_RATE;

/// What tells a word of notes from any pacing rate that there may be: beyond 2^63 bytes a second.
const MAGIC: u64 = 0xD4 << 56;
const MAGIC_MASK: u64 = 0xFF << 56;

/// A piece of the word.
#[derive(Clone, Copy)]
pub(crate) struct Field {
    shift: u32,
    bits: u32,
}

impl Field {
    const fn new(shift: u32, bits: u32) -> Self {
        Self { shift, bits }
    }

    const fn mask(self) -> u64 {
        ((1 << self.bits) - 1) << self.shift
    }
}

/// The program's socket is one of AF_INET6.
pub(crate) const V6: Field = Field::new(0, 1);
/// TCP_NODELAY, TCP_CORK, and whether TCP_QUICKACK was taken back.
pub(crate) const NODELAY: Field = Field::new(1, 1);
pub(crate) const CORK: Field = Field::new(2, 1);
pub(crate) const NO_QUICKACK: Field = Field::new(3, 1);
/// TCP_KEEPIDLE and TCP_KEEPINTVL in seconds, TCP_KEEPCNT; 0: as they were.
pub(crate) const KEEPIDLE: Field = Field::new(4, 15);
pub(crate) const KEEPINTVL: Field = Field::new(19, 15);
pub(crate) const KEEPCNT: Field = Field::new(34, 7);
/// IP_TOS.
pub(crate) const TOS: Field = Field::new(41, 8);
/// The connection is on its way, and no connect has said yet that it is there.
pub(crate) const CONNECTING: Field = Field::new(49, 1);

/// The notes on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Notes(u64);

impl Notes {
    /// None yet, for a socket of this family.
    pub(crate) fn new(is_v6: bool) -> Self {
        Self(MAGIC).with(V6, is_v6.into())
    }

    pub(crate) fn get(self, field: Field) -> u64 {
        (self.0 & field.mask()) >> field.shift
    }

    pub(crate) fn with(self, field: Field, value: u64) -> Self {
        Self(self.0 & !field.mask() | value << field.shift & field.mask())
    }

    pub(crate) fn is_v6(self) -> bool {
        self.get(V6) != 0
    }

    /// Whether nothing but the family is noted.
    pub(crate) fn is_fresh(self) -> bool {
        self == Self::new(self.is_v6())
    }

    /// Those of a descriptor; `None` where it is no V4V socket of this library's.
    pub(crate) fn of(fd: i32) -> Option<Self> {
        let mut word = 0_u64;
        let mut len = size_of::<u64>() as socklen_t;
        // SAFETY: value and length are this function's own, and the length is the value's.
        let result = unsafe {
            next::getsockopt(
                fd,
                SOL_SOCKET,
                OPTION,
                (&raw mut word).cast::<c_void>(),
                &raw mut len,
            )
        };
        (result == 0 && len as usize == size_of::<u64>() && word & MAGIC_MASK == MAGIC).then_some(Self(word))
    }

    /// Stores them; whether the kernel took them.
    pub(crate) fn store(self, fd: i32) -> bool {
        let len = size_of::<u64>() as socklen_t;
        // SAFETY: value and length are this function's own, and the length is the value's.
        unsafe { next::setsockopt(fd, SOL_SOCKET, OPTION, (&raw const self.0).cast::<c_void>(), len) == 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn fields_do_not_touch_each_other() {
        let all = [
            V6,
            NODELAY,
            CORK,
            NO_QUICKACK,
            KEEPIDLE,
            KEEPINTVL,
            KEEPCNT,
            TOS,
            CONNECTING,
        ];
        let mut seen = MAGIC_MASK;
        for field in all {
            assert_eq!(seen & field.mask(), 0);
            seen |= field.mask();
        }
        let notes = Notes::new(true).with(KEEPIDLE, 32_767).with(TOS, 0x10);
        assert_eq!(
            (notes.get(KEEPIDLE), notes.get(KEEPINTVL), notes.get(TOS)),
            (32_767, 0, 0x10)
        );
        assert_eq!(notes.with(KEEPIDLE, 0).get(KEEPIDLE), 0);
    }

    #[test]
    fn the_kernel_keeps_them_with_the_socket() {
        let (one, other) = UnixStream::pair().expect("a pair");
        assert_eq!(Notes::of(one.as_raw_fd()), None);
        let notes = Notes::new(true).with(KEEPCNT, 127);
        assert!(notes.store(one.as_raw_fd()));
        let copy = one.try_clone().expect("a copy");
        assert_eq!(
            (Notes::of(copy.as_raw_fd()), Notes::of(other.as_raw_fd())),
            (Some(notes), None)
        );
    }
}
