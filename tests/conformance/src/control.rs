//! The channel beside the tested sockets on which the two sides agree what happens next: lines of a tag, which is one word,
//! and a value.
//!
//! It is anything that carries bytes both ways, for the sides may run in two virtual machines whose only common thing is
//! the socket under test.

use crate::pair::Role;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use std::any::Any;
use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::panic::resume_unwind;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a client waits for the server's end of a TCP control channel.
const MEET_LIMIT: Duration = Duration::from_secs(10);

/// One end of the channel.
pub struct Control {
    from: BufReader<Box<dyn Read>>,
    to: Box<dyn Write>,
}

/// The payload of the panic of a side whose other side ended before its time; the other side knows why.
#[derive(Debug)]
pub(crate) struct Abandoned;

/// Whether a side's panic says only that the other side ended.
pub(crate) fn is_abandoned(payload: &(dyn Any + Send)) -> bool {
    payload.is::<Abandoned>()
}

impl Control {
    /// A channel that reads from `from` and writes to `to`.
    pub fn new(from: impl Read + 'static, to: impl Write + 'static) -> Self {
        Self {
            from: BufReader::new(Box::new(from)),
            to: Box::new(to),
        }
    }

    /// Opens `addr`: `-` for standard input and output, `tcp:HOST:PORT` where the server listens, or `dev:PATH`, a device
    /// that something else joins to the other side's.
    ///
    /// # Errors
    /// Those of opening it; `InvalidInput` for another form.
    pub fn open(addr: &str, role: Role) -> io::Result<Self> {
        match addr.split_once(':') {
            None if addr == "-" => Ok(Self::new(io::stdin(), io::stdout())),
            Some(("tcp", addr)) => {
                let stream = if role == Role::Server {
                    TcpListener::bind(addr)?.accept()?.0
                } else {
                    meet(addr)?
                };
                stream.set_nodelay(true)?;
                Ok(Self::new(stream.try_clone()?, stream))
            }
            Some(("dev", path)) => {
                let device = OpenOptions::new().read(true).write(true).open(path)?;
                make_raw(&device)?;
                Ok(Self::new(device.try_clone()?, device))
            }
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("\"{addr}\" is no control channel: write -, tcp:HOST:PORT or dev:PATH"),
            )),
        }
    }

    /// Tells the other side `tag`, with a value.
    #[track_caller]
    pub fn tell(&mut self, tag: &str, value: impl Display) {
        assert!(!tag.contains(' '), "\"{tag}\" is more than one word");
        let line = format!("{tag} {value}\n");
        if self
            .to
            .write_all(line.as_bytes())
            .and_then(|()| self.to.flush())
            .is_err()
        {
            resume_unwind(Box::new(Abandoned));
        }
    }

    /// Tells the other side `tag`.
    #[track_caller]
    pub fn signal(&mut self, tag: &str) {
        self.tell(tag, "");
    }

    /// Waits for `tag` and returns its value.
    #[track_caller]
    pub fn expect(&mut self, tag: &str) -> String {
        let mut line = String::new();
        if !matches!(self.from.read_line(&mut line), Ok(n) if n > 0) {
            resume_unwind(Box::new(Abandoned));
        }
        let (got, value) = line
            .trim_end_matches('\n')
            .split_once(' ')
            .unwrap_or((line.as_str(), ""));
        assert_eq!(got, tag, "the other side is at another step");
        value.to_owned()
    }

    /// Waits for `tag` and returns its value as a number.
    #[track_caller]
    pub fn expect_number(&mut self, tag: &str) -> u64 {
        let value = self.expect(tag);
        value
            .parse()
            .unwrap_or_else(|_| panic!("\"{tag} {value}\" carries no number"))
    }

    /// Waits until both sides are here.
    #[track_caller]
    pub fn meet(&mut self, tag: &str) {
        self.signal(tag);
        self.expect(tag);
    }
}

/// Where `device` is a terminal, as a virtual machine's console is: no echo, and bytes as they are.
fn make_raw(device: &File) -> io::Result<()> {
    if !device.is_terminal() {
        return Ok(());
    }
    let mut modes = tcgetattr(device)?;
    cfmakeraw(&mut modes);
    Ok(tcsetattr(device, SetArg::TCSANOW, &modes)?)
}

/// Connects to a server that may not listen yet.
fn meet(addr: &str) -> io::Result<TcpStream> {
    let end = Instant::now() + MEET_LIMIT;
    loop {
        match TcpStream::connect(addr) {
            Err(_) if Instant::now() < end => sleep(Duration::from_millis(20)),
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    fn channel() -> (Control, Control) {
        let (a, b) = UnixStream::pair().expect("a pair");
        let end = |s: UnixStream| Control::new(s.try_clone().expect("a clone"), s);
        (end(a), end(b))
    }

    #[test]
    fn tags_and_values_arrive_in_order() {
        let (mut a, mut b) = channel();
        a.tell("address", "name with spaces:5");
        a.tell("bytes", 7);
        a.signal("done");
        assert_eq!(b.expect("address"), "name with spaces:5");
        assert_eq!(b.expect_number("bytes"), 7);
        assert_eq!(b.expect("done"), "");
    }

    #[test]
    fn the_end_of_the_other_side_is_told_apart() {
        let (a, mut b) = channel();
        drop(a);
        let payload =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| b.expect("x"))).expect_err("it ended");
        assert!(is_abandoned(&*payload));
    }

    #[test]
    fn a_terminal_carries_lines_without_an_echo() {
        let pty = nix::pty::openpty(None, None).expect("a terminal");
        let path = nix::unistd::ttyname(&pty.slave).expect("its name");
        let mut a = Control::open(&format!("dev:{}", path.display()), Role::Client).expect("a channel");
        let master = File::from(pty.master);
        let mut b = Control::new(master.try_clone().expect("a clone"), master);
        b.tell("bytes", 7);
        a.tell("bytes", 8);
        assert_eq!((a.expect_number("bytes"), b.expect_number("bytes")), (7, 8));
    }

    #[test]
    fn another_form_of_address_is_refused() {
        let error = Control::open("smoke", Role::Client).err().expect("no channel");
        assert!(error.to_string().contains("tcp:HOST:PORT"));
    }
}
