//! The host's end of the way to the agents.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use v4v_lab_agent::DOM0;
use v4v_lab_agent::bytes::Bytes;
use v4v_lab_agent::protocol::{Ending, Envelope, Event, Request, Stream};

/// How much longer than a program's own limit the host waits for its end: the way there and back.
const SLACK: Duration = Duration::from_secs(30);

/// Who waits for events: by program, with the agent that runs it.
type Waiting = HashMap<u64, (String, Sender<Event>)>;

/// The number under which the host waits for the agent itself.
const READY: u64 = 0;

/// A connection to dom0's agent.
#[derive(Clone)]
pub(crate) struct Link {
    shared: Arc<Shared>,
}

struct Shared {
    to: Mutex<UnixStream>,
    waiting: Mutex<Waiting>,
    next: AtomicU64,
    ready: Mutex<Receiver<Event>>,
}

impl Link {
    pub(crate) fn new(stream: UnixStream) -> io::Result<Self> {
        let from = stream.try_clone()?;
        let (sender, ready) = channel();
        let shared = Arc::new(Shared {
            to: Mutex::new(stream),
            waiting: Mutex::new(HashMap::from([(READY, (DOM0.to_owned(), sender))])),
            next: AtomicU64::new(READY + 1),
            ready: Mutex::new(ready),
        });
        let reader = Arc::clone(&shared);
        thread::spawn(move || reader.read(from));
        Ok(Self { shared })
    }

    /// Waits until dom0's agent has said that it is there.
    pub(crate) fn await_ready(&self, limit: Duration) -> io::Result<()> {
        let ready = lock(&self.shared.ready);
        ready
            .recv_timeout(limit)
            .map(|_| ())
            .map_err(|error| match error {
                RecvTimeoutError::Timeout => io::Error::other(format!("dom0 did not boot within {limit:?}")),
                RecvTimeoutError::Disconnected => io::Error::other("the machine stopped while it booted"),
            })
    }

    /// Starts a program in dom0 or in a guest.
    pub(crate) fn start(&self, peer: &str, argv: &[&str], limit: Duration) -> io::Result<Program> {
        self.launch(peer, argv, limit, false)
    }

    /// Starts a program with a terminal of its own.
    pub(crate) fn start_on_terminal(
        &self,
        peer: &str,
        argv: &[&str],
        limit: Duration,
    ) -> io::Result<Program> {
        self.launch(peer, argv, limit, true)
    }

    fn launch(&self, peer: &str, argv: &[&str], limit: Duration, terminal: bool) -> io::Result<Program> {
        let program = self.expect(peer, limit, &argv.join(" "));
        let argv = argv.iter().map(|&word| word.to_owned()).collect();
        self.send(
            peer,
            Request::Start {
                id: program.id,
                argv,
                limit_s: limit.as_secs(),
                terminal,
            },
        )?;
        Ok(program)
    }

    /// Runs a program to its end, whatever that is.
    pub(crate) fn run(&self, peer: &str, argv: &[&str], limit: Duration) -> io::Result<Outcome> {
        let program = self.start(peer, argv, limit)?;
        program.end_input()?;
        program.wait()
    }

    /// Runs a shell's command line in dom0; anything but success is an error that shows its output.
    pub(crate) fn dom0(&self, line: &str, limit: Duration) -> io::Result<String> {
        let shown = line.lines().last().unwrap_or_default();
        self.run(DOM0, &["sh", "-c", line], limit)?.success(shown)
    }

    /// Makes dom0's agent find a guest's.
    pub(crate) fn attach(&self, name: &str, address: &str, limit: Duration) -> io::Result<()> {
        let answer = self.expect(DOM0, limit, name);
        let (id, name, address) = (answer.id, name.to_owned(), address.to_owned());
        self.send(
            DOM0,
            Request::Attach {
                id,
                name,
                address,
                limit_s: limit.as_secs(),
            },
        )?;
        match answer.next(limit + SLACK)? {
            Event::Attached { .. } => Ok(()),
            Event::Refused { why, .. } => Err(io::Error::other(why)),
            other => Err(io::Error::other(format!("an unexpected answer: {other:?}"))),
        }
    }

    /// Makes dom0's agent forget a guest's.
    pub(crate) fn detach(&self, name: &str) -> io::Result<()> {
        self.send(
            DOM0,
            Request::Detach {
                name: name.to_owned(),
            },
        )
    }

    fn expect(&self, peer: &str, limit: Duration, what: &str) -> Program {
        let id = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let (sender, events) = channel();
        lock(&self.shared.waiting).insert(id, (peer.to_owned(), sender));
        Program {
            link: self.clone(),
            peer: peer.to_owned(),
            id,
            events,
            limit,
            what: what.to_owned(),
        }
    }

    fn send(&self, peer: &str, body: Request) -> io::Result<()> {
        let mut line = serde_json::to_vec(&Envelope {
            peer: peer.to_owned(),
            body,
        })?;
        line.push(b'\n');
        lock(&self.shared.to).write_all(&line)
    }
}

impl Shared {
    /// Hands events to who waits for them, until the machine ends; then nobody waits any more.
    fn read(&self, from: UnixStream) {
        for line in BufReader::new(from).split(b'\n') {
            let Ok(line) = line else { break };
            // Before the agent has set the port to raw mode there may be noise on it.
            let Ok(event) = serde_json::from_slice::<Envelope<Event>>(&line) else {
                continue;
            };
            self.hand_out(event);
        }
        lock(&self.waiting).clear();
    }

    fn hand_out(&self, event: Envelope<Event>) {
        let mut waiting = lock(&self.waiting);
        let id = match &event.body {
            Event::Ready if event.peer == DOM0 => READY,
            Event::Ready => return,
            Event::Lost => {
                waiting.retain(|_, (peer, _)| *peer != event.peer);
                return;
            }
            Event::Output { id, .. }
            | Event::Ended { id, .. }
            | Event::Attached { id }
            | Event::Refused { id, .. } => *id,
        };
        // Nobody waits for the output of a program whose handle was dropped.
        if let Some((_, to)) = waiting.get(&id) {
            let _ = to.send(event.body);
        }
    }
}

/// A program that was started.
pub(crate) struct Program {
    link: Link,
    peer: String,
    id: u64,
    events: Receiver<Event>,
    limit: Duration,
    what: String,
}

impl Program {
    /// A way to give it bytes to read, for another thread.
    pub(crate) fn keyboard(&self) -> Keyboard {
        Keyboard {
            link: self.link.clone(),
            peer: self.peer.clone(),
            id: self.id,
        }
    }

    /// Lets it read the end of its input.
    pub(crate) fn end_input(&self) -> io::Result<()> {
        self.link.send(&self.peer, Request::EndInput { id: self.id })
    }

    /// Kills it; its end is still to be waited for.
    pub(crate) fn kill(&self) -> io::Result<()> {
        self.link.send(&self.peer, Request::Kill { id: self.id })
    }

    /// The next thing that it does.
    pub(crate) fn next(&self, limit: Duration) -> io::Result<Event> {
        self.events.recv_timeout(limit).map_err(|error| match error {
            RecvTimeoutError::Timeout => io::Error::other(format!(
                "{} in {}: nothing heard for {limit:?}",
                self.what, self.peer
            )),
            RecvTimeoutError::Disconnected => {
                io::Error::other(format!("{}: {} or the machine went away", self.what, self.peer))
            }
        })
    }

    /// Waits until it has written this to either output.
    pub(crate) fn await_text(&self, text: &str, limit: Duration) -> io::Result<()> {
        let end = Instant::now() + limit;
        let mut seen = String::new();
        while !seen.contains(text) {
            match self.next(end.saturating_duration_since(Instant::now()))? {
                Event::Output { data, .. } => seen.push_str(&String::from_utf8_lossy(&data.0)),
                other => {
                    let why = format!("{} ended without \"{text}\": {other:?}\n{seen}", self.what);
                    return Err(io::Error::other(why));
                }
            }
        }
        Ok(())
    }

    /// Waits for its end.
    pub(crate) fn wait(self) -> io::Result<Outcome> {
        let end = Instant::now() + self.limit + SLACK;
        let (mut out, mut err) = (Vec::new(), Vec::new());
        loop {
            match self.next(end.saturating_duration_since(Instant::now()))? {
                Event::Output {
                    stream: Stream::Out,
                    data,
                    ..
                } => out.extend(data.0),
                Event::Output {
                    stream: Stream::Err,
                    data,
                    ..
                } => err.extend(data.0),
                Event::Ended { ending, .. } => {
                    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
                    return Ok(Outcome {
                        ending,
                        out: text(out),
                        err: text(err),
                    });
                }
                Event::Refused { why, .. } => return Err(io::Error::other(why)),
                Event::Ready | Event::Attached { .. } | Event::Lost => {}
            }
        }
    }
}

/// A program's input.
pub(crate) struct Keyboard {
    link: Link,
    peer: String,
    id: u64,
}

impl Keyboard {
    /// Gives the program bytes to read.
    pub(crate) fn input(&self, data: &[u8]) -> io::Result<()> {
        self.link.send(
            &self.peer,
            Request::Input {
                id: self.id,
                data: Bytes(data.to_vec()),
            },
        )
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        lock(&self.link.shared.waiting).remove(&self.id);
    }
}

/// How a program ended and what it wrote.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) ending: Ending,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Outcome {
    /// Its output, if it succeeded.
    pub(crate) fn success(self, what: &str) -> io::Result<String> {
        if self.ending == Ending::Code(0) {
            return Ok(self.out);
        }
        Err(io::Error::other(format!(
            "{what}: {:?}\n{}{}",
            self.ending, self.out, self.err
        )))
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
