//! rsync's daemon: fork, exec, socket pairs, its own checksums.

use super::{Figure, bytes, compare};
use std::fs;
use std::time::Instant;
use v4v_wrapper_tests::{Server, output};

const PORT: u16 = 18_730;

#[test]
fn rsync() {
    compare("rsync", 2, |wire, scene| {
        let folder = scene.rig.folder();
        let (from, to) = (folder.join("from"), folder.join(format!("to-{}", wire.host())));
        fs::create_dir_all(&from).expect("a folder");
        for at in 0..20_usize {
            let content = bytes(at * 97_001);
            fs::write(from.join(at.to_string()), &content).expect("a file");
        }
        fs::write(from.join("large"), bytes(50_000_000)).expect("a file");
        let configuration = folder.join("rsyncd.conf");
        fs::write(
            &configuration,
            format!("use chroot = no\n[files]\npath = {}\n", from.display()),
        )
        .expect("a file");
        let mut server = wire.server("rsync");
        server
            .args(["--daemon", "--no-detach", "--port", &PORT.to_string(), "--config"])
            .arg(&configuration);
        let _server = Server::start(server.stderr(std::process::Stdio::null()), PORT);
        let start = Instant::now();
        let url = format!("rsync://{}:{PORT}/files/", wire.host());
        output(
            wire.client("rsync")
                .args(["--recursive", "--whole-file", &url])
                .arg(&to),
        );
        let seconds = start.elapsed().as_secs_f64();
        let mut total = 0;
        for entry in fs::read_dir(&from).expect("a folder").flatten() {
            let (original, copy) = (fs::read(entry.path()), fs::read(to.join(entry.file_name())));
            let original = original.expect("a file");
            total += original.len();
            assert!(original == copy.expect("a copy"), "{:?}", entry.file_name());
        }
        // A second time, by checksums: nothing is to be done.
        let again = output(
            wire.client("rsync")
                .args(["--recursive", "--checksum", "--itemize-changes", &url])
                .arg(&to),
        );
        assert!(again.lines().all(|l| !l.starts_with(">f")), "{again}");
        scene.check_counters();
        vec![Figure::new(
            "21 files, 68 MB",
            "MB/s",
            total as f64 / seconds / 1e6,
        )]
    });
}
