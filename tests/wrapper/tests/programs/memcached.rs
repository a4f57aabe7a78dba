//! memcached: threads that hand connections to each other.

use super::{Figure, bytes, compare, number_after};
use std::fs;
use v4v_wrapper_tests::{Server, output};

const PORT: u16 = 21_211;

#[test]
fn memcached() {
    compare("memcached", 3, |wire, scene| {
        let mut server = wire.server("memcached");
        server.args(["-u", "root", "-p", &PORT.to_string(), "-U", "0", "-l", "0.0.0.0"]);
        let _server = Server::start(&mut server, PORT);
        let servers = format!("--servers={}:{PORT}", wire.host());
        let file = scene.rig.folder().join("item");
        let text: String = bytes(200_000).iter().map(|b| format!("{b:02x}")).collect();
        fs::write(&file, &text).expect("a file");
        output(wire.client("memccp").arg(&servers).arg(&file));
        assert_eq!(
            output(wire.client("memccat").arg(&servers).arg("item")).trim_end(),
            text
        );
        let load = format!("{}:{PORT}", wire.host());
        let report = output(
            wire.client("memcaslap")
                .args(["-s", &load, "-T", "2", "-c", "32", "-t", "3s"]),
        );
        let figures = vec![Figure::new(
            "nine reads to one write, 32 connections",
            "/s",
            number_after(&report, "TPS:"),
        )];
        scene.check_counters();
        figures
    });
}
