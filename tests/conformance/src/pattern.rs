//! Bytes whose value follows from their place, so that a receiver can check every one without having seen it before.

/// A position in an endless run of such bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pattern {
    seed: u64,
    at: u64,
}

impl Pattern {
    /// The run that `seed` names, from its beginning.
    pub(crate) const fn new(seed: u64) -> Self {
        Self { seed, at: 0 }
    }

    /// The byte at `at`: the top of a multiplicative hash (Knuth's golden-ratio constant), which does not repeat with the
    /// period of a ring or page.
    fn byte(self, at: u64) -> u8 {
        let mixed = self.seed.wrapping_add(at).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed.to_be_bytes()[0]
    }

    /// How far the run has come.
    pub(crate) const fn at(&self) -> u64 {
        self.at
    }

    /// Moves forward without looking.
    pub(crate) const fn skip(&mut self, bytes: usize) {
        self.at += bytes as u64;
    }

    /// The next `len` bytes.
    pub(crate) fn take(&mut self, len: usize) -> Vec<u8> {
        let start = self.at;
        self.skip(len);
        (start..self.at).map(|at| self.byte(at)).collect()
    }

    /// Checks that `bytes` come next.
    #[track_caller]
    pub(crate) fn check(&mut self, bytes: &[u8]) {
        for (at, byte) in (self.at..).zip(bytes) {
            assert!(
                *byte == self.byte(at),
                "byte {at} is {byte:#x} instead of {:#x}",
                self.byte(at)
            );
        }
        self.skip(bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_checks_whatever_the_cuts() {
        let bytes = Pattern::new(5).take(1000);
        let mut check = Pattern::new(5);
        bytes.chunks(7).for_each(|part| check.check(part));
        assert_eq!(check.at(), 1000);
    }

    #[test]
    #[should_panic(expected = "byte 3 is")]
    fn a_wrong_byte_is_named() {
        let mut bytes = Pattern::new(5).take(10);
        bytes[3] ^= 1;
        Pattern::new(5).check(&bytes);
    }
}
