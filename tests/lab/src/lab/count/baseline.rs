//! What a message took when the baseline was written.
//!
//! Two runs of one build differ by a few instructions in ten thousand. Another compiler or another kernel of Debian's changes more: then
//! the new figures, from `cargo xtask lab count --json`, go into the file together with what changed them.

use super::Count;
use serde::Deserialize;
use std::io;

const FILE: &str = include_str!("../../../counts.json");

/// More than this part of the baseline is a failure.
const TOLERANCE: f64 = 0.01;

#[derive(Deserialize)]
struct Expected {
    bytes: u64,
    instructions: u64,
}

/// An error that names each size which takes more than the baseline and the tolerance.
pub(super) fn check(counts: &[Count]) -> io::Result<()> {
    let worse = worse(FILE, counts)?;
    if worse.is_empty() {
        Ok(())
    } else {
        Err(io::Error::other(format!(
            "more than tests/lab/counts.json: {}",
            worse.join(", ")
        )))
    }
}

fn worse(file: &str, counts: &[Count]) -> io::Result<Vec<String>> {
    let mut worse = Vec::new();
    for line in file.lines() {
        let Expected { bytes, instructions } = serde_json::from_str(line)?;
        let count = counts.iter().find(|count| count.bytes == bytes);
        let most = (instructions as f64 * (1.0 + TOLERANCE)) as u64;
        match count {
            Some(count) if count.instructions <= most => {}
            Some(count) => worse.push(format!(
                "{bytes} bytes take {} instructions, not {instructions}",
                count.instructions
            )),
            None => worse.push(format!("{bytes} bytes were not counted")),
        }
    }
    Ok(worse)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(bytes: u64, instructions: u64) -> Count {
        Count {
            bytes,
            instructions,
            hypervisor: 0,
            kernel: 0,
            user: 0,
            repeated: 0,
            total: 0,
        }
    }

    #[test]
    fn one_percent_more_is_too_much() {
        let file = "{\"bytes\":1,\"instructions\":10000}\n{\"bytes\":64,\"instructions\":20000}";
        let good = [count(1, 10_099), count(64, 15_000)];
        assert!(worse(file, &good).expect("a sound file").is_empty());
        let bad = worse(file, &[count(1, 10_101)]).expect("a sound file");
        assert_eq!(
            bad,
            [
                "1 bytes take 10101 instructions, not 10000",
                "64 bytes were not counted"
            ]
        );
    }

    #[test]
    fn the_file_has_every_size() {
        let nothing = worse(FILE, &[]).expect("a sound file");
        assert_eq!(nothing.len(), super::super::SIZES.len());
    }
}
