//! Programs that the host started: their input, output, limit and end.

use crate::outlet::Outlet;
use crate::spawn::{self, Spawned};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use v4v_lab_agent::bytes::Bytes;
use v4v_lab_agent::protocol::{Ending, Event, Request, Stream};

/// Bytes of output in one event.
const CHUNK: usize = 4096;

/// How long output may follow the end of a program: a child that it left behind may hold the pipe for ever.
const AFTERMATH: Duration = Duration::from_secs(1);

struct Running {
    stdin: Option<Box<dyn Write + Send>>,
    group: Pid,
}

/// The programs by number.
#[derive(Clone)]
pub(crate) struct Processes {
    running: Arc<Mutex<HashMap<u64, Running>>>,
    to: Outlet,
}

impl Processes {
    pub(crate) fn new(to: Outlet) -> Self {
        Self {
            running: Arc::default(),
            to,
        }
    }

    /// Does what is asked of programs; requests about guests are not for this.
    pub(crate) fn handle(&self, request: Request) -> io::Result<()> {
        match request {
            Request::Start {
                id,
                argv,
                limit_s,
                terminal,
            } => match self.start(id, &argv, limit_s, terminal) {
                Ok(()) => Ok(()),
                Err(error) => self.to.tell(Event::Refused {
                    id,
                    why: format!("{}: {error}", argv.join(" ")),
                }),
            },
            Request::Input { id, data } => {
                self.input(id, &data.0);
                Ok(())
            }
            Request::EndInput { id } => {
                if let Some(running) = self.lock().get_mut(&id) {
                    running.stdin = None;
                }
                Ok(())
            }
            Request::Kill { id } => {
                if let Some(running) = self.lock().get(&id) {
                    kill_group(running.group);
                }
                Ok(())
            }
            Request::Attach { .. } | Request::Detach { .. } => Ok(()),
        }
    }

    /// Kills what still runs: nobody is left to hear of it.
    pub(crate) fn kill_all(&self) {
        for running in self.lock().values() {
            kill_group(running.group);
        }
    }

    fn start(&self, id: u64, argv: &[String], limit_s: u64, terminal: bool) -> io::Result<()> {
        let Spawned {
            child,
            stdin,
            outputs,
        } = if terminal {
            spawn::on_terminal(argv)
        } else {
            spawn::on_pipes(argv)
        }?;
        let group = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
        self.lock().insert(
            id,
            Running {
                stdin: Some(stdin),
                group,
            },
        );
        let (open, closed) = channel();
        for (stream, from) in outputs {
            self.pump(id, stream, from, open.clone());
        }
        let processes = self.clone();
        thread::spawn(move || processes.watch(id, child, group, Duration::from_secs(limit_s), &closed));
        Ok(())
    }

    /// Waits for the end of a program, at the latest its limit, and tells it.
    fn watch(&self, id: u64, mut child: Child, group: Pid, limit: Duration, closed: &Receiver<()>) {
        let (done, ended) = channel::<()>();
        let timer = thread::spawn(move || {
            let past = ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
            if past {
                kill_group(group);
            }
            past
        });
        let status = child.wait();
        drop(done);
        let past = timer.join().unwrap_or(false);
        // Both pumps drop their senders at the end of the output.
        let _ = closed.recv_timeout(AFTERMATH);
        self.lock().remove(&id);
        let event = match status {
            Ok(_) if past => Event::Ended {
                id,
                ending: Ending::Limit,
            },
            Ok(status) => Event::Ended {
                id,
                ending: ending(status),
            },
            Err(error) => Event::Refused {
                id,
                why: error.to_string(),
            },
        };
        // Without a reader there is nobody to tell.
        let _ = self.to.tell(event);
    }

    /// Passes a program's output on until its end; `open` lives as long.
    fn pump(&self, id: u64, stream: Stream, mut from: Box<dyn Read + Send>, open: Sender<()>) {
        let to = self.to.clone();
        thread::spawn(move || {
            let mut buffer = [0; CHUNK];
            while let Ok(n @ 1..) = from.read(&mut buffer) {
                let data = Bytes(buffer.get(..n).unwrap_or_default().to_vec());
                if to.tell(Event::Output { id, stream, data }).is_err() {
                    break;
                }
            }
            drop(open);
        });
    }

    fn input(&self, id: u64, data: &[u8]) {
        // Taken out while it is written: a program that does not read must not hold up the others' ends.
        let stdin = self.lock().get_mut(&id).and_then(|running| running.stdin.take());
        let Some(mut stdin) = stdin else { return };
        let written = stdin.write_all(data).and_then(|()| stdin.flush());
        if let (Ok(()), Some(running)) = (written, self.lock().get_mut(&id)) {
            running.stdin = Some(stdin);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn kill_group(group: Pid) {
    // A group that is gone already needs no signal.
    let _ = killpg(group, Signal::SIGKILL);
}

fn ending(status: ExitStatus) -> Ending {
    status
        .code()
        .map_or_else(|| Ending::Signal(status.signal().unwrap_or(0)), Ending::Code)
}
