//! What is sent: bytes that both ends can compute, so that a lost, doubled or foreign byte shows.

use v4v_ring::Addr;

/// The way that bytes take in a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the connector to the listener's side.
    There,
    /// From the listener's side to the connector.
    Back,
}

/// Everything that one side sends.
#[derive(Clone, Copy, Debug)]
pub struct Pattern {
    seed: usize,
}

/// Bytes of a period; a prime, so that no chunk, ring or page is a multiple of it.
const PERIOD: usize = 251;
/// Pattern bytes between the starts of two packets.
const STRIDE: usize = 1009;

impl Pattern {
    /// More packets than any pattern has.
    pub const PACKETS_MAX: usize = 23;

    /// What goes `way` in the connection of the connector at `from`.
    #[must_use]
    pub fn new(from: Addr, way: Way) -> Self {
        let seed = (from.port as usize)
            .wrapping_mul(31)
            .wrapping_add(usize::from(from.domain.0) * 7);
        Self {
            seed: (seed << 1) + usize::from(way == Way::Back),
        }
    }

    /// `n` bytes from `at` on.
    #[must_use]
    pub fn bytes(self, at: usize, n: usize) -> Vec<u8> {
        // Below the period, so it is a byte.
        (at..at + n)
            .map(|i| (self.seed.wrapping_add(i) % PERIOD) as u8)
            .collect()
    }

    /// Bytes that a stream carries in all: several rings of a page, or nothing at all.
    #[must_use]
    pub const fn stream_len(self) -> usize {
        match self.seed % 5 {
            0 => self.seed % 7,
            1 => self.seed % 700,
            _ => self.seed % 23_000,
        }
    }

    /// Packets or datagrams that are sent in all.
    #[must_use]
    pub const fn packets(self) -> usize {
        self.seed % Self::PACKETS_MAX
    }

    /// Packet number `i`, of at most `most` bytes; some are empty, some as long as can be.
    #[must_use]
    pub fn packet(self, i: usize, most: usize) -> Vec<u8> {
        let draw = self.seed.wrapping_mul(31).wrapping_add(i.wrapping_mul(17));
        let n = match draw % 8 {
            0 => 0,
            1 => most,
            2..=5 => draw % 97,
            _ => draw % (most + 1),
        };
        self.bytes(i * STRIDE, n.min(most))
    }
}
