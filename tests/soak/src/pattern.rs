//! Messages that check themselves: each byte follows from the connection, the message's number and its place.

/// Bytes of a message's head: connection, number, length (u32 each).
pub const HEAD: usize = 12;
/// Greatest message in bytes.
pub const LONGEST: usize = 4096;

/// A small generator of numbers that only have to be scattered (xorshift64*).
#[derive(Clone, Debug)]
pub struct Scatter(u64);

impl Scatter {
    /// From a seed; the same seed gives the same numbers.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// The next number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % end
    }
}

/// The length of a message: mostly short, some long.
#[must_use]
pub fn length(connection: u32, number: u32) -> usize {
    let mut scatter = Scatter::new(u64::from(connection) << 32 | u64::from(number));
    let most = if scatter.below(16) == 0 { LONGEST } else { 128 };
    HEAD + usize::try_from(scatter.below((most - HEAD) as u64)).unwrap_or(0)
}

fn byte(connection: u32, number: u32, at: usize) -> u8 {
    let [a, b, ..] = (connection ^ number.rotate_left(7))
        .wrapping_mul(0x9E37_79B1)
        .to_le_bytes();
    a.wrapping_add(b).wrapping_add(at.to_le_bytes()[0])
}

/// Writes message `number` of `connection` into `buffer`; returns its length.
pub fn fill(connection: u32, number: u32, buffer: &mut [u8; LONGEST]) -> usize {
    let len = length(connection, number);
    for (field, value) in
        buffer
            .chunks_exact_mut(4)
            .zip([connection, number, u32::try_from(len).unwrap_or(0)])
    {
        field.copy_from_slice(&value.to_le_bytes());
    }
    for (at, b) in buffer[..len].iter_mut().enumerate().skip(HEAD) {
        *b = byte(connection, number, at);
    }
    len
}

/// Whether `message` is message `number` of `connection`, to the last byte.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn check(connection: u32, number: u32, message: &[u8]) -> Result<(), String> {
    let mut expected = [0; LONGEST];
    let len = fill(connection, number, &mut expected);
    if message == &expected[..len] {
        return Ok(());
    }
    let at = message.iter().zip(&expected[..len]).position(|(a, b)| a != b);
    Err(format!(
        "message {number} of connection {connection}: {} bytes of {len}, first difference at {at:?}",
        message.len()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_checks_itself_and_no_other() {
        let mut buffer = [0; LONGEST];
        let len = fill(3, 9, &mut buffer);
        assert_eq!(check(3, 9, &buffer[..len]), Ok(()));
        assert!(check(3, 10, &buffer[..len]).is_err());
        buffer[len - 1] ^= 1;
        assert!(check(3, 9, &buffer[..len]).is_err());
    }
}
