//! nginx with curl and wrk: sendfile, keep-alive, a thousand connections.

use super::{Figure, bytes, compare, number_after};
use std::fs;
use std::path::Path;
use v4v_wrapper_tests::{Server, output};

const PORT: u16 = 18_098;

fn configure(folder: &Path) {
    let home = folder.display();
    let text = format!(
        "daemon off; pid {home}/nginx.pid; worker_processes 2; error_log {home}/nginx.err; user root;\n\
         events {{ worker_connections 4096; }}\n\
         http {{ log_format short '$remote_addr $uri'; access_log {home}/access.log short; keepalive_requests 1000000; sendfile on;\n\
         server {{ listen {PORT} backlog=2048; root {home}; }} }}\n"
    );
    fs::write(folder.join("nginx.conf"), text).expect("a file");
}

#[test]
fn nginx() {
    compare("nginx", 1001, |wire, scene| {
        let folder = scene.rig.folder();
        configure(folder);
        let large = bytes(10_000_000);
        fs::write(folder.join("large"), &large).expect("a file");
        fs::write(folder.join("small"), &large[..4096]).expect("a file");
        let mut server = wire.server("nginx");
        let _server = Server::start(server.args(["-c"]).arg(folder.join("nginx.conf")), PORT);
        let url = |file: &str| format!("http://{}:{PORT}/{file}", wire.host());
        let copy = folder.join("copy");
        output(
            wire.client("curl")
                .args(["--silent", "--show-error", "--output"])
                .arg(&copy)
                .arg(url("large")),
        );
        assert!(
            fs::read(&copy).expect("a copy") == large,
            "the file has arrived as it was"
        );
        let seen = fs::read_to_string(folder.join("access.log")).expect("a log");
        let line = seen.lines().rfind(|line| line.ends_with("/large"));
        assert_eq!(line, Some(format!("{} /large", wire.client_host()).as_str()));
        let wrk = |connections: &str, file: &str| {
            let text = output(wire.client("wrk").args(["-t2", connections, "-d3", &url(file)]));
            assert!(
                !text.contains("Socket errors") && !text.contains("Non-2xx"),
                "{text}"
            );
            number_after(&text, "Requests/sec:")
        };
        let figures = vec![
            Figure::new("4 KiB, 10 connections", "/s", wrk("-c10", "small")),
            Figure::new("4 KiB, 1000 connections", "/s", wrk("-c1000", "small")),
        ];
        scene.check_counters();
        figures
    });
}
