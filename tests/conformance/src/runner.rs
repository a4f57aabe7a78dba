//! Runs a pair: both sides as processes of their own, a control channel between them, and an end after [`PAIR_LIMIT`].

#[cfg(feature = "v4v")]
use crate::daemon::{Daemon, UNPRIVILEGED};
use crate::names::{Folder, domains};
use crate::pair::{Pair, Role};
use crate::side::Verdict;
use crate::{PAIR_LIMIT, backend};
use nix::unistd::geteuid;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
#[cfg(feature = "v4v")]
use std::sync::OnceLock;
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

/// How often the runner looks whether a side has ended.
const LOOK: Duration = Duration::from_millis(2);

/// How a pair ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Both sides met what they expected.
    Passed,
    /// One did not; what both said.
    Failed(String),
    /// It cannot run here; why not.
    Ignored(&'static str),
}

/// Runs pairs.
#[derive(Debug)]
pub struct Runner {
    program: PathBuf,
    #[cfg(feature = "v4v")]
    daemon: OnceLock<Result<Daemon, String>>,
}

/// One side's process while it runs.
struct Running {
    role: Role,
    child: Child,
    said: JoinHandle<String>,
    status: Option<ExitStatus>,
}

impl Runner {
    /// Runs pairs with the sides played by `program`, a `v4v-conformance`.
    #[must_use]
    pub fn new(program: PathBuf) -> Self {
        Self {
            program,
            #[cfg(feature = "v4v")]
            daemon: OnceLock::new(),
        }
    }

    /// Runs `pair` on the backend called `name`, where its expectation holds.
    pub fn run(&self, pair: &Pair, name: &str) -> Outcome {
        if let Some(why) = obstacle(pair, name) {
            return Outcome::Ignored(why);
        }
        match self.try_run(pair, name) {
            Ok(None) => Outcome::Passed,
            Ok(Some(why)) => Outcome::Failed(why),
            Err(error) => Outcome::Failed(format!("cannot run it: {error}\n")),
        }
    }

    /// What went wrong, if anything did.
    fn try_run(&self, pair: &Pair, backend: &str) -> io::Result<Option<String>> {
        let folder = Folder::create()?;
        let domains = domains(pair);
        let (ours, theirs) = UnixStream::pair()?;
        let mut sides = Vec::new();
        for ((role, domain), control) in Role::BOTH.into_iter().zip(&domains).zip([ours, theirs]) {
            let mut command = self.side(pair, role, backend, &folder);
            self.point_at_daemon(&mut command, backend, domain)?;
            match start(command, role, control) {
                Ok(running) => sides.push(running),
                Err(error) => {
                    sides.iter_mut().for_each(Running::kill);
                    return Err(error);
                }
            }
        }
        let late = !await_all(&mut sides)?;
        Ok(report(pair, late, sides))
    }

    /// The command of one side, without its descriptors.
    fn side(&self, pair: &Pair, role: Role, backend: &str, folder: &Folder) -> Command {
        let mut command = Command::new(&self.program);
        command.args([
            "side",
            pair.name,
            "--role",
            role.name(),
            "--control",
            "-",
            "--backend",
            backend,
        ]);
        command.arg("--folder").arg(folder.path());
        // A failed expectation names its line; the way there is always the same.
        command.env("RUST_BACKTRACE", "0");
        #[cfg(feature = "v4v")]
        if pair.privileged && role == Role::Client && geteuid().is_root() {
            command.args(["--uid", &UNPRIVILEGED.to_string()]);
        }
        command
    }

    /// Gives a side of the hosted V4V its daemon and its domain.
    #[cfg(feature = "v4v")]
    fn point_at_daemon(&self, command: &mut Command, backend: &str, domain: &str) -> io::Result<()> {
        if backend != "v4v" || v4vsock::backend()? != v4vsock::Backend::Hosted {
            return Ok(());
        }
        let daemon = self
            .daemon
            .get_or_init(|| Daemon::start(&self.program).map_err(|e| e.to_string()));
        let daemon = daemon.as_ref().map_err(|why| io::Error::other(why.as_str()))?;
        command
            .env("V4V_SOCKET", daemon.socket())
            .env("V4V_DOMAIN", domain)
            .env(v4vsock::BACKEND_VAR, "hosted");
        Ok(())
    }

    #[cfg(not(feature = "v4v"))]
    fn point_at_daemon(&self, _command: &mut Command, _backend: &str, _domain: &str) -> io::Result<()> {
        Ok(())
    }
}

/// Why `pair` cannot run on the backend called `name`, though its expectation holds there.
fn obstacle(pair: &Pair, name: &str) -> Option<&'static str> {
    let backend = backend::by_name(name, std::path::Path::new("")).ok()?;
    if pair.descriptors && backend.family().is_none() {
        return Some("its descriptors take no socket calls");
    }
    if pair.privileged && backend.family().is_some() && !geteuid().is_root() {
        return Some("only root may bind privileged ports");
    }
    None
}

/// Starts a side with `control` as its standard input and output.
fn start(mut command: Command, role: Role, control: UnixStream) -> io::Result<Running> {
    let control = OwnedFd::from(control);
    command
        .stdin(control.try_clone()?)
        .stdout(control)
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let mut stderr = child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let said = spawn(move || {
        let mut bytes = Vec::new();
        // What came before an error is worth as much.
        let _ = stderr.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    });
    Ok(Running {
        role,
        child,
        said,
        status: None,
    })
}

/// Waits until all sides have ended, and kills those that do not; whether none had to be killed.
fn await_all(sides: &mut [Running]) -> io::Result<bool> {
    let end = Instant::now() + PAIR_LIMIT;
    loop {
        let mut running = false;
        for side in &mut *sides {
            side.status = side.child.try_wait()?;
            running |= side.status.is_none();
        }
        if !running {
            return Ok(true);
        }
        if Instant::now() > end {
            sides.iter_mut().for_each(Running::kill);
            return Ok(false);
        }
        sleep(LOOK);
    }
}

impl Running {
    /// Kills it if it still runs.
    fn kill(&mut self) {
        if self.status.is_none() {
            // Both fail only where it has ended meanwhile.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    /// Whether it ended as it was to end.
    fn ended_well(&self, pair: &Pair) -> bool {
        let Some(status) = self.status else { return false };
        if pair.dies == Some(self.role) {
            status.signal() == Some(libc::SIGKILL)
        } else {
            status.code() == Some(Verdict::Passed as i32)
        }
    }

    /// How it ended, in words.
    fn ending(&self) -> String {
        match self.status {
            None => format!("still ran after {} s and was killed", PAIR_LIMIT.as_secs()),
            Some(status) if status.code() == Some(Verdict::Abandoned as i32) => "lost the other side".into(),
            Some(status) => format!("ended with {status}"),
        }
    }
}

/// What to say of a pair that did not end well.
fn report(pair: &Pair, late: bool, sides: Vec<Running>) -> Option<String> {
    if !late && sides.iter().all(|side| side.ended_well(pair)) {
        return None;
    }
    let mut text = String::new();
    for side in sides {
        let (role, ending) = (side.role, side.ending());
        // The thread does nothing that panics.
        let said = side.said.join().unwrap_or_default();
        text += &format!("{role} {ending}\n");
        said.lines().for_each(|line| text += &format!("    {line}\n"));
    }
    Some(text)
}
