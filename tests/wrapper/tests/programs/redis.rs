//! Redis: its server, its command, its benchmark.

use super::{Figure, bytes, compare, number_before};
use std::fs;
use v4v_wrapper_tests::{Server, output};

const PORT: u16 = 16_379;

#[test]
fn redis() {
    compare("redis", 100, |wire, scene| {
        let port = PORT.to_string();
        let mut server = wire.server("redis-server");
        server.args([
            "--port",
            &port,
            "--bind",
            "0.0.0.0",
            "--protected-mode",
            "no",
            "--save",
            "",
            "--loglevel",
            "warning",
        ]);
        let _server = Server::start(server.current_dir(scene.rig.folder()), PORT);
        let client = |program: &str| {
            let mut client = wire.client(program);
            client.args(["-h", wire.host(), "-p", &port]);
            client
        };
        let value: String = bytes(300_000).iter().map(|b| format!("{b:02x}")).collect();
        let file = scene.rig.folder().join("value");
        fs::write(&file, &value).expect("a file");
        let set = format!(
            "redis-cli -h {} -p {port} -x set key < {}",
            wire.host(),
            file.display()
        );
        assert_eq!(output(wire.client("sh").args(["-c", &set])).trim(), "OK");
        assert_eq!(output(client("redis-cli").args(["get", "key"])).trim_end(), value);
        let info = output(client("redis-cli").args(["client", "list"]));
        assert!(info.contains(&format!("addr={}:", wire.client_host())), "{info}");
        let text = output(client("redis-benchmark").args([
            "-q",
            "-t",
            "set,get,lrange_100",
            "-n",
            "50000",
            "-c",
            "50",
        ]));
        let of = |test: &str| {
            let line = text
                .split(['\r', '\n'])
                .rfind(|l| l.starts_with(test) && l.contains("requests per second"));
            number_before(
                line.unwrap_or_else(|| panic!("no {test}:\n{text}")),
                " requests per second",
            )
        };
        let figures = vec![
            Figure::new("SET, 50 connections", "/s", of("SET:")),
            Figure::new("GET, 50 connections", "/s", of("GET:")),
            Figure::new("LRANGE of 100, 50 connections", "/s", of("LRANGE_100")),
        ];
        scene.check_counters();
        figures
    });
}
