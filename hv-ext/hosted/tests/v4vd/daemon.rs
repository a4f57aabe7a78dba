//! A daemon for the time of a test.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_v4vd");

/// A running daemon.
pub(crate) struct Daemon {
    child: Child,
    /// What it logs; read until it said that it listens.
    log: BufReader<ChildStderr>,
    socket: PathBuf,
    policy: Option<PathBuf>,
}

/// A path that no other test has.
pub(crate) fn scratch(what: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let n = COUNT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("v4vd-test-{}-{n}.{what}", std::process::id()))
}

impl Daemon {
    /// Without a policy.
    pub(crate) fn start() -> Self {
        Self::at(scratch("sock"))
    }

    /// With a policy of this text.
    pub(crate) fn with_policy(text: &str) -> Self {
        let file = scratch("toml");
        fs::write(&file, text).expect("a policy file");
        Self::launch(scratch("sock"), Some(file), |_| {})
    }

    /// At a path of the caller's choice.
    pub(crate) fn at(socket: PathBuf) -> Self {
        Self::launch(socket, None, |_| {})
    }

    /// With what `adjust` changes about the command.
    pub(crate) fn launch(
        socket: PathBuf,
        policy: Option<PathBuf>,
        adjust: impl FnOnce(&mut Command),
    ) -> Self {
        let mut command = Command::new(PROGRAM);
        command
            .arg("--socket")
            .arg(&socket)
            .args(["--log", "info"])
            .stderr(Stdio::piped());
        if let Some(file) = &policy {
            command.arg("--policy").arg(file);
        }
        adjust(&mut command);
        let mut child = command.spawn().expect("v4vd starts");
        let log = BufReader::new(child.stderr.take().expect("it was piped"));
        let mut this = Self {
            child,
            log,
            socket,
            policy,
        };
        this.await_line("listens at");
        this
    }

    /// Its process.
    pub(crate) fn pid(&self) -> i32 {
        self.child.id().try_into().expect("a process id")
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its open descriptors.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id()))
            .expect("it lives")
            .count()
    }

    /// The processor time that it has used.
    pub(crate) fn cpu_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it lives");
        // The name in the second field has no blank; 14 and 15 are the times in user space and in the kernel, in ticks.
        let ticks = |field| stat.split(' ').nth(field).and_then(|f| f.parse::<u64>().ok());
        let ticks = ticks(13).expect("a number") + ticks(14).expect("a number");
        let per_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)
            .ok()
            .flatten()
            .expect("known");
        Duration::from_millis(ticks * 1000 / u64::try_from(per_second).expect("positive"))
    }

    /// Sets its limit of descriptors; returns the one before.
    pub(crate) fn limit_descriptors(&self, limit: u64) -> u64 {
        let pid = libc::pid_t::try_from(self.child.id()).expect("a pid");
        let mut before = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: it writes to `before`, which outlives the call.
        let got = unsafe { libc::prlimit(pid, libc::RLIMIT_NOFILE, std::ptr::null(), &raw mut before) };
        let after = libc::rlimit {
            rlim_cur: limit,
            ..before
        };
        // SAFETY: it reads from `after`, which outlives the call.
        let set = unsafe { libc::prlimit(pid, libc::RLIMIT_NOFILE, &raw const after, std::ptr::null_mut()) };
        assert_eq!((got, set), (0, 0), "{}", std::io::Error::last_os_error());
        before.rlim_cur
    }

    /// Changes the policy file and makes it read that.
    pub(crate) fn reload(&mut self, text: &str, expected: &str) {
        fs::write(self.policy.as_ref().expect("it has a policy"), text).expect("written");
        self.signal(Signal::SIGHUP);
        self.await_line(expected);
    }

    /// Reads the log up to a line that contains `text`.
    pub(crate) fn await_line(&mut self, text: &str) {
        let mut seen = String::new();
        loop {
            let start = seen.len();
            let n = self.log.read_line(&mut seen).expect("its log");
            assert!(n > 0, "v4vd ended without saying {text:?}; it said:\n{seen}");
            if seen[start..].contains(text) {
                return;
            }
        }
    }

    /// Kills it, so that it cannot clean up; what it leaves is the caller's.
    pub(crate) fn kill(mut self) -> PathBuf {
        self.child.kill().expect("killed");
        self.child.wait().expect("dead");
        std::mem::take(&mut self.socket)
    }

    /// Stops it by `signal`: its exit code, and the rest of its log.
    pub(crate) fn stop(mut self, signal: Signal) -> (Option<i32>, String) {
        self.signal(signal);
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).expect("its log");
        (self.child.wait().expect("it ends").code(), rest)
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a pid");
        kill(Pid::from_raw(pid), signal).expect("it lives");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended; the files are ours either way.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.socket);
        if let Some(file) = &self.policy {
            let _ = fs::remove_file(file);
        }
    }
}
