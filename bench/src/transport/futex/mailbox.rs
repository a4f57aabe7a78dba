//! A box for one message, a word that tells how long it is, and the futex on that word.

use std::io::{self, ErrorKind};
use std::ptr;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

/// The longest mail. Longer messages go in parts, as slowly as they like: only short ones are timed.
pub(super) const BOX_BYTES: usize = 64;

/// Set in the word once either end has gone; the rest of the word is the length of the mail, 0 for none.
const CLOSED: u32 = 1 << 31;

/// One direction. Reader and writer never sleep at once, for one waits for mail and the other for none.
#[repr(C, align(64))]
#[derive(Debug)]
pub(super) struct Mailbox {
    word: AtomicU32,
    writer_waits: AtomicU32,
    mail: [AtomicU8; BOX_BYTES],
}

impl Mailbox {
    /// Puts in as much of `bytes` as fits, once the box is empty, and wakes the reader.
    pub(super) fn put(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.word.load(Ordering::Acquire) {
                0 => break,
                word if word & CLOSED != 0 => return Err(ErrorKind::BrokenPipe.into()),
                word => {
                    self.writer_waits.store(1, Ordering::SeqCst);
                    sleep_while(&self.word, word);
                }
            }
        }
        let count = bytes.len().min(BOX_BYTES);
        for (to, &from) in self.mail.iter().zip(bytes) {
            to.store(from, Ordering::Relaxed);
        }
        self.word.fetch_or(count as u32, Ordering::Release);
        wake(&self.word);
        Ok(count)
    }

    /// Sleeps until there is mail and returns its length; 0 once the box is closed and empty.
    pub(super) fn wait_for_mail(&self) -> usize {
        loop {
            let word = self.word.load(Ordering::Acquire);
            let count = (word & !CLOSED) as usize;
            if count > 0 || word & CLOSED != 0 {
                return count.min(BOX_BYTES);
            }
            sleep_while(&self.word, 0);
        }
    }

    /// Copies the mail from byte `start` on.
    pub(super) fn copy(&self, start: usize, to: &mut [u8]) {
        for (to, from) in to.iter_mut().zip(&self.mail[start..]) {
            *to = from.load(Ordering::Relaxed);
        }
    }

    /// Empties the box and wakes the writer if it waits for that.
    pub(super) fn empty(&self) {
        self.word.fetch_and(CLOSED, Ordering::SeqCst);
        if self.writer_waits.swap(0, Ordering::SeqCst) != 0 {
            wake(&self.word);
        }
    }

    /// Tells the other end that this one has gone.
    pub(super) fn close(&self) {
        self.word.fetch_or(CLOSED, Ordering::SeqCst);
        wake(&self.word);
    }
}

/// Sleeps unless `word` differs from `value`; may return early.
fn sleep_while(word: &AtomicU32, value: u32) {
    let forever = ptr::null::<libc::timespec>();
    // SAFETY: FUTEX_WAIT (futex(2)) reads four bytes at the address, which the reference keeps valid and aligned, and
    // takes a null timeout for none. Its failures (another value, a signal) only end the sleep early.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, value, forever) };
}

/// Wakes whoever sleeps on `word`.
fn wake(word: &AtomicU32) {
    // SAFETY: FUTEX_WAKE uses the address as a key only; the reference keeps it valid and aligned.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, 1) };
}
