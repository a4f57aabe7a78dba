//! iperf3: bulk data both ways, one connection and four.

use super::{Figure, compare};
use serde_json::Value;
use v4v_wrapper_tests::{Server, output};

const PORT: u16 = 15_201;

#[test]
fn iperf3() {
    compare("iperf3", 2 + 2 + 5, |wire, scene| {
        let mut server = wire.server("iperf3");
        let _server = Server::start(
            server
                .args(["-s", "-p", &PORT.to_string()])
                .stdout(std::process::Stdio::null()),
            PORT,
        );
        let measure = |more: &[&str]| {
            let mut client = wire.client("iperf3");
            client
                .args(["-c", wire.host(), "-p", &PORT.to_string(), "-t", "2", "-J"])
                .args(more);
            let report: Value = serde_json::from_str(&output(&mut client)).expect("JSON");
            let end = &report["end"];
            // What was sent has arrived; with the last buffers on their way when the time was over.
            let (sent, received) = (bytes(end, "sum_sent"), bytes(end, "sum_received"));
            assert!(
                received > 0.0 && received >= sent * 0.95,
                "{sent} sent, {received} received"
            );
            end["sum_received"]["bits_per_second"].as_f64().expect("a rate") / 8e6
        };
        let figures = vec![
            Figure::new("to the server", "MB/s", measure(&[])),
            Figure::new("from the server", "MB/s", measure(&["-R"])),
            Figure::new("four connections", "MB/s", measure(&["-P", "4"])),
        ];
        scene.check_counters();
        figures
    });
}

fn bytes(end: &Value, which: &str) -> f64 {
    end[which]["bytes"].as_f64().expect("bytes")
}
