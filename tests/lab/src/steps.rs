//! Named steps with their outcome and time, and the closing line.

use std::io;
use std::process::{Command, Stdio};
use std::time::Instant;

/// What ran so far.
#[derive(Default)]
pub(crate) struct Steps {
    passed: usize,
    failed: Vec<String>,
}

impl Steps {
    /// Runs one command, its output passed through, and says how it went.
    pub(crate) fn run(&mut self, name: &str, command: &mut Command) {
        println!("\n=== {name} ===");
        let start = Instant::now();
        let outcome = match command.stdin(Stdio::null()).status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("{status}")),
            Err(error) => Err(format!(
                "cannot start {}: {error}",
                command.get_program().display()
            )),
        };
        self.record(name, start, outcome);
    }

    /// Runs one check in this process.
    pub(crate) fn check(&mut self, name: &str, check: impl FnOnce() -> io::Result<()>) {
        println!("\n=== {name} ===");
        let start = Instant::now();
        self.record(name, start, check().map_err(|e| e.to_string()));
    }

    fn record(&mut self, name: &str, start: Instant, outcome: Result<(), String>) {
        let seconds = start.elapsed().as_secs_f32();
        match outcome {
            Ok(()) => {
                self.passed += 1;
                println!("--- {name}: ok, {seconds:.1} s");
            }
            Err(why) => {
                println!("--- {name}: FAILED after {seconds:.1} s: {why}");
                self.failed.push(name.to_owned());
            }
        }
    }

    /// Prints the closing lines; whether everything passed.
    pub(crate) fn close(&self) -> bool {
        for name in &self.failed {
            println!("failed: {name}");
        }
        println!("\nsteps: {} passed, {} failed", self.passed, self.failed.len());
        self.failed.is_empty()
    }
}
