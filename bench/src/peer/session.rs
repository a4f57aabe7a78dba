//! Two processes and the connection between them, seen from outside.

use super::job::{Answer, Job};
use crate::netpipe::Ping;
use crate::transport::Path;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Error, ErrorKind, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long an end may keep silent before it is taken for stuck; the longest batch takes a few seconds.
const SILENCE_SECONDS: u16 = 60;

/// How long an end may take to end by itself; one that is busy with a job is killed.
const PARTING: Duration = Duration::from_millis(300);

/// Starts the ends of sessions.
#[derive(Clone, Debug)]
pub struct Launcher {
    program: PathBuf,
    environment: Vec<(OsString, OsString)>,
}

impl Launcher {
    /// Starts `program`, which must be a `v4v-bench`.
    #[must_use]
    pub fn new(program: PathBuf) -> Self {
        Self {
            program,
            environment: Vec::new(),
        }
    }

    /// Starts this very program.
    ///
    /// # Errors
    /// Where the system does not say which that is.
    pub fn this_program() -> io::Result<Self> {
        std::env::current_exe().map(Self::new)
    }

    /// Also sets an environment variable for all ends.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    fn start(&self, path: Path, domain: &str, cpu: Option<usize>, arguments: &[&str]) -> io::Result<Process> {
        let mut command = Command::new(&self.program);
        command.arg("end").args(arguments).args(["--path", path.name()]);
        if let Some(cpu) = cpu {
            command.arg("--cpu").arg(cpu.to_string());
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
            .env("V4V_DOMAIN", domain)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (Some(stdin), Some(stdout)) = (stdin, stdout) else {
            return Err(ErrorKind::BrokenPipe.into());
        };
        Ok(Process {
            child,
            stdin: Some(stdin),
            stdout: BufReader::new(stdout),
            name: format!("{path} ({})", arguments[0]),
        })
    }
}

/// A connected pair of processes which waits for jobs. Dropping it ends both.
#[derive(Debug)]
pub struct Session {
    driver: Process,
    server: Process,
    path: Path,
}

impl Session {
    /// Starts both ends, pinned where a CPU is given, and connects them.
    ///
    /// # Errors
    /// Where an end cannot be started or does not get its connection; the end itself says why on stderr.
    pub fn open(
        launcher: &Launcher,
        path: Path,
        server_cpu: Option<usize>,
        driver_cpu: Option<usize>,
    ) -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let tag = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let domain = |end| format!("bench-{tag}-{end}");
        let mut server = launcher.start(path, &domain("server"), server_cpu, &["serve", "--tag", &tag])?;
        let address = server.hear()?;
        let mut driver = launcher.start(
            path,
            &domain("client"),
            driver_cpu,
            &["drive", "--address", &address],
        )?;
        driver.hear()?;
        Ok(Self { driver, server, path })
    }

    /// What connects the two.
    #[must_use]
    pub const fn path(&self) -> Path {
        self.path
    }

    /// Hands over a job without waiting for its end, so that other sessions can be given theirs.
    ///
    /// # Errors
    /// Where the driving end has gone.
    pub fn submit(&mut self, job: Job) -> io::Result<()> {
        let mut line = serde_json::to_string(&job)?;
        line.push('\n');
        self.driver.tell(line.as_bytes())
    }

    /// Waits for the job that was handed over: its seconds and its messages.
    ///
    /// # Errors
    /// Where the job failed or an end has died.
    pub fn collect(&mut self) -> io::Result<(f64, u64)> {
        match serde_json::from_str(&self.driver.hear()?)? {
            Answer::Done { seconds, messages } => Ok((seconds, messages)),
            Answer::Failed(reason) => Err(Error::other(reason)),
        }
    }

    /// Does one job.
    ///
    /// # Errors
    /// As [`submit`](Self::submit) and [`collect`](Self::collect).
    pub fn run(&mut self, job: Job) -> io::Result<(f64, u64)> {
        self.submit(job)?;
        self.collect()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.part();
        self.server.part();
    }
}

impl Ping for Session {
    fn ping(&mut self, bytes: usize, rounds: u64) -> io::Result<Duration> {
        self.run(Job::Echo { bytes, rounds })
            .map(|(seconds, _)| Duration::from_secs_f64(seconds))
    }
}

#[derive(Debug)]
struct Process {
    child: Child,
    /// What is said to the process; closing it ends a driving end.
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    name: String,
}

impl Process {
    fn tell(&mut self, text: &[u8]) -> io::Result<()> {
        self.stdin
            .as_mut()
            .map_or(Err(ErrorKind::BrokenPipe.into()), |stdin| stdin.write_all(text))
    }

    /// Lets the process end by itself: the driving end when its stdin closes, the serving end when the driving end closes.
    fn part(&mut self) {
        self.stdin = None;
        let end = Instant::now() + PARTING;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
            sleep(Duration::from_millis(1));
        }
    }

    /// The next line that the process prints.
    fn hear(&mut self) -> io::Result<String> {
        let mut wait = [PollFd::new(self.stdout.get_ref().as_fd(), PollFlags::POLLIN)];
        if poll(&mut wait, PollTimeout::from(SILENCE_SECONDS.saturating_mul(1000)))? == 0 {
            let text = format!(
                "{}: no answer for {SILENCE_SECONDS} s, so it is taken for stuck",
                self.name
            );
            return Err(Error::new(ErrorKind::TimedOut, text));
        }
        let mut line = String::new();
        match self.stdout.read_line(&mut line)? {
            0 => Err(Error::new(
                ErrorKind::BrokenPipe,
                format!("{} has ended early; what it said is above", self.name),
            )),
            _ => Ok(line.trim_end().to_owned()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
