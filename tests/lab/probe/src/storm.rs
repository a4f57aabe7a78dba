//! Crafted and random calls, as a hostile guest makes them: the hypervisor and the other guests have to live on.

use crate::argo::{ANY, Argo, NOTIFY, NOWHERE, REGISTER, SENDV, UNREGISTER};
use crate::bytes::{Addr, Iov};
use crate::pages::{PAGE, Pages};
use clap::Args;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Args)]
pub(crate) struct Options {
    /// This domain's number
    domain: u16,
    /// Seconds
    seconds: u64,
    /// The same seed makes the same calls in each thread
    seed: u64,
}

/// Threads that make calls; one more spoils the rings' headers meanwhile.
const CALLERS: u64 = 3;

/// Pages that all rings of the storm share: they overlap.
const POOL: usize = 16;

/// Values at which checks turn.
const EDGES: [u64; 16] = [
    0,
    1,
    15,
    16,
    47,
    48,
    64,
    4095,
    4096,
    4097,
    0xFF_FFE0,
    0x100_0000,
    0x7FFF_FFF0,
    0xFFFF_FFFF,
    1 << 32,
    u64::MAX,
];

/// Xorshift (Marsaglia 2003): the storm has to be the same again, not good.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: u64) -> u64 {
        self.roll() % n
    }

    /// Mostly an edge, sometimes anything.
    fn number(&mut self) -> u64 {
        if self.below(8) == 0 {
            self.roll()
        } else {
            EDGES[self.below(EDGES.len() as u64) as usize]
        }
    }
}

/// Storms until the time is up and says how many calls that were.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    let argo = Argo::open(options.domain, 0)?;
    let pool = Pages::new(POOL)?;
    let frames = pool.frames()?;
    let end = Instant::now() + Duration::from_secs(options.seconds);
    let (calls, accepted) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (argo, frames, calls, accepted, pool) = (&argo, &frames, &calls, &accepted, &pool);
            scope.spawn(move || {
                let mut dice = Dice(options.seed.wrapping_mul(2).wrapping_add(2 * caller + 1));
                while Instant::now() < end {
                    let returned = strike(argo, pool, frames, &mut dice);
                    calls.fetch_add(1, Ordering::Relaxed);
                    accepted.fetch_add(u64::from(returned >= 0), Ordering::Relaxed);
                }
            });
        }
        scope.spawn(|| spoil(&pool, options.seed, end));
    });
    println!("{} calls, {} accepted", calls.into_inner(), accepted.into_inner());
    Ok(())
}

/// One call.
fn strike(argo: &Argo, pool: &Pages, frames: &[u64], dice: &mut Dice) -> i64 {
    match dice.below(10) {
        0..=2 => register(argo, frames, dice),
        3 => argo.unregister(ring(argo, dice)),
        4..=6 => send(argo, pool, dice),
        7 => {
            argo.ask(&[
                (target(argo, dice), dice.number() as u32),
                (target(argo, dice), 64),
            ])
            .0
        }
        8 => argo.notify(),
        _ => anything(argo, pool, dice),
    }
}

/// Few ports, so that calls meet.
fn ring(argo: &Argo, dice: &mut Dice) -> Addr {
    let partner = [ANY, argo.me, 0, 1, 2, 3, 0x7FF0, 0xFFFF][dice.below(8) as usize];
    Addr {
        pad: u16::from(dice.below(32) == 0),
        ..Addr::new(dice.below(6) as u32, partner)
    }
}

fn target(argo: &Argo, dice: &mut Dice) -> Addr {
    let domain = if dice.below(3) > 0 {
        argo.me
    } else {
        dice.below(8) as u16
    };
    // Other guests' rings too: the ports that their programs listen on.
    let port = if dice.below(4) > 0 {
        dice.below(6)
    } else {
        5001 + dice.below(4)
    };
    Addr::new(port as u32, domain)
}

fn register(argo: &Argo, frames: &[u64], dice: &mut Dice) -> i64 {
    let len = match dice.below(4) {
        0 => dice.number() as u32,
        _ => 16 * (3 + dice.below(POOL as u64 * PAGE as u64 / 16 - 8) as u32),
    };
    let pages = (u64::from(len) + 64).div_ceil(PAGE as u64).min(5000) as usize;
    let first = dice.below(frames.len() as u64) as usize;
    let mut list: Vec<u64> = frames.iter().copied().cycle().skip(first).take(pages).collect();
    if dice.below(4) == 0 && !list.is_empty() {
        let at = dice.below(list.len() as u64) as usize;
        list[at] = dice.number();
    }
    if dice.below(16) == 0 {
        list.pop();
    }
    argo.register(ring(argo, dice), len, &list, dice.below(3))
}

fn send(argo: &Argo, pool: &Pages, dice: &mut Dice) -> i64 {
    let source = if dice.below(8) == 0 {
        dice.below(8) as u16
    } else {
        argo.me
    };
    let buffers: Vec<Iov> = (0..dice.below(10))
        .map(|_| Iov {
            // The sender's buffer may be the very ring that is written.
            handle: if dice.below(6) == 0 {
                dice.number()
            } else {
                pool.address() + dice.below(PAGE as u64)
            },
            len: if dice.below(6) == 0 {
                dice.number() as u32
            } else {
                dice.below(3000) as u32
            },
            pad: u32::from(dice.below(64) == 0),
        })
        .collect();
    argo.sendv(
        Addr::new(9, source),
        target(argo, dice),
        &buffers,
        dice.roll() as u32,
    )
}

fn anything(argo: &Argo, pool: &Pages, dice: &mut Dice) -> i64 {
    let op = [REGISTER, UNREGISTER, SENDV, NOTIFY, 16, 17, 18, 19][dice.below(8) as usize];
    let handle = |dice: &mut Dice| match dice.below(4) {
        0 => dice.number(),
        1 => NOWHERE,
        _ => pool.address() + dice.below(POOL as u64 * PAGE as u64 - 64),
    };
    let (first, second) = (handle(dice), if dice.below(2) == 0 { 0 } else { handle(dice) });
    let (third, fourth) = if dice.below(2) == 0 {
        (0, 0)
    } else {
        (dice.number(), dice.number())
    };
    argo.call(op, [first, second, third, fourth])
}

/// Writes the rings' headers, and the structures that calls point to, while the hypervisor reads them.
fn spoil(pool: &Pages, seed: u64, end: Instant) {
    let mut dice = Dice(seed | 1);
    while Instant::now() < end {
        for _ in 0..1000 {
            let page = dice.below(POOL as u64) as usize * PAGE;
            pool.store(page + 4 * dice.below(16) as usize, dice.number() as u32);
        }
    }
}
