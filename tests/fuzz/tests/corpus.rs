//! Each target on its corpus, and on changed copies of it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use v4v_fuzz::{TARGETS, Target};

/// Bytes of a file of the corpus, less one.
const FILE_MAX: usize = 4096;
/// Files of one target.
const FILES_MAX: usize = 60;
/// Changed copies that each target gets.
const CHANGED: u64 = 3000;

/// A sequence of numbers, the same in every run (Marsaglia's xorshift, 64 bits).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % n
    }
}

/// A target's files, in the order of their names.
fn corpus(name: &str) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let paths: io::Result<Vec<PathBuf>> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths?;
    paths.sort();
    paths
        .into_iter()
        .map(|path| fs::read(&path).map(|bytes| (path, bytes)))
        .collect()
}

fn target(name: &str) -> (Target, Vec<(PathBuf, Vec<u8>)>) {
    let target = TARGETS.iter().find(|(n, _)| *n == name).expect("a target");
    let files = corpus(name).expect("a corpus");
    assert!((10..=FILES_MAX).contains(&files.len()), "{} files", files.len());
    (target.1, files)
}

/// A copy with a few bytes changed, put in, taken out, or exchanged for another file's.
fn change(bytes: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(out.len() + 1);
        let end = (at + 1 + numbers.below(8)).min(out.len());
        match numbers.below(5) {
            0 => out.truncate(at.max(1)),
            1 => drop(out.drain(at..end)),
            2 => out.insert(at, numbers.below(256) as u8),
            3 => {
                let from = numbers.below(other.len() + 1);
                out.splice(at.., other[from..].iter().copied());
            }
            _ => {
                let value = numbers.below(256) as u8;
                out.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= value);
            }
        }
    }
    out.truncate(FILE_MAX);
    out
}

fn replay(name: &str) {
    let (target, files) = target(name);
    for (path, bytes) in &files {
        assert!(bytes.len() < FILE_MAX, "{} is too long", path.display());
        println!("{}", path.display());
        target(bytes);
    }
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    for n in 0..CHANGED {
        let [one, other] = [0; 2].map(|_| &files[numbers.below(files.len())]);
        // Shown where the target panics: how to come by this input.
        println!("change {n} of {} and {}", one.0.display(), other.0.display());
        target(&change(&one.1, &other.1, &mut numbers));
    }
}

#[test]
fn ring_take_on_its_corpus() {
    replay("ring_take");
}

#[test]
fn hypercall_decode_on_its_corpus() {
    replay("hypercall_decode");
}

#[test]
fn stream_frames_on_its_corpus() {
    replay("stream_frames");
}

#[test]
fn wire_on_its_corpus_leaves_no_descriptor() {
    let open = || fs::read_dir("/proc/self/fd").expect("proc").count();
    // The other tests open a file at a time; v4vd's rings are three descriptors each.
    let before = open();
    replay("wire");
    assert!(
        open() < before + 8,
        "{before} descriptors before, {} after",
        open()
    );
}

#[test]
fn policy_on_its_corpus() {
    replay("policy");
}

#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut folders: Vec<String> = fs::read_dir(folder)
        .expect("corpora")
        .map(|entry| {
            entry
                .expect("readable")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect();
    folders.sort();
    let mut names = TARGETS.map(|(name, _)| name);
    names.sort_unstable();
    assert_eq!(folders, names);
}
