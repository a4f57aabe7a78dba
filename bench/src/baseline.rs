//! What the hardware can do: the ceilings that V4V is measured against.

use crate::cpu;
use std::hint::{self, black_box};
use std::io;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

/// Copies between two looks at the clock are worth at least this many bytes.
const BYTES_PER_LOOK: usize = 1 << 20;

/// Bytes per second of a copy within one CPU's cache: `bytes` at a time, the same ones over and over, for `time`.
///
/// # Errors
/// Where the CPU is not to be had.
pub fn memcpy(on: usize, bytes: usize, time: Duration) -> io::Result<f64> {
    in_thread(move || {
        cpu::pin(on)?;
        let (source, mut target) = (vec![1_u8; bytes], vec![0_u8; bytes]);
        let batch = (BYTES_PER_LOOK / bytes).max(1);
        let (start, mut copies) = (Instant::now(), 0);
        while copies == 0 || start.elapsed() < time {
            for _ in 0..batch {
                target.copy_from_slice(black_box(&source));
                black_box(&mut target);
            }
            copies += batch;
        }
        Ok(copies as f64 * bytes as f64 / start.elapsed().as_secs_f64())
    })
}

/// Bytes per second at which one CPU copies `bytes` bytes that another has just written, for about `time`.
///
/// Only the copies are timed. The buffer goes to and fro between two pinned threads, which poll for it.
///
/// # Errors
/// Where one of the CPUs is not to be had.
pub fn cross_core_copy(writer: usize, reader: usize, bytes: usize, time: Duration) -> io::Result<f64> {
    let (give, take) = mpsc::channel::<Vec<u8>>();
    let (give_back, take_back) = mpsc::channel::<Vec<u8>>();
    thread::scope(|scope| {
        let dirtier = scope.spawn(move || {
            cpu::pin(writer)?;
            let mut fresh = 0_u8;
            while let Some(mut buffer) = poll(&take_back) {
                fresh = fresh.wrapping_add(1);
                buffer.fill(fresh);
                if give.send(black_box(buffer)).is_err() {
                    break;
                }
            }
            io::Result::Ok(())
        });
        let copier = scope.spawn(move || {
            cpu::pin(reader)?;
            let mut target = vec![0_u8; bytes];
            let (mut copying, mut copied, start) = (Duration::ZERO, 0.0, Instant::now());
            let mut buffer = vec![0_u8; bytes];
            while start.elapsed() < time || copied == 0.0 {
                give_back.send(buffer).map_err(io::Error::other)?;
                let Some(dirty) = poll(&take) else { break };
                let begin = Instant::now();
                target.copy_from_slice(black_box(&dirty));
                black_box(&mut target);
                copying += begin.elapsed();
                copied += bytes as f64;
                buffer = dirty;
            }
            Ok(copied / copying.as_secs_f64().max(1e-9))
        });
        let speed = joined(copier);
        joined(dirtier)?;
        speed
    })
}

/// Waits busily; `None` once the other side has gone.
fn poll<T>(channel: &Receiver<T>) -> Option<T> {
    loop {
        match channel.try_recv() {
            Ok(value) => return Some(value),
            Err(TryRecvError::Empty) => hint::spin_loop(),
            Err(TryRecvError::Disconnected) => return None,
        }
    }
}

/// Pinning is for good, so what pins gets a thread of its own.
fn in_thread<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|scope| joined(scope.spawn(work)))
}

fn joined<T>(thread: thread::ScopedJoinHandle<io::Result<T>>) -> io::Result<T> {
    thread
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("a measuring thread has panicked")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_have_a_speed() {
        let on = cpu::allowed()[0];
        let speed = memcpy(on, 65_536, Duration::from_millis(2)).expect("an allowed CPU");
        assert!(speed > 1e6 && speed.is_finite(), "{speed}");
    }

    #[test]
    fn cross_core_copies_have_a_speed() {
        let [writer, reader] = cpu::apart(2)[..] else {
            return;
        };
        let speed = cross_core_copy(writer, reader, 1 << 20, Duration::from_millis(5)).expect("allowed CPUs");
        assert!(speed > 1e6 && speed.is_finite(), "{speed}");
    }

    #[test]
    fn a_cpu_that_is_not_there_is_an_error() {
        assert!(memcpy(usize::MAX, 64, Duration::ZERO).is_err());
        assert!(cross_core_copy(usize::MAX, cpu::allowed()[0], 64, Duration::ZERO).is_err());
    }
}
