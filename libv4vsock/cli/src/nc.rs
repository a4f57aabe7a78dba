//! `v4v nc`: standard input and output over a connection.

use clap::Args;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::Duration;
use v4vsock::{ToV4vAddr, V4vListener, V4vStream};

/// Bytes that are moved at once.
const BUFFER: usize = 128 * 1024;

#[derive(Args)]
pub(crate) struct Options {
    /// DOMAIN:PORT to connect to, or with --listen the PORT to listen on
    address: String,
    /// Wait for one connection instead of making one
    #[arg(short, long)]
    listen: bool,
    /// With --listen: serve one connection after another
    #[arg(short, long, requires = "listen")]
    keep: bool,
    /// Give up connecting after this many seconds
    #[arg(short = 'w', long, value_name = "SECONDS")]
    timeout: Option<u64>,
}

pub(crate) fn run(options: &Options) -> io::Result<()> {
    if !options.listen {
        let address = options.address.to_v4v_addr()?;
        return relay(match options.timeout {
            Some(seconds) => V4vStream::connect_timeout(&address, Duration::from_secs(seconds))?,
            None => V4vStream::connect(address)?,
        });
    }
    let port: u32 = options.address.parse().map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("\"{}\" is no port", options.address),
        )
    })?;
    let listener = V4vListener::bind(port)?;
    loop {
        let (stream, peer) = listener.accept()?;
        if options.keep {
            eprintln!("v4v: {peer} connected");
        }
        relay(stream)?;
        if !options.keep {
            return Ok(());
        }
    }
}

/// Both directions until the peer has sent its last; our end of input is passed on as a half-close.
fn relay(stream: V4vStream) -> io::Result<()> {
    let sending = stream.try_clone()?;
    let sender = thread::spawn(move || -> io::Result<()> {
        copy(&mut io::stdin().lock(), &mut &sending)?;
        sending.shutdown(Shutdown::Write)
    });
    copy(&mut &stream, &mut io::stdout().lock())?;
    // The peer is done. Input that is still to come has nowhere to go, so nobody waits for it.
    if sender.is_finished() {
        sender
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the sender panicked")))
    } else {
        Ok(())
    }
}

/// Passes bytes on as they come, without waiting for a full buffer.
fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return to.flush(),
            Ok(n) => to.write_all(&buffer[..n]).and_then(|()| to.flush())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
