//! OpenSSH: a server that forks, executes itself again and gives up its rights, and scp.

use super::{Figure, bytes, compare};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use v4v_wrapper_tests::{Server, output};

const PORT: u16 = 12_222;

/// Keys and a configuration of the test's own.
fn configure(folder: &Path) {
    for key in ["host", "user"] {
        let path = folder.join(key);
        if !path.exists() {
            output(
                Command::new("ssh-keygen")
                    .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                    .arg(&path),
            );
        }
    }
    fs::copy(folder.join("user.pub"), folder.join("authorized")).expect("a key");
    let text = format!(
        "Port {PORT}\nListenAddress 0.0.0.0\nHostKey {0}/host\nAuthorizedKeysFile {0}/authorized\nStrictModes no\nUsePAM no\n\
         PermitRootLogin yes\nPidFile none\nLogLevel ERROR\nSubsystem sftp internal-sftp\n",
        folder.display()
    );
    fs::write(folder.join("sshd_config"), text).expect("a file");
    // Debian's package makes it at boot.
    fs::create_dir_all("/run/sshd").expect("sshd's folder");
    fs::set_permissions("/run/sshd", fs::Permissions::from_mode(0o755)).expect("chmod");
}

#[test]
fn ssh() {
    compare("ssh", 2, |wire, scene| {
        let folder = scene.rig.folder();
        configure(folder);
        let mut server = wire.server("/usr/sbin/sshd");
        let _server = Server::start(
            server.args(["-D", "-e", "-f"]).arg(folder.join("sshd_config")),
            PORT,
        );
        let with = |program: &str| {
            let mut client = wire.client(program);
            client.arg("-i").arg(folder.join("user")).args([
                "-o",
                "StrictHostKeyChecking=no",
                "-o",
                "UserKnownHostsFile=/dev/null",
                "-o",
                "LogLevel=ERROR",
                "-o",
                "BatchMode=yes",
                "-F",
                "none",
            ]);
            client
        };
        let seen = output(with("ssh").args([
            "-p",
            &PORT.to_string(),
            &format!("root@{}", wire.host()),
            "echo $SSH_CONNECTION",
        ]));
        assert_eq!(seen.split_whitespace().next(), Some(wire.client_host()), "{seen}");
        let (file, copy) = (folder.join("file"), folder.join("copy"));
        let content = bytes(40_000_000);
        fs::write(&file, &content).expect("a file");
        let start = Instant::now();
        output(
            with("scp")
                .args(["-P", &PORT.to_string()])
                .arg(format!("root@{}:{}", wire.host(), file.display()))
                .arg(&copy),
        );
        let rate = content.len() as f64 / start.elapsed().as_secs_f64() / 1e6;
        assert!(
            fs::read(&copy).expect("a copy") == content,
            "the file has arrived as it was"
        );
        fs::remove_file(&copy).expect("there");
        scene.check_counters();
        vec![Figure::new("scp of 40 MB", "MB/s", rate)]
    });
}
