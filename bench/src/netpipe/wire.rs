//! Headers of the sweep protocol, little endian, and the content of its messages.
//!
//! A server may face a client that it does not trust (`v4v netpipe` listens for other domains), so every field is checked
//! once, here, and lengths are bounded by [`MAX_MESSAGE`].

use std::io::{self, Error, ErrorKind, Read, Write};

/// The longest message that a server accepts: the sweep's longest, with room. Bounds the memory of a session.
pub const MAX_MESSAGE: usize = 64 << 20;

/// Version of this protocol; both ends must speak the same.
pub const VERSION: u16 = 1;

/// Length of a request on the wire.
pub const REQUEST_BYTES: usize = 24;

/// Length of a reply on the wire.
pub const REPLY_BYTES: usize = 16;

const MAGIC: [u8; 4] = *b"V4NP";

/// First byte of a streamed message that more will follow.
pub const MORE: u8 = 0;

/// First byte of the last message of a stream.
pub const LAST: u8 = 1;

/// What the server is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Send every message back.
    Echo,
    /// Read messages until one begins with [`LAST`], then reply with their number.
    Drain,
    /// Reply to every message with the time at which it arrived, in nanoseconds of the monotonic clock.
    Stamp,
}

impl Op {
    const fn code(self) -> u16 {
        match self {
            Self::Echo => 1,
            Self::Drain => 2,
            Self::Stamp => 3,
        }
    }

    fn from_code(code: u16) -> io::Result<Self> {
        match code {
            1 => Ok(Self::Echo),
            2 => Ok(Self::Drain),
            3 => Ok(Self::Stamp),
            _ => Err(invalid(format!(
                "the peer asks for operation {code}, which this version does not know"
            ))),
        }
    }
}

/// Announces one batch of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// What to do.
    pub op: Op,
    /// Length of each message, 1 to [`MAX_MESSAGE`].
    pub bytes: usize,
    /// Number of messages; not used by [`Op::Drain`].
    pub rounds: u64,
}

impl Request {
    /// Sends the request in one write.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn write(&self, stream: &mut impl Write) -> io::Result<()> {
        let mut raw = [0; REQUEST_BYTES];
        raw[..4].copy_from_slice(&MAGIC);
        raw[4..6].copy_from_slice(&VERSION.to_le_bytes());
        raw[6..8].copy_from_slice(&self.op.code().to_le_bytes());
        raw[8..16].copy_from_slice(&(self.bytes as u64).to_le_bytes());
        raw[16..].copy_from_slice(&self.rounds.to_le_bytes());
        stream.write_all(&raw)
    }

    /// Receives a request; `None` where the peer has closed the stream instead.
    ///
    /// # Errors
    /// Those of the stream, and `InvalidData` for a header that is not ours or a length out of bounds.
    pub fn read(stream: &mut impl Read) -> io::Result<Option<Self>> {
        let mut raw = [0; REQUEST_BYTES];
        let mut filled = 0;
        while filled < raw.len() {
            match stream.read(&mut raw[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => filled += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Self::parse(&raw).map(Some)
    }

    fn parse(raw: &[u8; REQUEST_BYTES]) -> io::Result<Self> {
        check_greeting(raw)?;
        let op = Op::from_code(u16::from_le_bytes([raw[6], raw[7]]))?;
        let bytes = u64_at(raw, 8);
        if bytes == 0 || bytes > MAX_MESSAGE as u64 {
            return Err(invalid(format!(
                "the peer asks for messages of {bytes} B; 1 to {MAX_MESSAGE} are served"
            )));
        }
        Ok(Self {
            op,
            bytes: bytes as usize,
            rounds: u64_at(raw, 16),
        })
    }
}

/// Sends a reply that carries `value`: 0 for "ready", else the result of the batch.
///
/// # Errors
/// Those of the stream.
pub fn write_reply(stream: &mut impl Write, value: u64) -> io::Result<()> {
    let mut raw = [0; REPLY_BYTES];
    raw[..4].copy_from_slice(&MAGIC);
    raw[4..6].copy_from_slice(&VERSION.to_le_bytes());
    raw[8..].copy_from_slice(&value.to_le_bytes());
    stream.write_all(&raw)
}

/// Receives a reply and returns its value.
///
/// # Errors
/// Those of the stream, and `InvalidData` for a reply that is not ours.
pub fn read_reply(stream: &mut impl Read) -> io::Result<u64> {
    let mut raw = [0; REPLY_BYTES];
    stream.read_exact(&mut raw)?;
    check_greeting(&raw)?;
    Ok(u64_at(&raw, 8))
}

fn check_greeting(raw: &[u8]) -> io::Result<()> {
    if raw[..4] != MAGIC {
        return Err(invalid(
            "the peer does not speak the sweep protocol: is it another program?".to_owned(),
        ));
    }
    match u16::from_le_bytes([raw[4], raw[5]]) {
        VERSION => Ok(()),
        other => Err(invalid(format!(
            "the peer speaks sweep protocol {other}, this program {VERSION}"
        ))),
    }
}

fn u64_at(raw: &[u8], start: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&raw[start..start + 8]);
    u64::from_le_bytes(word)
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidData, message)
}

/// A zeroed buffer, or an error where there is no memory for it.
pub(super) fn buffer(bytes: usize) -> io::Result<Vec<u8>> {
    let mut buffer = Vec::new();
    buffer
        .try_reserve_exact(bytes)
        .map_err(|_| Error::from(ErrorKind::OutOfMemory))?;
    buffer.resize(bytes, 0);
    Ok(buffer)
}

/// Fills a message with bytes that differ from place to place, the first of them [`MORE`].
pub fn fill(message: &mut [u8]) {
    for (place, byte) in message.iter_mut().enumerate() {
        *byte = content(place);
    }
}

/// Whether a message is as [`fill`] made it.
#[must_use]
pub fn is_intact(message: &[u8]) -> bool {
    message
        .iter()
        .enumerate()
        .all(|(place, &byte)| byte == content(place))
}

/// A prime period, so that a message shifted by any power of two shows.
const fn content(place: usize) -> u8 {
    (place % 251) as u8
}

const _: () = assert!(content(0) == MORE);

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(raw: &[u8]) -> io::Result<Option<Request>> {
        Request::read(&mut &raw[..])
    }

    fn written(request: Request) -> Vec<u8> {
        let mut raw = Vec::new();
        request.write(&mut raw).expect("a Vec takes everything");
        raw
    }

    #[test]
    fn requests_round_trip() {
        for op in [Op::Echo, Op::Drain, Op::Stamp] {
            let request = Request {
                op,
                bytes: MAX_MESSAGE,
                rounds: u64::MAX,
            };
            assert_eq!(parsed(&written(request)).expect("our own"), Some(request));
        }
    }

    #[test]
    fn a_closed_stream_is_no_error_but_half_a_header_is() {
        assert_eq!(parsed(&[]).expect("closed"), None);
        let raw = written(Request {
            op: Op::Echo,
            bytes: 1,
            rounds: 1,
        });
        assert_eq!(
            parsed(&raw[..10]).expect_err("cut").kind(),
            ErrorKind::UnexpectedEof
        );
    }

    #[test]
    fn a_length_out_of_bounds_is_refused() {
        for bytes in [0_usize, MAX_MESSAGE + 1, usize::MAX] {
            let raw = written(Request {
                op: Op::Echo,
                bytes,
                rounds: 1,
            });
            assert_eq!(parsed(&raw).expect_err("refused").kind(), ErrorKind::InvalidData);
        }
    }

    #[test]
    fn strangers_and_other_versions_are_named() {
        let mut raw = written(Request {
            op: Op::Echo,
            bytes: 1,
            rounds: 1,
        });
        raw[6] = 9;
        assert!(
            parsed(&raw)
                .expect_err("refused")
                .to_string()
                .contains("operation 9")
        );
        raw[4] = 7;
        let message = parsed(&raw).expect_err("refused").to_string();
        assert!(
            message.contains("protocol 7") && message.contains("program 1"),
            "{message}"
        );
        raw[0] = b'G';
        assert!(
            parsed(&raw)
                .expect_err("refused")
                .to_string()
                .contains("another program")
        );
        assert!(read_reply(&mut &[0_u8; REPLY_BYTES][..]).is_err());
    }

    #[test]
    fn replies_round_trip() {
        let mut raw = Vec::new();
        write_reply(&mut raw, 42).expect("a Vec takes everything");
        assert_eq!(read_reply(&mut &raw[..]).expect("our own"), 42);
    }

    #[test]
    fn a_changed_or_shifted_message_is_noticed() {
        let mut message = vec![0; 1000];
        fill(&mut message);
        assert!(is_intact(&message));
        message.rotate_left(256);
        assert!(!is_intact(&message));
        message.rotate_right(256);
        message[999] ^= 1;
        assert!(!is_intact(&message));
    }
}
