//! `v4v nc`: standard input and output over a connection.

use crate::relay::relay;
use clap::Args;
use std::io;
use std::time::Duration;
use v4vsock::{ToV4vAddr, V4vListener, V4vStream};

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
        return relay(&match options.timeout {
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
        relay(&stream)?;
        if !options.keep {
            return Ok(());
        }
    }
}
