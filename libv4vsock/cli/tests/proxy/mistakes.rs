//! What is typed wrong.

use crate::common::{PROGRAM, daemon};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use v4v_hosted::paths::SOCKET_VAR;

#[test]
fn mistakes_are_said() {
    let daemon = daemon();
    for (arguments, part) in [
        (
            &["--listen", "tcp:127.0.0.1:0", "--to", "tcp:127.0.0.1:1"][..],
            "neither side is V4V",
        ),
        (
            &["--listen", "gpu:1", "--to", "tcp:127.0.0.1:1"],
            "tcp:HOST:PORT or v4v:PORT",
        ),
        (&["--listen", "v4v:5001", "--to", "v4v:gpu"], "DOMAIN:PORT"),
        (&["--listen", "v4v:5001"], "--to"),
    ] {
        let said = proxy_output(daemon.socket(), arguments);
        assert!(
            said.0 == Some(2) && said.1.contains(part),
            "{arguments:?}: {said:?}"
        );
    }
    let taken = TcpListener::bind("127.0.0.1:0").expect("free");
    let at = format!("tcp:{}", taken.local_addr().expect("bound"));
    let said = proxy_output(daemon.socket(), &["--listen", &at, "--to", "v4v:gpu:1"]);
    assert!(
        said.0 == Some(1) && said.1.contains("in use") && said.1.contains(&at),
        "{said:?}"
    );
}

fn proxy_output(socket: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(PROGRAM)
        .arg("proxy")
        .args(arguments)
        .env(SOCKET_VAR, socket)
        .env("V4V_BACKEND", "hosted")
        .output()
        .expect("v4v starts");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}
