//! A program that makes calls, with the wrapper or without.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use v4v_wrapper_tests::Wire;
use v4v_wrapper_tests::script::Call;

/// The program.
const PROGRAM: &str = env!("CARGO_BIN_EXE_wrapper-actor");

pub(crate) struct Actor {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Actor {
    pub(crate) fn start(wire: &Wire) -> Self {
        let mut command = wire.server(PROGRAM);
        command
            .arg(wire.host())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("an actor");
        Self {
            to: child.stdin.take(),
            from: BufReader::new(child.stdout.take().expect("a pipe")),
            child,
        }
    }

    /// Has it make a call, and gives the result.
    pub(crate) fn ask(&mut self, call: &Call) -> String {
        self.line(&call.to_string())
    }

    /// Has it close everything.
    pub(crate) fn end(&mut self) {
        assert_eq!(self.line("end"), "end");
    }

    fn line(&mut self, text: &str) -> String {
        let to = self.to.as_mut().expect("it runs");
        writeln!(to, "{text}").expect("it reads");
        let mut answer = String::new();
        self.from.read_line(&mut answer).expect("it answers");
        assert!(
            !answer.is_empty(),
            "the actor ended at {text:?}: {:?}",
            self.child.wait()
        );
        answer.trim_end().to_owned()
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        // It ends with its input.
        drop(self.to.take());
        let _ = self.child.wait();
    }
}
