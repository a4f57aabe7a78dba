//! PostgreSQL with pgbench: a process for each connection, and a server that is another user.

use super::{Figure, compare, number_after};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;
use v4v_wrapper_tests::{Server, Wire, finish, output};

const PORT: u16 = 15_432;

/// Debian's newest.
fn programs() -> PathBuf {
    let all = fs::read_dir("/usr/lib/postgresql").expect("Debian's package postgresql");
    let newest = all.flatten().map(|e| e.path()).max();
    newest.expect("a version").join("bin")
}

/// As the user that the server insists on.
fn as_postgres(mut command: Command) -> Command {
    use std::os::unix::process::CommandExt;
    let user = nix::unistd::User::from_name("postgres")
        .expect("users")
        .expect("Debian's package postgresql");
    command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    command
}

fn initialize(bin: &Path, data: &Path) {
    let user = nix::unistd::User::from_name("postgres")
        .expect("users")
        .expect("Debian's package postgresql");
    fs::create_dir(data).expect("a folder");
    chown(data, Some(user.uid.as_raw()), Some(user.gid.as_raw())).expect("chown");
    fs::set_permissions(data, fs::Permissions::from_mode(0o700)).expect("chmod");
    let mut initdb = as_postgres(Command::new(bin.join("initdb")));
    output(
        initdb
            .arg("--auth=trust")
            .arg("--no-sync")
            .arg("-D")
            .arg(data)
            .current_dir("/"),
    );
    let rules = data.join("pg_hba.conf");
    let mut text = fs::read_to_string(&rules).expect("rules");
    text.push_str("host all all all trust\n");
    fs::write(rules, text).expect("rules");
}

/// The port answers before the server does.
fn await_ready(bin: &Path) {
    let port = PORT.to_string();
    let is_ready = || {
        let mut ask = Command::new(bin.join("pg_isready"));
        finish(ask.args(["-h", "127.0.0.1", "-p", &port])).0 == Some(0)
    };
    assert!(
        (0..300).any(|_| {
            sleep(Duration::from_millis(100));
            is_ready()
        }),
        "PostgreSQL starts"
    );
}

#[test]
fn postgres() {
    compare("postgres", 8, |wire, scene| {
        let bin = programs();
        let kind = if matches!(wire, Wire::Tcp) { "tcp" } else { "v4v" };
        let data = scene.rig.folder().join(format!("pg-{kind}"));
        initialize(&bin, &data);
        let port = PORT.to_string();
        let mut server = as_postgres(wire.server(bin.join("postgres")));
        server.arg("-D").arg(&data).args([
            "-p",
            &port,
            "-c",
            "listen_addresses=0.0.0.0",
            "-c",
            "fsync=off",
            "-c",
            "log_min_messages=fatal",
        ]);
        server
            .arg("-k")
            .arg(&data)
            .current_dir("/")
            .stderr(std::process::Stdio::null());
        let _server = Server::start(&mut server, PORT);
        await_ready(&bin);
        let client = |program: &str| {
            let mut client = wire.client(bin.join(program));
            client.args(["-h", wire.host(), "-p", &port, "-U", "postgres"]);
            client
        };
        output(client("pgbench").args(["-i", "-q", "-s", "2", "postgres"]));
        let ask = |question: &str| output(client("psql").args(["-At", "-c", question, "postgres"]));
        assert_eq!(
            ask("select client_addr from pg_stat_activity where pid = pg_backend_pid()").trim(),
            wire.client_host()
        );
        let text = output(client("pgbench").args(["-c", "8", "-T", "3", "postgres"]));
        assert!(text.contains("number of failed transactions: 0"), "{text}");
        let sums =
            "select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history)";
        assert_eq!(ask(sums).trim(), "t", "no transaction was lost");
        let new = output(client("pgbench").args(["-C", "-S", "-c", "2", "-T", "2", "postgres"]));
        scene.check_counters();
        vec![
            Figure::new("TPC-B, 8 connections", "/s", number_after(&text, "tps =")),
            Figure::new("a connection for each query", "/s", number_after(&new, "tps =")),
        ]
    });
}
