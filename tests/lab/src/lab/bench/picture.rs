//! The sweep as a picture, beside what the dissertation measured.

use super::figures::Figure;
use crate::lab::store::folder;
use crate::workspace::{build_programs, program};
use serde_json::json;
use std::io::{self, Write};
use std::process::{Command, Stdio};

/// The dissertation's end points (figures 4.5 and 4.6, on a Xeon X5650): path, bytes, microseconds one way, 10^6 bytes a second. NetPIPE
/// gets one from the other.
const DISSERTATION: [(&str, u64, f64, f64); 4] = [
    (OLD_V4V, 2, 16.0, 2.0 / 16.0),
    (OLD_V4V, 1 << 20, (1 << 20) as f64 / 2299.0, 2299.0),
    (OLD_SPLIT, 2, 86.0, 2.0 / 86.0),
    (OLD_SPLIT, 1 << 20, (1 << 20) as f64 / 501.0, 501.0),
];
const OLD_V4V: &str = "V4VSockets, 2019";
const OLD_SPLIT: &str = "split driver, 2019";

/// Draws it, and says where it is.
pub(super) fn draw(figures: &[Figure]) -> io::Result<()> {
    build_programs()?;
    let mut plot = Command::new(program("v4v-bench"))
        .arg("plot")
        .arg(folder("bench")?)
        .args(["--title", "Between two guests of one Xen host, in an emulator"])
        .args([
            "--note",
            "2019: the dissertation's end points, on a Xeon X5650. Not the same machine: compare the distances, not the heights",
        ])
        .args(["--elsewhere", OLD_V4V, "--elsewhere", OLD_SPLIT])
        .stdin(Stdio::piped())
        // Its words are for people, and stdout may be for a program.
        .stdout(io::stderr())
        .spawn()?;
    let ours = figures.iter().filter(|figure| figure.pairs == 1).map(|figure| {
        json!({ "path": figure.path, "bytes": figure.bytes, "latency_us": figure.latency_us, "mb_per_s": figure.mb_per_s, "runs": 1 })
    });
    let theirs = DISSERTATION.iter().map(|(path, bytes, latency_us, mb_per_s)| {
        json!({ "path": path, "bytes": bytes, "latency_us": latency_us, "mb_per_s": mb_per_s, "runs": 1 })
    });
    let mut to = plot.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    for sample in ours.chain(theirs) {
        writeln!(to, "{sample}")?;
    }
    drop(to);
    if plot.wait()?.success() {
        Ok(())
    } else {
        Err(io::Error::other("v4v-bench plot failed"))
    }
}
