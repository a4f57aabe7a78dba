//! `v4v proxy`: connections passed on between TCP and V4V, for programs that the wrapper cannot reach: static ones, Go's.

mod acceptor;
mod endpoint;
mod events;
mod relay;
mod stream;

use acceptor::Acceptor;
use clap::Args;
use endpoint::{Door, Endpoint};
use events::{Event, Reporter};
use relay::{Counts, relay};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use stream::Stream;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long nobody is accepted after that failed, for want of descriptors say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const AFTER: &str = "Every connection to --listen becomes one to --to; ends, half-closes and resets are passed on. (Hosted, a connection of
descriptors knows no reset unless bytes are unread: its other end sees a plain end.)

Examples, in two domains: a web server on TCP in \"gpu\", a browser or curl elsewhere
  V4V_DOMAIN=gpu v4v proxy --listen v4v:5080 --to tcp:127.0.0.1:8000
  v4v proxy --listen tcp:127.0.0.1:8080 --to v4v:gpu:5080

SIGTERM and SIGINT: no more connections are accepted, those that are open may end by themselves for --grace seconds; a second
one cuts them off at once. Exit codes: 0 stopped by a signal, 1 it cannot listen, 2 a mistake in the command line.";

#[derive(Args)]
#[command(after_help = AFTER)]
pub(crate) struct Options {
    /// Where to listen: tcp:HOST:PORT or v4v:PORT (port 0: a free one, which is said)
    #[arg(long, value_name = "WHERE")]
    listen: Door,
    /// Where to pass on to: tcp:HOST:PORT or v4v:DOMAIN:PORT
    #[arg(long, value_name = "ADDRESS")]
    to: Endpoint,
    /// Connections at once; who comes when there are so many waits to be accepted. Each takes 128 KiB
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    connections: u32,
    /// Seconds after which a connection to --to is given up
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    connect_timeout: u64,
    /// Seconds that open connections have to end when the proxy is stopped
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    grace: u64,
    /// One JSON object a line on standard output: listening, opened, refused, closed, stopping, stopped
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(options: Options) -> io::Result<()> {
    endpoint::check(&options.listen, &options.to)?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(serve(options))
}

/// What every connection needs.
struct Shared {
    to: Endpoint,
    connect_timeout: Duration,
    reporter: Reporter,
    /// Says, once, that whatever is still open is to be cut off.
    cut: watch::Receiver<bool>,
}

impl Shared {
    /// Comes where open connections are cut off.
    async fn cut(&self) {
        // The sender is there as long as connections are waited for.
        let _ = self.cut.clone().wait_for(|cut| *cut).await;
    }
}

async fn serve(options: Options) -> io::Result<()> {
    let mut stop = Stop::new()?;
    let mut acceptor = Acceptor::open(&options.listen).await?;
    let reporter = Reporter { json: options.json };
    let (at, to) = (acceptor.address()?, options.to.to_string());
    reporter.tell(&Event::Listening { at: &at, to: &to });
    let (cut, cut_off) = watch::channel(false);
    let shared = Arc::new(Shared {
        cut: cut_off,
        to: options.to,
        connect_timeout: Duration::from_secs(options.connect_timeout),
        reporter,
    });
    let places = Arc::new(Semaphore::new(options.connections as usize));
    let mut connections = JoinSet::new();
    let mut id = 0;
    loop {
        // What has ended is forgotten.
        while connections.try_join_next().is_some() {}
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, acceptor.accept().await)
        };
        let (place, caller) = tokio::select! {
            accepted = accepted => accepted,
            () = stop.wait() => break,
        };
        match caller {
            Ok(None) => reporter.tell(&Event::Listening { at: &at, to: &to }),
            Ok(Some((caller, from))) => {
                id += 1;
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    pass_on(&shared, id, caller, &from).await;
                    drop(place);
                });
            }
            Err(error) => {
                reporter.tell(&Event::Trouble {
                    error: &error.to_string(),
                });
                tokio::select! {
                    () = sleep(ACCEPT_PAUSE) => {}
                    () = stop.wait() => break,
                }
            }
        }
    }
    drop(acceptor);
    reporter.tell(&Event::Stopping {
        open: connections.len(),
    });
    let grace = Duration::from_secs(options.grace);
    tokio::select! {
        _ = timeout(grace, all(&mut connections)) => {}
        () = stop.wait() => {}
    }
    reporter.tell(&Event::Stopped {
        cut: connections.len(),
    });
    // It fails where no connection is left.
    let _ = cut.send(true);
    all(&mut connections).await;
    Ok(())
}

/// One connection, from its beginning to its end.
async fn pass_on(shared: &Shared, id: u64, caller: Stream, from: &str) {
    let reporter = shared.reporter;
    let connected = tokio::select! {
        connected = Stream::connect(&shared.to, shared.connect_timeout) => connected,
        () = shared.cut() => Err(io::Error::other("the proxy was stopped")),
    };
    let other = match connected {
        Ok(other) => other,
        Err(error) => {
            caller.reset();
            let error = format!("{}: {error}", shared.to);
            return reporter.tell(&Event::Refused {
                id,
                from,
                error: &error,
            });
        }
    };
    reporter.tell(&Event::Opened { id, from });
    let (start, counts) = (Instant::now(), Counts::default());
    let error = relay(caller, other, &counts, shared.cut())
        .await
        .err()
        .map(|e| e.to_string());
    reporter.tell(&Event::Closed {
        id,
        out: counts.out.load(Ordering::Relaxed),
        back: counts.back.load(Ordering::Relaxed),
        seconds: start.elapsed().as_secs_f64(),
        error: error.as_deref(),
    });
}

/// Waits for all of them.
async fn all(connections: &mut JoinSet<()>) {
    while connections.join_next().await.is_some() {}
}

/// The signals that stop it.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
