//! The serial port as a plain path for bytes.

use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use std::fs::{File, OpenOptions};
use std::io;

/// Opens a terminal device in raw mode.
pub(crate) fn open(device: &str) -> io::Result<File> {
    let port = OpenOptions::new().read(true).write(true).open(device)?;
    let mut mode = tcgetattr(&port)?;
    cfmakeraw(&mut mode);
    tcsetattr(&port, SetArg::TCSANOW, &mode)?;
    Ok(port)
}
