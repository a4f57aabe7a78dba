//! QEMU's plugin that counts (`tests/lab/counter/counter.c`), and what it has counted.

use crate::lab::cache::{Key, make};
use crate::lab::debian::run;
use crate::lab::machine::{BLOCKS, COUNTS, Machine};
use crate::lab::store::folder;
use crate::workspace::root;
use std::fs;
use std::io;
use std::ops::Sub;
use std::path::PathBuf;
use std::process::Command;

/// Builds the plugin.
pub(super) fn build() -> io::Result<PathBuf> {
    let source = root().join("tests/lab/counter/counter.c");
    let plugin = folder("counter")?.join("counter.so");
    let key = Key::new("counter").file(&source)?;
    make("QEMU's counter", &key, &plugin, || {
        let mut command = Command::new("gcc");
        command.args(["-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o"]);
        run(command.arg(&plugin).arg(&source))
    })?;
    Ok(plugin)
}

/// Instructions by whose they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) hypervisor: u64,
    pub(super) kernel: u64,
    pub(super) user: u64,
    /// Of these: turns of string instructions.
    pub(super) repeated: u64,
}

impl Counts {
    /// What has been counted so far.
    pub(super) fn read(machine: &Machine) -> io::Result<Self> {
        let bytes = fs::read(machine.folder().join(COUNTS))?;
        let mut words = words(&bytes);
        let mut next = || words.next().ok_or(io::ErrorKind::UnexpectedEof);
        Ok(Self {
            hypervisor: next()?,
            kernel: next()?,
            user: next()?,
            repeated: next()?,
        })
    }

    pub(super) fn all(self) -> u64 {
        self.hypervisor + self.kernel + self.user
    }
}

impl Sub for Counts {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            hypervisor: self.hypervisor - before.hypervisor,
            kernel: self.kernel - before.kernel,
            user: self.user - before.user,
            repeated: self.repeated - before.repeated,
        }
    }
}

/// Blocks of instructions so far: address and instructions that ran there.
pub(super) fn blocks(machine: &Machine) -> io::Result<Vec<(u64, u64)>> {
    let bytes = fs::read(machine.folder().join(BLOCKS))?;
    let words: Vec<u64> = words(&bytes).collect();
    Ok(words
        .chunks_exact(2)
        .map(|pair| (pair[0], pair[1]))
        .filter(|block| block.1 > 0)
        .collect())
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes
        .chunks_exact(8)
        .map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default()))
}
