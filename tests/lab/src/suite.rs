//! `cargo xtask test`: everything that checks the project.

use crate::lab;
use crate::setup::{ensure_tools, ensure_unmodified_programs};
use crate::steps::Steps;
use crate::workspace::{cargo, root, target};
use clap::Args;
use std::fs;
use std::io;
use std::process::Command;

#[derive(Args)]
pub(crate) struct Options {
    /// Only the steps whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// All of the lab, on upstream's Xen too (some twenty-five minutes by the sum of its tests, more the first time). Without it, a few tests on ours
    #[arg(long)]
    lab: bool,
}

/// Runs the steps; whether all passed.
pub(crate) fn run(options: &Options) -> io::Result<bool> {
    ensure_tools()?;
    let mut steps = Steps::default();
    let wanted = |name: &str| {
        options
            .only
            .as_ref()
            .is_none_or(|only| name.contains(only.as_str()))
    };
    for (name, args) in CARGO_STEPS {
        if wanted(name) {
            steps.run(name, &mut step(args));
        }
    }
    if wanted(WRAPPER) {
        steps.check("Debian's programs for the wrapper", ensure_unmodified_programs);
        steps.run(WRAPPER, &mut cargo(&WRAPPER_TEST));
    }
    if wanted("demo") {
        steps.run(
            "demo, five seconds of it",
            &mut cargo(&["xtask", "demo", "--json", "--seconds", "5"]),
        );
        steps.check("demo leaves its plots", plots_are_there);
    }
    lab::check(&mut steps, options.lab, wanted);
    Ok(steps.close())
}

/// Unmodified programs with the wrapper.
const WRAPPER: &str = "unmodified programs through the wrapper";
const WRAPPER_TEST: [&str; 6] = [
    "test",
    "-p",
    "v4v-wrapper-tests",
    "--no-fail-fast",
    "--",
    "--nocapture",
];

/// Cargo's part, in order: cheap checks first.
const CARGO_STEPS: [(&str, &[&str]); 7] = [
    ("formatting", &["fmt", "--all", "--check"]),
    (
        "clippy",
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--",
            "-D",
            "warnings",
        ],
    ),
    (
        "clippy, the hosted library alone",
        &[
            "clippy",
            "-p",
            "v4v-hosted",
            "--no-default-features",
            "--",
            "-D",
            "warnings",
        ],
    ),
    (
        "documentation",
        &["doc", "--workspace", "--no-deps", "--all-features"],
    ),
    ("programs", &["build", "--workspace", "--bins"]),
    (
        "unit, property, model, conformance and fault tests",
        &[
            "test",
            "--workspace",
            "--all-features",
            "--no-fail-fast",
            "--exclude",
            "v4v-soak",
            "--exclude",
            "v4v-wrapper-tests",
        ],
    ),
    (
        "soak",
        &["test", "--release", "-p", "v4v-soak", "--", "--nocapture"],
    ),
];

fn step(args: &[&str]) -> Command {
    let mut command = cargo(args);
    if args.first() == Some(&"doc") {
        command.env("RUSTDOCFLAGS", "-D warnings");
    }
    command
}

fn plots_are_there() -> io::Result<()> {
    let folder = target().join("demo");
    for (file, magic) in [("sweep.svg", &b"<svg"[..]), ("sweep.png", &b"\x89PNG"[..])] {
        let bytes = fs::read(folder.join(file))?;
        if !bytes.windows(magic.len()).take(200).any(|w| w == magic) {
            return Err(io::Error::other(format!("{file} is no picture")));
        }
    }
    println!(
        "plots in {}",
        folder.strip_prefix(root()).unwrap_or(&folder).display()
    );
    Ok(())
}
