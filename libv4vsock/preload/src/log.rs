//! What the wrapper says: nothing, unless `V4V_LOG` asks for it, and then a line in one `write`.
//!
//! `V4V_LOG=LEVEL` or `V4V_LOG=LEVEL:FILE`, with a level of off, error, warn, info, debug. Without a file lines go to standard error, which is
//! right for a program in a terminal; one that puts something else under descriptor 2 is better given a file. The file is opened for
//! each line, so that no descriptor is in the program's way.

use crate::{errno, next};
use std::ffi::CString;
use std::fmt::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

/// The variable.
const VAR: &str = "V4V_LOG";
/// Bytes of the longest line; what is longer is cut.
const LINE_MAX: usize = 512;

/// How important a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Error = 1,
    Warn = 2,
    Info = 3,
    Debug = 4,
}

static LEVEL: AtomicU8 = AtomicU8::new(0);
static FILE: OnceLock<CString> = OnceLock::new();

/// Reads the variable. A level that is none counts as `debug`: who misspells one wants to see something.
pub(crate) fn prepare() {
    let Ok(wish) = std::env::var(VAR) else { return };
    let (level, file) = wish.split_once(':').unwrap_or((&wish, ""));
    let level = match level {
        "" | "off" => 0,
        "error" => Level::Error as u8,
        "warn" => Level::Warn as u8,
        "info" => Level::Info as u8,
        _ => Level::Debug as u8,
    };
    if let Ok(file) = CString::new(file)
        && !file.is_empty()
    {
        // It is read once.
        let _ = FILE.set(file);
    }
    LEVEL.store(level, Ordering::Relaxed);
}

/// Whether lines of this level are said.
#[inline]
pub(crate) fn is_said(level: Level) -> bool {
    level as u8 <= LEVEL.load(Ordering::Relaxed)
}

/// Says a line, if lines of this level are said.
macro_rules! say {
    ($level:ident, $($text:tt)*) => {
        if $crate::log::is_said($crate::log::Level::$level) {
            $crate::log::line(format_args!($($text)*));
        }
    };
}
pub(crate) use say;

/// Says a line whatever the level is: for a program that does not start as it was told to.
#[cold]
pub(crate) fn line(text: fmt::Arguments<'_>) {
    let mut line = Line {
        bytes: [0; LINE_MAX],
        len: 0,
    };
    // A line that is too long is cut.
    let _ = write!(line, "v4v[{}]: {text}", std::process::id());
    line.end();
    errno::kept(|| line.write());
}

struct Line {
    bytes: [u8; LINE_MAX],
    len: usize,
}

impl Line {
    fn end(&mut self) {
        // `write_str` leaves room for it.
        if let Some(byte) = self.bytes.get_mut(self.len) {
            *byte = b'\n';
            self.len += 1;
        }
    }

    fn write(&self) {
        let bytes = &self.bytes;
        let Some(file) = FILE.get() else {
            // SAFETY: the bytes are there; whether they can be written nobody could be told.
            unsafe { libc::write(libc::STDERR_FILENO, bytes.as_ptr().cast(), self.len) };
            return;
        };
        let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_CLOEXEC | libc::O_NOCTTY;
        // SAFETY: the path is a C string; the descriptor is this function's until it closes it.
        unsafe {
            let fd = libc::open(file.as_ptr(), flags, 0o600);
            if fd >= 0 {
                libc::write(fd, bytes.as_ptr().cast(), self.len);
                next::close(fd);
            }
        }
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if self.len >= LINE_MAX - 1 {
                return Err(fmt::Error);
            }
            self.bytes[self.len] = if byte == b'\n' { b' ' } else { byte };
            self.len += 1;
        }
        Ok(())
    }
}
