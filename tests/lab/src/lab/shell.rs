//! `cargo xtask lab shell`: a prompt in a guest, with the module loaded and a second guest beside it.

use super::build;
use super::domains::{Guest, Kind};
use super::kernel::Series;
use super::link::Program;
use super::machine::{Clock, Machine, Plan};
use super::xen::{self, Mode, Whose};
use clap::Args;
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use std::io::{self, Read, Write, stdin, stdout};
use std::thread;
use std::time::Duration;
use v4v_lab_agent::DOM0;
use v4v_lab_agent::protocol::Event;

#[derive(Args)]
pub(crate) struct Options {
    /// A prompt in dom0 instead
    #[arg(long)]
    dom0: bool,
    /// The guests' kernel
    #[arg(long, value_name = "SERIES", default_value_t = Series::BASE)]
    kernel: Series,
}

/// How long the prompt stays: a person's day.
const SESSION: Duration = Duration::from_secs(24 * 3600);

/// MiB for Xen, dom0 and two guests.
const MEMORY: u32 = 3072;

const LIMIT: Duration = Duration::from_secs(60);

/// Boots two guests and stays until the person leaves the shell.
pub(crate) fn run(options: &Options) -> io::Result<bool> {
    let built = build::with_guests(options.kernel)?;
    let hypervisor = xen::build(Whose::Ours, Mode::Debug)?;
    eprintln!("lab: booting Xen, dom0 and two guests ...");
    let machine = Machine::boot(&Plan {
        name: "shell",
        xen: &hypervisor,
        kernel: &built.kernel,
        images: &built.images,
        memory: MEMORY,
        clock: Clock::Host,
        counter: None,
        parameters: "argo=1,mac-permissive=1",
        disk: None,
    })?;
    let link = machine.link();
    let guests = [Guest::start(link, Kind::Pv, 1)?, Guest::start(link, Kind::Pv, 2)?];
    for guest in &guests {
        guest.sh("insmod /lib/v4v.ko", LIMIT)?;
        eprintln!("lab: {} is domain {}", guest.name, guest.domain);
    }
    let peer = if options.dom0 {
        DOM0
    } else {
        guests[0].name.as_str()
    };
    eprintln!("lab: a shell in {peer}; exit ends it and the machine");
    let shell = link.start_on_terminal(peer, &["sh", "-i"], SESSION)?;
    let _raw = Raw::enter();
    talk(&shell)
}

/// Passes keys and output until the shell ends.
fn talk(shell: &Program) -> io::Result<bool> {
    let keys = shell.keyboard();
    thread::spawn(move || {
        let mut buffer = [0; 256];
        while let Ok(n @ 1..) = stdin().read(&mut buffer) {
            if keys.input(&buffer[..n]).is_err() {
                return;
            }
        }
        // The shell reads the end of its input as a person's Control-D.
        let _ = keys.input(&[4]);
    });
    loop {
        match shell.next(SESSION)? {
            Event::Output { data, .. } => {
                stdout().write_all(&data.0)?;
                stdout().flush()?;
            }
            Event::Ended { .. } => return Ok(true),
            Event::Refused { why, .. } => return Err(io::Error::other(why)),
            Event::Ready | Event::Attached { .. } | Event::Lost => {}
        }
    }
}

/// The person's terminal in raw mode: keys go to the guest as they are. Left as it was found.
struct Raw(Option<Termios>);

impl Raw {
    fn enter() -> Self {
        let Ok(found) = tcgetattr(stdin()) else {
            return Self(None);
        };
        let mut raw = found.clone();
        cfmakeraw(&mut raw);
        let set = tcsetattr(stdin(), SetArg::TCSANOW, &raw);
        Self(set.is_ok().then_some(found))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(found) = &self.0 {
            // Nothing is left to do about a terminal that is gone.
            let _ = tcsetattr(stdin(), SetArg::TCSANOW, found);
        }
    }
}
