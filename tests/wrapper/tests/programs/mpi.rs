//! Open MPI over its TCP transport: a ping-pong, and one-sided MPI_Put and MPI_Get.
//!
//! Both ranks are on this machine, and so both in one domain, to which the table gives the loopback interface's address.

use super::{Figure, compare, number_after};
use std::path::Path;
use std::process::Command;
use v4v_wrapper_tests::{Rig, Wire, built, output};

fn compile(folder: &Path) -> std::path::PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/mpi.c");
    let program = folder.join("mpi");
    output(
        Command::new("mpicc")
            .args(["-O2", "-o"])
            .arg(&program)
            .arg(source),
    );
    program
}

fn mpirun(wire: &Wire) -> Command {
    let Wire::V4v(rig) = wire else {
        return Command::new("mpirun");
    };
    let mut command = Command::new(built("v4v"));
    command.args(["run", "--", "mpirun"]);
    command
        .env("V4V_SOCKET", rig.socket())
        .env("V4V_BACKEND", "hosted")
        .env("V4V_DOMAIN", "mpi");
    command
        .env("V4V_PEERS", "127.0.0.1=mpi")
        .env("V4V_WRAPPER_POLICY", "");
    command.env("V4V_LOG", format!("debug:{}", log(rig).display()));
    command
}

fn log(rig: &Rig) -> std::path::PathBuf {
    rig.folder().join("mpi.log")
}

#[test]
fn open_mpi() {
    compare("openmpi", 0, |wire, scene| {
        let program = compile(scene.rig.folder());
        let mut command = mpirun(wire);
        command.args([
            "--allow-run-as-root",
            "--oversubscribe",
            "-np",
            "2",
            "--mca",
            "btl",
            "tcp,self",
        ]);
        command
            .args(["--mca", "btl_tcp_if_include", "lo", "--mca", "osc", "pt2pt"])
            .arg(&program)
            .arg("2000");
        let text = output(&mut command);
        assert!(text.contains("put and get are right"), "{text}");
        if matches!(wire, Wire::V4v(_)) {
            // The domain is gone with the ranks, and with it v4vd's counters. The ranks' own connections are those of the last lines.
            let said = std::fs::read_to_string(log(scene.rig)).expect("a log");
            assert!(
                said.lines()
                    .filter(|l| l.contains(": V4V, to domain mpi"))
                    .count()
                    >= 3,
                "{said}"
            );
        }
        vec![
            Figure::new("ping-pong of 8 B, one way", "µs", number_after(&text, "8 B:")),
            Figure::new(
                "ping-pong of 64 KiB, one way",
                "µs",
                number_after(&text, "65536 B:"),
            ),
            Figure::new("MPI_Put", "MB/s", number_after(&text, "put:")),
        ]
    });
}
