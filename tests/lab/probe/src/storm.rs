//! Crafted and random calls, as a hostile guest makes them: the hypervisor and the other guests have to live on.

use crate::Reach;
use crate::argo::{ANY, Argo, NOTIFY, NOWHERE, READY_SETUP, REGISTER, SENDV, UNREGISTER};
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
    /// What this kind of guest can reach
    reach: Reach,
    /// Seconds
    seconds: u64,
    /// The same seed makes the same calls in each thread
    seed: u64,
    /// Other domains, at whose rings it aims
    victims: Vec<u16>,
}

/// Threads that make calls; one more spoils the rings' headers meanwhile.
const CALLERS: u64 = 3;

/// Pages that all rings of the storm share: they overlap.
const POOL: usize = 16;

/// Machine frames of the lab's machine: 4 GiB of them, the hypervisor's own and every guest's.
const MACHINE_FRAMES: u64 = 1 << 20;

/// Ports that rings are registered at, from 0 on.
const PORTS: u64 = 6;

/// Fewest frames in a list of machine frames drawn blindly: enough that some are never this guest's own.
const BLIND: u64 = 24;

/// Set in a frame number that is to be none of this guest's: 4 GiB, beyond the memory of every guest of the lab. A ring on
/// pages of its own kernel is a guest's right and its end (gfn 4096 is where Linux's text begins), and would test nothing.
const BEYOND: u64 = 1 << 20;

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

/// The storm's means.
struct Storm {
    argo: Argo,
    pool: Pages,
    /// The pool's frames; none where this guest's user space does not know them.
    frames: Vec<u64>,
    victims: Vec<u16>,
    end: Instant,
}

/// Storms until the time is up and says how many calls that were.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    let pool = Pages::new(POOL)?;
    let frames = match options.reach {
        Reach::Rings => pool.frames()?,
        Reach::Arguments => Vec::new(),
    };
    let storm = Storm {
        argo: Argo::open(options.domain, 0)?,
        pool,
        frames,
        victims: options.victims.clone(),
        end: Instant::now() + Duration::from_secs(options.seconds),
    };
    println!("storming");
    let (calls, accepted, stolen) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (storm, calls, accepted, stolen) = (&storm, &calls, &accepted, &stolen);
            scope.spawn(move || {
                let mut dice = Dice(options.seed.wrapping_mul(2).wrapping_add(2 * caller + 1));
                while Instant::now() < storm.end {
                    let strike = storm.strike(&mut dice);
                    calls.fetch_add(1, Ordering::Relaxed);
                    accepted.fetch_add(u64::from(strike.returned >= 0), Ordering::Relaxed);
                    stolen.fetch_add(
                        u64::from(strike.steals && strike.returned >= 0),
                        Ordering::Relaxed,
                    );
                }
            });
        }
        scope.spawn(|| storm.spoil(options.seed));
    });
    storm.clear();
    println!("{} calls, {} accepted", calls.into_inner(), accepted.into_inner());
    match stolen.into_inner() {
        0 => Ok(()),
        stolen => Err(io::Error::other(format!(
            "{stolen} rings were accepted on frames of others"
        ))),
    }
}

/// A call that was made.
struct Strike {
    returned: i64,
    /// It offered frames of which some are not this guest's: to accept it is a fault.
    steals: bool,
}

impl From<i64> for Strike {
    fn from(returned: i64) -> Self {
        Self {
            returned,
            steals: false,
        }
    }
}

impl Storm {
    /// One call.
    fn strike(&self, dice: &mut Dice) -> Strike {
        match dice.below(10) {
            0..=2 if self.frames.is_empty() => self.steal(dice),
            0..=2 => self.register(dice).into(),
            3 => self.argo.unregister(self.ring(dice)).into(),
            4..=6 => self.send(dice).into(),
            7 => {
                let wanted = [(self.target(dice), dice.number() as u32), (self.target(dice), 64)];
                self.argo.ask(&wanted).0.into()
            }
            8 => self.argo.notify().into(),
            _ => self.anything(dice).into(),
        }
    }

    /// Few ports, so that calls meet.
    fn ring(&self, dice: &mut Dice) -> Addr {
        let partner = self.partners()[dice.below(8) as usize];
        Addr {
            pad: u16::from(dice.below(32) == 0),
            ..Addr::new(dice.below(PORTS) as u32, partner)
        }
    }

    fn partners(&self) -> [u16; 8] {
        [ANY, self.argo.me, 0, 1, 2, 3, 0x7FF0, 0xFFFF]
    }

    /// Unregisters whatever may be registered: the pool goes back to this guest's kernel, and no message may be written there then.
    fn clear(&self) {
        for port in 0..PORTS {
            for partner in self.partners() {
                // Most of them are not.
                let _ = self.argo.unregister(Addr::new(port as u32, partner));
            }
        }
    }

    fn target(&self, dice: &mut Dice) -> Addr {
        let domain = match dice.below(6) {
            0 => dice.below(8) as u16,
            1 if !self.victims.is_empty() => self.victims[dice.below(self.victims.len() as u64) as usize],
            _ => self.argo.me,
        };
        // Other guests' rings too: the ports that their programs listen on.
        let port = if dice.below(4) > 0 {
            dice.below(PORTS)
        } else {
            5001 + dice.below(4)
        };
        Addr::new(port as u32, domain)
    }

    fn register(&self, dice: &mut Dice) -> i64 {
        let len = match dice.below(4) {
            0 => dice.number() as u32,
            _ => 16 * (3 + dice.below(POOL as u64 * PAGE as u64 / 16 - 8) as u32),
        };
        let pages = (u64::from(len) + 64).div_ceil(PAGE as u64).min(5000) as usize;
        let first = dice.below(self.frames.len() as u64) as usize;
        let mut list: Vec<u64> = self
            .frames
            .iter()
            .copied()
            .cycle()
            .skip(first)
            .take(pages)
            .collect();
        if dice.below(4) == 0 && !list.is_empty() {
            let at = dice.below(list.len() as u64) as usize;
            list[at] = dice.number() | BEYOND;
        }
        if dice.below(16) == 0 {
            list.pop();
        }
        self.argo.register(self.ring(dice), len, &list, dice.below(3))
    }

    fn send(&self, dice: &mut Dice) -> i64 {
        let source = if dice.below(8) == 0 {
            dice.below(8) as u16
        } else {
            self.argo.me
        };
        let buffers: Vec<Iov> = (0..dice.below(10))
            .map(|_| Iov {
                // The sender's buffer may be the very ring that is written.
                handle: if dice.below(6) == 0 {
                    dice.number()
                } else {
                    self.pool.address() + dice.below(PAGE as u64)
                },
                len: if dice.below(6) == 0 {
                    dice.number() as u32
                } else {
                    dice.below(3000) as u32
                },
                pad: u32::from(dice.below(64) == 0),
            })
            .collect();
        self.argo.sendv(
            Addr::new(9, source),
            self.target(dice),
            &buffers,
            dice.roll() as u32,
        )
    }

    fn anything(&self, dice: &mut Dice) -> i64 {
        let op = [REGISTER, UNREGISTER, SENDV, NOTIFY, 16, 17, READY_SETUP, 19][dice.below(8) as usize];
        let handle = |dice: &mut Dice| match dice.below(4) {
            0 => dice.number(),
            1 => NOWHERE,
            _ => self.pool.address() + dice.below(POOL as u64 * PAGE as u64 - 64),
        };
        let (mut first, mut second) = (handle(dice), if dice.below(2) == 0 { 0 } else { handle(dice) });
        // What lies at a handle may be the number of any frame, see `BEYOND`.
        match op {
            REGISTER => second = NOWHERE,
            READY_SETUP => first = NOWHERE,
            _ => {}
        }
        let (third, fourth) = if dice.below(2) == 0 {
            (0, 0)
        } else {
            (dice.number(), dice.number())
        };
        self.argo.call(op, [first, second, third, fourth])
    }

    /// Offers frames of the whole machine, which a PV guest may name: the hypervisor's own, other guests', some of its own.
    fn steal(&self, dice: &mut Dice) -> Strike {
        let pages = BLIND + dice.below(32);
        let list: Vec<u64> = (0..pages).map(|_| dice.below(MACHINE_FRAMES)).collect();
        let len = (pages * PAGE as u64 - 64) as u32;
        Strike {
            returned: self.argo.register(self.ring(dice), len, &list, dice.below(2)),
            steals: true,
        }
    }

    /// Writes the rings' headers, and the structures that calls point to, while the hypervisor reads them.
    fn spoil(&self, seed: u64) {
        let mut dice = Dice(seed | 1);
        while Instant::now() < self.end {
            for _ in 0..1000 {
                let page = dice.below(POOL as u64) as usize * PAGE;
                self.pool
                    .store(page + 4 * dice.below(16) as usize, dice.number() as u32);
            }
        }
    }
}
