//! Measurements between processes, and the command line, on the built program.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use v4v_bench::Sample;
use v4v_bench::cpu;
use v4v_bench::daemon;
use v4v_bench::measure::{Cpus, Kind, Probe, aggregate, side_by_side};
use v4v_bench::peer::{Job, Launcher, Session};
use v4v_bench::progress::Progress;
use v4v_bench::transport::Path;
use v4v_hosted::paths::SOCKET_VAR;
use v4v_hosted::spawn::{self, Daemon};

const PROGRAM: &str = env!("CARGO_BIN_EXE_v4v-bench");
const PATHS: [Path; 4] = [Path::V4v, Path::Unix, Path::Tcp, Path::Futex];
const SHORT: Duration = Duration::from_millis(5);

/// The daemon beside the program, built where need be; a test that has one can measure V4V.
fn daemon() -> Daemon {
    let folder = PathBuf::from(PROGRAM).with_file_name("");
    let program = spawn::built_in(&folder).expect("v4vd builds");
    daemon::start(&program).expect("v4vd listens")
}

fn launcher() -> Launcher {
    Launcher::new(PathBuf::from(PROGRAM))
}

/// The same, with V4V's ends pointed at a daemon.
fn launcher_at(daemon: &Daemon) -> Launcher {
    launcher()
        .with_env(SOCKET_VAR, daemon.socket())
        .with_env("V4V_BACKEND", "hosted")
}

fn bench(arguments: &[&str]) -> Output {
    Command::new(PROGRAM)
        .args(arguments)
        .env(SOCKET_VAR, "/nonexistent/v4vd.sock")
        .env("V4V_BACKEND", "hosted")
        .output()
        .expect("the program starts")
}

fn stdout(arguments: &[&str]) -> String {
    let output = bench(arguments);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn every_transport_does_every_job_between_processes() {
    let daemon = daemon();
    let launcher = launcher_at(&daemon);
    for path in PATHS {
        let mut probe = Probe::new(Cpus::Any.open(&launcher, path).expect("connected"), SHORT);
        for (kind, bytes) in [
            (Kind::Latency, 1),
            (Kind::Latency, 5000),
            (Kind::Stream, 64),
            (Kind::Wake, 1),
        ] {
            let seconds = probe
                .measure(kind, bytes)
                .unwrap_or_else(|e| panic!("{path} {kind:?} {bytes}: {e}"));
            assert!(
                seconds > 0.0 && seconds < 1.0,
                "{path} {kind:?} {bytes}: {seconds} s"
            );
        }
    }
}

#[test]
fn both_ends_fit_on_one_cpu() {
    let mut probe = Probe::new(Cpus::One.open(&launcher(), Path::Unix).expect("connected"), SHORT);
    assert!(probe.measure(Kind::Latency, 1).expect("measured") > 0.0);
}

#[test]
fn both_domains_are_gone_after_a_session() {
    let daemon = daemon();
    let mut session = Cpus::Any
        .open(&launcher_at(&daemon), Path::V4v)
        .expect("connected");
    session.run(Job::Echo { bytes: 64, rounds: 9 }).expect("echoed");
    let start = Instant::now();
    drop(session);
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "both ends part when told"
    );
}

#[test]
fn v4v_without_a_daemon_says_what_to_do() {
    let output = bench(&["latency", "--cpus", "any"]);
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    for part in [
        "no v4vd answers at /nonexistent/v4vd.sock",
        "start it",
        "--paths unix,tcp",
    ] {
        assert!(complaint.contains(part), "{part} in {complaint}");
    }
}

#[test]
fn pairs_run_at_once() {
    let open = |_| Cpus::Any.open(&launcher(), Path::Unix).expect("connected");
    let mut sessions: Vec<Session> = (0..3).map(open).collect();
    let speed = aggregate(&mut sessions.iter_mut().collect::<Vec<_>>(), 65_536, SHORT).expect("measured");
    assert!(speed > 1e6, "{speed} B/s");
}

#[test]
fn samples_of_several_paths_come_side_by_side() {
    let open = |path: Path| Probe::new(Cpus::Any.open(&launcher(), path).expect("connected"), SHORT);
    let mut probes = [open(Path::Unix), open(Path::Tcp)];
    let samples =
        side_by_side(&mut probes, Kind::Latency, &[1, 64], 3, &Progress::hidden()).expect("measured");
    let found: Vec<_> = samples
        .iter()
        .map(|s| (s.path.as_str(), s.bytes, s.runs))
        .collect();
    assert_eq!(
        found,
        [("unix", 1, 3), ("tcp", 1, 3), ("unix", 64, 3), ("tcp", 64, 3)]
    );
}

#[test]
fn a_failed_job_says_why_and_the_session_goes_on() {
    let mut session = Cpus::Any.open(&launcher(), Path::Unix).expect("connected");
    let error = session
        .run(Job::Echo { bytes: 0, rounds: 1 })
        .expect_err("no such message");
    assert!(error.to_string().contains("0 B"), "{error}");
    session
        .run(Job::Echo { bytes: 1, rounds: 1 })
        .expect("still there");
}

#[test]
fn a_program_that_is_not_there_is_an_error() {
    let nowhere = Launcher::new(PathBuf::from("/nonexistent/v4v-bench"));
    assert!(Session::open(&nowhere, Path::Tcp, None, None).is_err());
}

#[test]
fn a_cpu_that_is_not_there_ends_the_session_with_an_error() {
    let error = Session::open(&launcher(), Path::Tcp, Some(1023), None).expect_err("no such CPU");
    assert!(error.to_string().contains("ended early"), "{error}");
}

#[test]
fn json_lines_have_exactly_the_five_keys() {
    let text = stdout(&[
        "latency",
        "--paths",
        "unix,tcp",
        "--cpus",
        "any",
        "--repeats",
        "2",
        "--time-ms",
        "2",
        "--json",
    ]);
    assert_eq!(text.lines().count(), 10, "two paths, five sizes");
    for line in text.lines() {
        let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let keys: Vec<_> = value.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["bytes", "latency_us", "mb_per_s", "path", "runs"]);
        serde_json::from_str::<Sample>(line).expect("a sample");
    }
}

#[test]
fn a_sweep_prints_ratios_and_writes_both_plots() {
    let folder = std::env::temp_dir().join(format!("v4v-bench-sweep-{}", std::process::id()));
    let plot = folder.to_str().expect("UTF-8");
    let quick = [
        "sweep",
        "--cpus",
        "any",
        "--paths",
        "unix,tcp",
        "--longest",
        "64K",
        "--budget",
        "0.3",
        "--runs",
        "1",
    ];
    let text = stdout(&[&quick[..], &["--plot", plot]].concat());
    assert!(text.contains("unix over") && text.contains("64 KiB"), "{text}");
    assert!(folder.join("sweep.svg").exists() && folder.join("sweep.png").exists());
    std::fs::remove_dir_all(&folder).expect("just written");
}

#[test]
fn all_targets_are_measured_in_one_run() {
    if cpu::apart(2).len() < 2 {
        return;
    }
    let text = stdout(&[
        "targets",
        "--path",
        "unix",
        "--repeats",
        "1",
        "--time-ms",
        "2",
        "--json",
    ]);
    assert_eq!(text.lines().count(), 9);
    for line in text.lines() {
        let metric: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let measured = metric["measured"].as_f64().expect("a number");
        assert!(measured > 0.0 && measured.is_finite(), "{line}");
        assert!(
            metric["met"].is_boolean() && metric["required"].is_object(),
            "{line}"
        );
    }
}

#[test]
fn hardware_and_pairs_print_one_line_each() {
    assert!(!stdout(&["baseline", "--json"]).is_empty());
    let text = stdout(&[
        "pairs",
        "--paths",
        "unix",
        "--repeats",
        "1",
        "--time-ms",
        "5",
        "--json",
    ]);
    let pairs: serde_json::Value = serde_json::from_str(&text).expect("one object");
    assert_eq!(pairs["pairs"], 2);
}

#[test]
fn wrong_arguments_are_named() {
    for (arguments, part) in [
        (&["latency", "--bytes", "1G"][..], "unknown unit"),
        (&["sweep", "--paths", "pigeon"], "pigeon"),
        (&["sweep", "--perturbation", "9"], "0 to 7"),
        (&["pairs", "--cpus", "two"], "--cpus"),
        (&["compare", "no-such-revision", "."], "no-such-revision"),
        // Before it builds the first, or this would take minutes.
        (&["compare", ".", "no-such-revision"], "no-such-revision"),
    ] {
        let output = bench(arguments);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && complaint.contains(part),
            "{arguments:?}: {complaint}"
        );
    }
}
