//! The agent of the lab: `agent dom0 DEVICE` speaks with the host over a serial port, `agent guest` waits for dom0's agent.

mod guests;
mod outlet;
mod process;
mod serial;
mod server;
mod spawn;

use std::net::TcpListener;
use std::process::ExitCode;
use std::{env, io};
use v4v_lab_agent::GUEST_PORT;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["dom0", device] => dom0(device),
        ["guest"] => guest(),
        _ => Err(io::Error::other("write: agent dom0 DEVICE, or: agent guest")),
    };
    if let Err(error) = outcome {
        eprintln!("agent: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn dom0(device: &str) -> io::Result<()> {
    let port = serial::open(device)?;
    server::serve(port.try_clone()?, outlet::Outlet::new(port), true)
}

fn guest() -> io::Result<()> {
    let listener = TcpListener::bind(("0.0.0.0", GUEST_PORT))?;
    loop {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        // dom0's agent went away in the middle of a line: the next one starts afresh.
        if let Err(error) = server::serve(stream.try_clone()?, outlet::Outlet::new(stream), false) {
            eprintln!("agent: {error}");
        }
    }
}
