//! Every pair on every backend where it holds, each a test of its own.
//!
//! Arguments are those of Rust's own harness as far as they mean something here: words that a test's name is to contain,
//! `--exact`, `--skip WORD`, `--list`, `--test-threads N`. Others are ignored.

use std::process::ExitCode;
use std::thread;
use v4v_conformance::runner::Runner;
use v4v_conformance::suite::{Case, cases, run};

#[derive(Default)]
struct Args {
    wanted: Vec<String>,
    unwanted: Vec<String>,
    exact: bool,
    list: bool,
    jobs: usize,
}

impl Args {
    fn parse(words: impl IntoIterator<Item = String>) -> Self {
        let mut args = Self {
            jobs: thread::available_parallelism().map_or(1, usize::from),
            ..Self::default()
        };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--exact" => args.exact = true,
                "--list" => args.list = true,
                "--skip" => args.unwanted.extend(words.next()),
                "--test-threads" => args.jobs = words.next().and_then(|n| n.parse().ok()).unwrap_or(1),
                // The flags of the harness that take a value of their own.
                "--format" | "--color" | "--logfile" | "--shuffle-seed" => drop(words.next()),
                flag if flag.starts_with('-') => {}
                _ => args.wanted.push(word),
            }
        }
        args
    }

    fn wants(&self, case: &Case) -> bool {
        let name = case.to_string();
        let matches = |word: &String| {
            if self.exact {
                name == *word
            } else {
                name.contains(word.as_str())
            }
        };
        (self.wanted.is_empty() || self.wanted.iter().any(matches)) && !self.unwanted.iter().any(matches)
    }
}

fn main() -> ExitCode {
    let args = Args::parse(std::env::args().skip(1));
    let all: Vec<Case> = cases().collect();
    let wanted: Vec<Case> = all.iter().copied().filter(|case| args.wants(case)).collect();
    if args.list {
        wanted.iter().for_each(|case| println!("{case}: test"));
        return ExitCode::SUCCESS;
    }
    let runner = Runner::new(env!("CARGO_BIN_EXE_v4v-conformance").into());
    if run(&runner, &wanted, all.len() - wanted.len(), args.jobs) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
