//! Standard output, whose reader may leave.

use std::io::{self, ErrorKind, StdoutLock, Write};
use std::process::exit;

/// Standard output. Where whoever reads it has seen enough, the process ends and that is no error; a connection that breaks
/// is one, so the two must not be mixed up.
pub(crate) struct Output(StdoutLock<'static>);

/// The locked standard output.
pub(crate) fn output() -> Output {
    Output(io::stdout().lock())
}

fn end_with_reader<T>(outcome: io::Result<T>) -> io::Result<T> {
    if matches!(&outcome, Err(error) if error.kind() == ErrorKind::BrokenPipe) {
        exit(0);
    }
    outcome
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        end_with_reader(self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        end_with_reader(self.0.flush())
    }
}
