//! What is known of descriptors by their number.
//!
//! A word for each, and most words are 0: nothing is known of a descriptor that has nothing to do with V4V, of a V4V connection
//! neither. There are three things to know: that a number is a listener's (the *outer* descriptor, which the program has), that it is
//! one of the sockets behind a listener (*hidden*), and, of any other, two notes for a connect to come: in which epoll set the program
//! has put it, and whether it was bound to a port.
//!
//! The notes are hints: a number may be somebody else's by now, so they are believed only after the kernel was asked ([`crate::swap`]).

mod radix;

pub(crate) use radix::{Radix, Zeroed};

use libc::c_int;
use std::sync::atomic::{AtomicU64, Ordering};

/// Every word.
static WORDS: Radix<AtomicU64> = Radix::new();

const KIND: u64 = 0b11;
const OUTER: u64 = 1;
const HIDDEN: u64 = 2;
/// It was bound to a port that the program chose.
const BOUND: u64 = 1 << 2;
/// It was put into more than one epoll set.
const MANY_SETS: u64 = 1 << 3;
/// Where a number is kept: the listener's, or the epoll set's and 1.
const NUMBER: u32 = 32;

/// What a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Nothing that the table cares about.
    Plain,
    /// A listener as the program sees it, and its record's number.
    Outer(u32),
    /// A socket behind a listener.
    Hidden(u32),
}

/// In which epoll sets a descriptor may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sets {
    /// In none that was seen.
    None,
    /// In this one.
    One(i32),
    /// In several.
    Many,
}

fn word(fd: i32) -> Option<&'static AtomicU64> {
    WORDS.get(u32::try_from(fd).ok()?)
}

/// The word, whose place is made if there is none; `None` for what is no descriptor, and where there is no memory.
fn word_made(fd: i32) -> Option<&'static AtomicU64> {
    WORDS.get_or_make(u32::try_from(fd).ok()?)
}

fn entry_of(word: u64) -> Entry {
    let number = (word >> NUMBER) as u32;
    match word & KIND {
        OUTER => Entry::Outer(number),
        HIDDEN => Entry::Hidden(number),
        _ => Entry::Plain,
    }
}

/// What the number is.
#[inline]
pub(crate) fn entry(fd: c_int) -> Entry {
    word(fd).map_or(Entry::Plain, |w| entry_of(w.load(Ordering::Acquire)))
}

/// Writes down what the number is. `false` where there is no memory for it.
pub(crate) fn set(fd: i32, entry: Entry) -> bool {
    let value = match entry {
        Entry::Plain => 0,
        Entry::Outer(record) => OUTER | u64::from(record) << NUMBER,
        Entry::Hidden(record) => HIDDEN | u64::from(record) << NUMBER,
    };
    match word_made(fd) {
        Some(word) => {
            word.store(value, Ordering::Release);
            true
        }
        None => false,
    }
}

/// Takes what the number is out of the table, if it is `expected`; of several calls at once one succeeds.
pub(crate) fn take(fd: i32, expected: Entry) -> bool {
    word(fd).is_some_and(|word| {
        let value = word.load(Ordering::Acquire);
        entry_of(value) == expected
            && word
                .compare_exchange(value, 0, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
    })
}

/// Forgets the notes about a number that is a new socket's now.
#[inline]
pub(crate) fn forget_notes(fd: i32) {
    if let Some(word) = word(fd)
        && word.load(Ordering::Relaxed) != 0
        && entry(fd) == Entry::Plain
    {
        word.store(0, Ordering::Relaxed);
    }
}

/// Notes that the number was put into an epoll set.
pub(crate) fn note_set(fd: i32, set: i32) {
    let Some(word) = word_made(fd) else { return };
    // One more than the set's number, so that 0 is none.
    let noted = u64::from(set.cast_unsigned().wrapping_add(1)) << NUMBER;
    let _ = word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |old| {
        if entry_of(old) != Entry::Plain {
            return None;
        }
        let before = old >> NUMBER << NUMBER;
        let many = if before == 0 || before == noted {
            0
        } else {
            MANY_SETS
        };
        Some(old & (BOUND | MANY_SETS) | many | noted)
    });
}

/// The epoll sets that were noted.
pub(crate) fn sets(fd: i32) -> Sets {
    let value = word(fd).map_or(0, |w| w.load(Ordering::Relaxed));
    if entry_of(value) != Entry::Plain {
        return Sets::None;
    }
    match ((value >> NUMBER) as u32, value & MANY_SETS) {
        (0, _) => Sets::None,
        (set, 0) => Sets::One(set.wrapping_sub(1).cast_signed()),
        _ => Sets::Many,
    }
}

/// Notes that the number's socket was bound to a port of the program's choice.
pub(crate) fn note_bound(fd: i32) {
    if let Some(word) = word_made(fd)
        && entry(fd) == Entry::Plain
    {
        word.fetch_or(BOUND, Ordering::Relaxed);
    }
}

/// Whether that was noted.
pub(crate) fn is_bound(fd: i32) -> bool {
    word(fd).is_some_and(|w| {
        let value = w.load(Ordering::Relaxed);
        entry_of(value) == Entry::Plain && value & BOUND != 0
    })
}

/// The first number from `from` to `last` that is what is `wanted`, and what it is.
pub(crate) fn find(from: u32, last: u32, wanted: impl Fn(Entry) -> bool) -> Option<(c_int, Entry)> {
    let number = WORDS.find(from, last, |word| wanted(entry_of(word.load(Ordering::Acquire))))?;
    let fd = c_int::try_from(number).ok()?;
    Some((fd, entry(fd)))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The table is one for all tests: each uses numbers of its own.

    #[test]
    fn a_number_is_what_was_written_until_it_is_taken_once() {
        assert_eq!(entry(70_000), Entry::Plain);
        assert!(set(70_000, Entry::Outer(3)));
        assert_eq!(entry(70_000), Entry::Outer(3));
        assert!(!take(70_000, Entry::Hidden(3)));
        assert!(take(70_000, Entry::Outer(3)) && !take(70_000, Entry::Outer(3)));
        assert_eq!(entry(-1), Entry::Plain);
        assert!(set(i32::MAX, Entry::Hidden(0)) && entry(i32::MAX) == Entry::Hidden(0));
    }

    #[test]
    fn notes_tell_one_set_from_many() {
        assert_eq!(sets(71_000), Sets::None);
        note_set(71_000, 0);
        note_set(71_000, 0);
        note_bound(71_000);
        assert_eq!((sets(71_000), is_bound(71_000)), (Sets::One(0), true));
        note_set(71_000, 5);
        note_set(71_000, 5);
        assert_eq!((sets(71_000), is_bound(71_000)), (Sets::Many, true));
        forget_notes(71_000);
        assert_eq!((sets(71_000), is_bound(71_000)), (Sets::None, false));
    }

    #[test]
    fn notes_leave_listeners_alone() {
        set(72_000, Entry::Outer(9));
        note_set(72_000, 5);
        note_bound(72_000);
        forget_notes(72_000);
        assert_eq!((entry(72_000), sets(72_000)), (Entry::Outer(9), Sets::None));
    }

    #[test]
    fn numbers_are_found_in_order() {
        let wanted = Entry::Outer(77);
        set(73_001, wanted);
        set(90_000, wanted);
        let found = |from, last| find(from, last, |entry| entry == wanted);
        assert_eq!(found(0, u32::MAX), Some((73_001, wanted)));
        assert_eq!(found(73_002, u32::MAX), Some((90_000, wanted)));
        assert_eq!(found(73_002, 89_999), None);
    }
}
