//! `v4v netpipe`: the sweep between two domains.

use crate::output::output;
use clap::Args;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;
use v4v_bench::netpipe::{Plan, client, serve};
use v4v_bench::transport::Path;
use v4v_bench::{plot, sizes, table};
use v4vsock::{SocketOptions, V4vStream};

/// The port unless another is given: NetPIPE's own (NPtcp's default).
const PORT: u32 = 5002;

#[derive(Args)]
pub(crate) struct Options {
    /// DOMAIN:PORT of the server; without it, be the server
    server: Option<String>,
    /// The port to serve on
    #[arg(short, long, default_value_t = PORT, conflicts_with = "server")]
    port: u32,
    /// Serve one client after another, not just one
    #[arg(short, long, conflicts_with = "server")]
    keep: bool,
    /// Seconds for the sweep
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// The shortest message
    #[arg(long, default_value = "1", value_parser = sizes::parse)]
    shortest: usize,
    /// The longest message: fewer rows with a smaller one
    #[arg(long, default_value = "16M", value_parser = sizes::parse)]
    longest: usize,
    /// Bytes less and more at each size from 16 B on; 0 for none: 48 rows instead of 130
    #[arg(long, default_value_t = sizes::PERTURBATION, value_parser = sizes::parse_perturbation)]
    perturbation: usize,
    /// One JSON object a line: path, bytes, latency_us, mb_per_s, runs
    #[arg(long)]
    json: bool,
    /// Write FOLDER/netpipe.svg and FOLDER/netpipe.png
    #[arg(long, value_name = "FOLDER")]
    plot: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> io::Result<()> {
    match &options.server {
        Some(server) => sweep(server, options),
        None => listen(options),
    }
}

fn listen(options: &Options) -> io::Result<()> {
    let listener = SocketOptions::new().listen_stream(options.port)?;
    eprintln!("v4v: serving at {}", listener.local_addr()?);
    loop {
        let (stream, peer) = listener.accept()?;
        eprintln!("v4v: {peer} measures");
        match serve(stream) {
            Err(error) if options.keep => eprintln!("v4v: {peer}: {error}"),
            outcome => outcome?,
        }
        if !options.keep {
            return Ok(());
        }
    }
}

fn sweep(server: &str, options: &Options) -> io::Result<()> {
    let stream = V4vStream::connect(server)?;
    let mut sizes = sizes::netpipe(options.longest, options.perturbation);
    sizes.retain(|&size| size >= options.shortest);
    if sizes.is_empty() {
        let why = format!(
            "no size lies between --shortest {} and --longest {}",
            options.shortest, options.longest
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let plan = Plan {
        sizes,
        budget: Duration::from_secs(options.seconds),
        ..Plan::full()
    };
    let mut out = output();
    let mut written = Ok(());
    let samples = client(stream, Path::V4v.name(), &plan, |sample| {
        if options.json && written.is_ok() {
            written = serde_json::to_writer(&mut out, sample)
                .map_err(io::Error::from)
                .and_then(|()| writeln!(out));
        }
    })?;
    written?;
    if !options.json {
        writeln!(
            out,
            "{}",
            table::samples(&samples, &plan.sizes, Path::V4v, "one way")
        )?;
    }
    if let Some(folder) = &options.plot {
        for file in plot::write(
            &samples,
            Path::V4v.name(),
            plot::Caption::default(),
            folder,
            "netpipe",
        )? {
            eprintln!("v4v: wrote {}", file.display());
        }
    }
    Ok(())
}
