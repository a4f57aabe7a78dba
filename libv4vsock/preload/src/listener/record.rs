//! What is known of a listener.

use crate::table::{Radix, Zeroed};
use libc::c_int;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

/// Every record; they are used again, and never freed.
static RECORDS: Radix<Record> = Radix::new();
/// Records that were ever used.
static USED: AtomicU32 = AtomicU32::new(0);

/// Copies of a record whose last one is being closed.
const CLOSING: u32 = u32::MAX;

/// A listener.
pub(crate) struct Record {
    /// Descriptors of the program's; 0: the record is free.
    copies: AtomicU32,
    tcp: AtomicI32,
    v4v: AtomicI32,
    /// Which of the two is asked first, in its last bit.
    turn: AtomicU32,
    flags: AtomicU32,
}

/// The program's socket is one of AF_INET6.
const V6: u32 = 1;
/// It has options set that connections inherit.
const OPTIONS: u32 = 2;

// SAFETY: it is made of atomic integers, for which zero is a value.
unsafe impl Zeroed for Record {}

/// The record of a number.
pub(super) fn get(number: u32) -> Option<&'static Record> {
    RECORDS.get(number)
}

/// How many numbers have ever been used: all records are below.
pub(super) fn used() -> u32 {
    USED.load(Ordering::Acquire)
}

/// Takes a free record, with one copy; `None` where there is no memory.
pub(super) fn take(is_v6: bool, has_options: bool) -> Option<(u32, &'static Record)> {
    let free = (0..used()).find_map(|number| Some((number, get(number)?)).filter(|(_, r)| r.is_taken_now()));
    let (number, record) = match free {
        Some(free) => free,
        None => {
            let number = USED.load(Ordering::Relaxed);
            let record = RECORDS.get_or_make(number)?;
            // Another thread may have been as far.
            let _ = USED.compare_exchange(number, number + 1, Ordering::AcqRel, Ordering::Relaxed);
            if !record.is_taken_now() {
                return take(is_v6, has_options);
            }
            (number, record)
        }
    };
    let flags = if is_v6 { V6 } else { 0 } | if has_options { OPTIONS } else { 0 };
    record.flags.store(flags, Ordering::Relaxed);
    Some((number, record))
}

impl Record {
    fn is_taken_now(&self) -> bool {
        self.copies
            .compare_exchange(0, 1, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Says which sockets it is about.
    pub(super) fn fill(&self, tcp: c_int, v4v: c_int) {
        self.tcp.store(tcp, Ordering::Release);
        self.v4v.store(v4v, Ordering::Release);
    }

    pub(super) fn tcp(&self) -> c_int {
        self.tcp.load(Ordering::Acquire)
    }

    pub(super) fn v4v(&self) -> c_int {
        self.v4v.load(Ordering::Acquire)
    }

    /// Whether this is the socket of TCP or of V4V.
    pub(super) fn is_v4v(&self, fd: c_int) -> bool {
        self.v4v() == fd
    }

    /// One of the two sockets has another number now.
    pub(super) fn renumber(&self, from: c_int, to: c_int) {
        for place in [&self.tcp, &self.v4v] {
            // At most one of them has that number.
            let _ = place.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed);
        }
    }

    /// One more descriptor of the program's.
    pub(super) fn add_copy(&self) {
        self.copies.fetch_add(1, Ordering::AcqRel);
    }

    /// One descriptor less; whether it was the last. Then the caller closes the sockets and [frees](Self::free) the record.
    pub(super) fn drop_copy(&self) -> bool {
        let less = self
            .copies
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |copies| match copies {
                0 | CLOSING => None,
                1 => Some(CLOSING),
                more => Some(more - 1),
            });
        less == Ok(1)
    }

    /// It may be used again.
    pub(super) fn free(&self) {
        self.copies.store(0, Ordering::Release);
    }

    /// Whether V4V is asked first this time.
    pub(super) fn is_v4vs_turn(&self) -> bool {
        self.turn.fetch_add(1, Ordering::Relaxed) & 1 == 0
    }

    pub(super) fn is_v6(&self) -> bool {
        self.flags.load(Ordering::Relaxed) & V6 != 0
    }

    pub(super) fn has_options(&self) -> bool {
        self.flags.load(Ordering::Relaxed) & OPTIONS != 0
    }

    pub(super) fn note_option(&self) {
        self.flags.fetch_or(OPTIONS, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_free_when_its_last_copy_has_gone() {
        let (_, record) = take(true, false).expect("memory");
        record.fill(1000, 1001);
        record.add_copy();
        assert!(!record.drop_copy() && record.drop_copy() && !record.drop_copy());
        record.free();
        assert!(record.is_v6() && !record.has_options());
    }

    #[test]
    fn two_that_are_taken_are_two() {
        let (first, _) = take(false, true).expect("memory");
        let (second, record) = take(false, true).expect("memory");
        assert_ne!(first, second);
        record.fill(7, 8);
        record.renumber(8, 9);
        assert_eq!((record.tcp(), record.v4v(), record.is_v4v(9)), (7, 9, true));
    }
}
