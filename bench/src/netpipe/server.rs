//! The serving end: does what each request says until the peer closes.

use super::wire::{self, LAST, Op, Request};
use crate::clock;
use std::io::{self, Read, Write};

/// Serves one client on a connected stream; returns once it has closed.
///
/// # Errors
/// Those of the stream; `InvalidData` where the peer breaks the protocol; `OutOfMemory` where there is no memory for a
/// message as long as it asks for.
pub fn serve<S: Read + Write>(mut stream: S) -> io::Result<()> {
    let mut buffer = Vec::new();
    while let Some(request) = Request::read(&mut stream)? {
        if buffer.len() < request.bytes {
            // The buffer stays for later batches: page faults belong to none of them.
            buffer = wire::buffer(request.bytes)?;
        }
        let message = &mut buffer[..request.bytes];
        wire::write_reply(&mut stream, 0)?;
        match request.op {
            Op::Echo => echo(&mut stream, message, request.rounds)?,
            Op::Drain => drain(&mut stream, message)?,
            Op::Stamp => stamp(&mut stream, message, request.rounds)?,
        }
    }
    Ok(())
}

fn echo<S: Read + Write>(stream: &mut S, message: &mut [u8], rounds: u64) -> io::Result<()> {
    for _ in 0..rounds {
        stream.read_exact(message)?;
        stream.write_all(message)?;
    }
    Ok(())
}

fn drain<S: Read + Write>(stream: &mut S, message: &mut [u8]) -> io::Result<()> {
    let mut messages = 0;
    loop {
        stream.read_exact(message)?;
        messages += 1;
        if message[0] == LAST {
            return wire::write_reply(stream, messages);
        }
    }
}

fn stamp<S: Read + Write>(stream: &mut S, message: &mut [u8], rounds: u64) -> io::Result<()> {
    for _ in 0..rounds {
        stream.read_exact(message)?;
        let now = clock::monotonic_ns();
        wire::write_reply(stream, now)?;
    }
    Ok(())
}
