//! What the tests of one hypervisor share: a machine that boots when it is first needed, and its guests.

use super::{complaints, emulator};
use crate::lab::build::Built;
use crate::lab::consoles::tail;
use crate::lab::domains::{Guest, Kind};
use crate::lab::link::Link;
use crate::lab::machine::{Clock, Machine, Plan};
use crate::lab::stack::Stack;
use crate::lab::xen::Whose;
use std::io;
use std::path::{Path, PathBuf};

/// MiB for Xen, dom0 and the guests.
const MEMORY: u32 = 4096;

/// Xen's parameters that let every domain use Argo, wildcard rings too, and show all that Xen says, about guests' mistakes a few
/// lines at a time: a hostile guest makes thousands a second.
const PARAMETERS: &str = "argo=1,mac-permissive=1 guest_loglvl=error/all loglvl=all";

/// Runs of a test whose guests the emulator ends.
const TRIES: u32 = 3;

/// The machine and the guests that tests left for the next.
pub(super) struct Bed<'a> {
    built: &'a Built,
    stack: Stack,
    hypervisor: PathBuf,
    machine: Option<Machine>,
    guests: Vec<(Kind, Guest)>,
    next_place: u8,
}

impl<'a> Bed<'a> {
    pub(super) fn new(built: &'a Built, stack: Stack, hypervisor: PathBuf) -> Self {
        Self {
            built,
            stack,
            hypervisor,
            machine: None,
            guests: Vec::new(),
            next_place: 1,
        }
    }

    /// Runs one test. After a failure the machine is given up, so that the next test has a new one; a test whose guest the emulator
    /// ended is run again there, and a line says so.
    pub(super) fn play(&mut self, test: fn(&mut Self) -> io::Result<()>) -> io::Result<()> {
        let mut left = TRIES;
        loop {
            let before = self.console().map_or(0, |log| log.len());
            let outcome = test(self);
            // A complaint may be why the test failed.
            let Err(error) = both(outcome, self.complaints(before)) else {
                return Ok(());
            };
            let log = self.console().unwrap_or_default();
            // The test may have taken a machine of its own, whose log begins anew.
            let emulator = emulator::ended_a_guest(log.get(before..).unwrap_or(&log));
            let consoles = self.consoles();
            self.guests.clear();
            self.machine = None;
            left -= 1;
            if !emulator || left == 0 {
                return Err(io::Error::other(format!("{error}\n{consoles}")));
            }
            println!("the emulator ended a guest; once more: {error}");
        }
    }

    pub(super) fn whose(&self) -> Whose {
        self.stack.whose
    }

    /// The way into the machine.
    pub(super) fn link(&mut self) -> io::Result<Link> {
        if let Some(machine) = &self.machine {
            return Ok(machine.link().clone());
        }
        let machine = self.boot(&format!("test-{}", self.stack), PARAMETERS, None)?;
        let link = machine.link().clone();
        self.machine = Some(machine);
        Ok(link)
    }

    /// A machine of a test's own with other parameters of Xen's. The common one ends first: two would be slow.
    pub(super) fn other_machine(&mut self, name: &str, parameters: &str) -> io::Result<Machine> {
        self.guests.clear();
        self.machine = None;
        self.boot(&format!("{name}-{}", self.stack), parameters, None)
    }

    /// A machine of a test's own with a disk.
    pub(super) fn machine_with_disk(&mut self, name: &str, disk: &Path) -> io::Result<Machine> {
        self.guests.clear();
        self.machine = None;
        self.boot(&format!("{name}-{}", self.stack), PARAMETERS, Some(disk))
    }

    /// A machine of a test's own without Xen, with the guests' kernel and archive; its agent is in dom0's place.
    pub(super) fn machine_without_xen(&mut self, name: &str) -> io::Result<Machine> {
        self.guests.clear();
        self.machine = None;
        Machine::boot_without_xen(
            &format!("{name}-{}", self.stack),
            &self.built.guests,
            &self.built.images.guest,
        )
    }

    fn boot(&self, name: &str, parameters: &str, disk: Option<&Path>) -> io::Result<Machine> {
        Machine::boot(&Plan {
            name,
            xen: &self.hypervisor,
            kernel: &self.built.kernel,
            images: &self.built.images,
            memory: MEMORY,
            clock: Clock::Host,
            counter: None,
            parameters,
            disk,
        })
    }

    /// The way into the machine, which runs already.
    pub(super) fn running(&self) -> io::Result<Link> {
        let machine = self
            .machine
            .as_ref()
            .ok_or_else(|| io::Error::other("no machine runs"))?;
        Ok(machine.link().clone())
    }

    /// A place on the bridge that no guest has had.
    pub(super) fn place(&mut self) -> u8 {
        self.next_place += 1;
        self.next_place - 1
    }

    /// Guests of these kinds, started where there are none.
    pub(super) fn guests(&mut self, kinds: &[Kind]) -> io::Result<Vec<Guest>> {
        let link = self.link()?;
        let mut chosen: Vec<usize> = Vec::new();
        for &kind in kinds {
            let free = (0..self.guests.len()).find(|i| self.guests[*i].0 == kind && !chosen.contains(i));
            let at = match free {
                Some(at) => at,
                None => {
                    self.guests
                        .push((kind, Guest::start(&link, kind, self.next_place)?));
                    self.next_place += 1;
                    self.guests.len() - 1
                }
            };
            chosen.push(at);
        }
        Ok(chosen.into_iter().map(|at| self.guests[at].1.clone()).collect())
    }

    /// All that Xen and dom0 wrote to their console.
    pub(super) fn console(&self) -> io::Result<String> {
        let machine = self
            .machine
            .as_ref()
            .ok_or_else(|| io::Error::other("no machine runs"))?;
        Ok(String::from_utf8_lossy(&std::fs::read(machine.console())?).into_owned())
    }

    /// An error with what Xen (from that byte of its console on) or a kernel complained of. Guests that are gone left their consoles.
    fn complaints(&self, from: usize) -> io::Result<()> {
        // A test may have ended the machine, having looked itself.
        let Some(machine) = &self.machine else {
            return Ok(());
        };
        let log = self.console()?;
        complaints::of_xen(log.get(from..).unwrap_or(&log))?;
        complaints::of_dom0_and_consoles(machine.link())?;
        self.guests
            .iter()
            .try_for_each(|(_, guest)| complaints::of_guest(guest))
    }

    fn consoles(&self) -> String {
        let Some(machine) = &self.machine else {
            return String::new();
        };
        let mut text = tail(&machine.console());
        for (_, guest) in &self.guests {
            text.push('\n');
            text.push_str(&guest.console());
        }
        text
    }
}

fn both(one: io::Result<()>, other: io::Result<()>) -> io::Result<()> {
    match (one, other) {
        (Err(one), Err(other)) => Err(io::Error::other(format!("{one}\n{other}"))),
        (one, other) => one.and(other),
    }
}
