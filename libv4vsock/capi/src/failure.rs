//! Failed calls: `errno` for programs, a sentence for people.

use nix::errno::Errno;
use std::cell::RefCell;
use std::ffi::{CString, c_char, c_int};
use std::io;

thread_local! {
    static REASON: RefCell<CString> = RefCell::default();
}

/// The sentence of this thread's last failed call, until its next one; never null.
#[unsafe(no_mangle)]
pub extern "C" fn v4v_strerror() -> *const c_char {
    REASON.with_borrow(|reason| reason.as_ptr())
}

/// Keeps why a call failed, and returns what it returns then.
pub(crate) fn fail(error: &io::Error) -> c_int {
    let text = error.to_string().replace('\0', "?");
    // A sentence without zeros.
    REASON.set(CString::new(text).unwrap_or_default());
    Errno::set_raw(v4vsock::errno(error).unwrap_or(libc::EIO));
    -1
}

/// An error of the caller's: a number and a sentence.
pub(crate) fn mistake(sentence: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, sentence)
}

/// A call's outcome as C has it: not negative, or -1.
pub(crate) fn returned(outcome: io::Result<c_int>) -> c_int {
    match outcome {
        Ok(value) => {
            Errno::set_raw(0);
            value
        }
        Err(error) => fail(&error),
    }
}
