//! NetPIPE's NPtcp: latency and throughput over message sizes, with its own check of the bytes.

use super::{Figure, compare};
use std::fs;
use v4v_wrapper_tests::{Server, output};

#[test]
fn netpipe() {
    compare("netpipe", 0, |wire, scene| {
        let host = wire.host();
        let folder = scene.rig.folder();
        // NPtcp's receiver ends with its transmitter, and answers only that. Its port is fixed.
        {
            let mut receiver = wire.server("NPtcp");
            let _receiver = Server::start_unasked(
                receiver
                    .args(["-i", "-u", "65536"])
                    .current_dir(folder)
                    .stderr(std::process::Stdio::null()),
            );
            let text = output(
                wire.client("NPtcp")
                    .args(["-h", host, "-i", "-u", "65536"])
                    .current_dir(folder),
            );
            assert!(!text.contains("nteg") || !text.contains("rror"), "{text}");
        }
        let mut receiver = wire.server("NPtcp");
        let _receiver = Server::start_unasked(
            receiver
                .args(["-u", "65536"])
                .current_dir(folder)
                .stderr(std::process::Stdio::null()),
        );
        output(
            wire.client("NPtcp")
                .args(["-h", host, "-u", "65536", "-o", "np.out"])
                .current_dir(folder),
        );
        // Bytes, Mb/s, seconds one way.
        let rows = fs::read_to_string(folder.join("np.out")).expect("a table");
        let row = |bytes: &str| -> Vec<f64> {
            let row = rows
                .lines()
                .map(str::split_whitespace)
                .find(|r| r.clone().next() == Some(bytes));
            row.expect("a size")
                .map(|w| w.parse().expect("a number"))
                .collect()
        };
        vec![
            Figure::new("1 B, one way", "µs", row("1")[2] * 1e6),
            Figure::new("64 KiB, one way", "µs", row("65536")[2] * 1e6),
        ]
    });
}
