//! `v4v nc`: standard input and output over a connection.

use crate::relay::relay;
use clap::Args;
use std::io;
use std::time::Duration;
use v4vsock::{ToV4vAddr, V4vAddr, V4vListener, V4vStream};

#[derive(Args)]
pub(crate) struct Options {
    /// DOMAIN:PORT to connect to, or with --listen the PORT to listen on (0: a free one, which is said)
    address: String,
    /// Wait for one connection instead of making one
    #[arg(short, long)]
    listen: bool,
    /// With --listen: serve one connection after another
    #[arg(short, long, requires = "listen")]
    keep: bool,
    /// Give up where there is no connection after this many seconds
    #[arg(short = 'w', long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    timeout: Option<u64>,
}

pub(crate) fn run(options: &Options) -> io::Result<()> {
    if options.listen {
        return serve(options);
    }
    let address = options.address.to_v4v_addr()?;
    relay(&match timeout(options) {
        Some(timeout) => V4vStream::connect_timeout(&address, timeout)?,
        None => V4vStream::connect(address)?,
    })
}

fn serve(options: &Options) -> io::Result<()> {
    let port: u32 = options.address.parse().map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("\"{}\" is no port", options.address),
        )
    })?;
    let listener = V4vListener::bind(port)?;
    listener.set_accept_timeout(timeout(options))?;
    if port == 0 {
        eprintln!("v4v: listening at {}", listener.local_addr()?);
    }
    loop {
        let (stream, peer) = accept(&listener, options)?;
        if options.keep {
            eprintln!("v4v: {peer} connected");
        }
        relay(&stream)?;
        if !options.keep {
            return Ok(());
        }
    }
}

fn accept(listener: &V4vListener, options: &Options) -> io::Result<(V4vStream, V4vAddr)> {
    listener
        .accept()
        .map_err(|error| match (error.kind(), options.timeout) {
            (io::ErrorKind::WouldBlock, Some(seconds)) => io::Error::new(
                io::ErrorKind::TimedOut,
                format!("nobody has connected within {seconds} s"),
            ),
            _ => error,
        })
}

fn timeout(options: &Options) -> Option<Duration> {
    options.timeout.map(Duration::from_secs)
}
