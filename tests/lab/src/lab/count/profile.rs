//! Which functions the instructions of a message run in.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

/// Blocks whose names are asked for: the rest is a percent or two.
const LOOKED_UP: usize = 1500;

/// What ran between two looks, by block, the most first.
pub(super) fn difference(before: &[(u64, u64)], after: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let before: HashMap<u64, u64> = before.iter().copied().collect();
    let mut blocks: Vec<(u64, u64)> = after
        .iter()
        .map(|&(address, count)| (address, count - before.get(&address).copied().unwrap_or(0)))
        .filter(|block| block.1 > 0)
        .collect();
    blocks.sort_by_key(|block| std::cmp::Reverse(block.1));
    blocks
}

/// A shell's command line for a guest that prints, for each of the blocks in its kernel, address and function. All of its names would
/// take minutes to send.
pub(super) fn question(blocks: &[(u64, u64)]) -> String {
    let mut text = "( cat <<'END'\n".to_owned();
    for (address, _) in blocks.iter().take(LOOKED_UP).filter(|block| block.0 >> 63 != 0) {
        // Writing to a string cannot fail. The tilde sorts behind the function that begins there.
        let _ = writeln!(text, "{address:016x} ~");
    }
    text.push_str("END\ngrep ' [tTwW] ' /proc/kallsyms ) | sort | awk '$2 == \"~\" { print $1, name; next } { name = $3 }'");
    text
}

/// Functions by address.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    xen: BTreeMap<u64, String>,
    kernel: HashMap<u64, String>,
}

impl Symbols {
    /// From `nm`'s lines about Xen, and a guest's answer to [`question`].
    pub(super) fn new(of_xen: &str, of_kernel: &str) -> Self {
        let mut symbols = Self::default();
        for line in of_xen.lines() {
            let mut words = line.split(' ');
            if let (Some(address), Some("t" | "T"), Some(name)) = (words.next(), words.next(), words.next())
                && let Ok(address) = u64::from_str_radix(address, 16)
            {
                symbols.xen.insert(address, format!("xen {name}"));
            }
        }
        for line in of_kernel.lines() {
            if let Some((address, name)) = line.split_once(' ')
                && let Ok(address) = u64::from_str_radix(address, 16)
            {
                symbols.kernel.insert(address, format!("kernel {name}"));
            }
        }
        symbols
    }

    fn name(&self, address: u64) -> &str {
        if address >> 63 == 0 {
            return "programs";
        }
        let of_xen = || {
            let xen = self.xen.range(..=address).next_back();
            // The kernel's half begins above Xen's.
            xen.filter(|_| address < 0xffff_8800_0000_0000)
        };
        match (self.kernel.get(&address), of_xen()) {
            (_, Some((_, name))) | (Some(name), _) => name,
            _ => "others",
        }
    }
}

/// Lines of the functions that took most, for each of `messages`.
pub(super) fn table(symbols: &Symbols, blocks: &[(u64, u64)], messages: f64, rows: usize) -> String {
    let mut functions: HashMap<&str, u64> = HashMap::new();
    for &(address, count) in blocks {
        *functions.entry(symbols.name(address)).or_default() += count;
    }
    let mut functions: Vec<(&str, u64)> = functions.into_iter().collect();
    functions.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let mut text = String::new();
    for (name, count) in functions.into_iter().take(rows) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:>10.1}  {name}", count as f64 / messages);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_added_up_by_function() {
        let (xen, kernel) = (0xffff_82d0_4020_0000, 0xffff_ffff_8100_0000);
        let before = [(xen, 5)];
        let after = [
            (xen, 25),
            (xen + 8, 10),
            (kernel, 7),
            (0x400_000, 3),
            (kernel + 64, 0),
        ];
        let blocks = difference(&before, &after);
        assert_eq!(blocks[0], (xen, 20));
        assert!(question(&blocks).contains("ffffffff81000000 ~"));
        let symbols = Symbols::new(
            "ffff82d040200000 T do_send\nffff82d040200100 t other",
            "ffffffff81000000 schedule",
        );
        assert_eq!(
            table(&symbols, &blocks, 10.0, 3),
            "       3.0  xen do_send\n       0.7  kernel schedule\n       0.3  programs\n"
        );
    }
}
