//! Xenstore's messages: a header of four little-endian words, and strings.
//!
//! Public interface of Xen: `xen/include/public/io/xs_wire.h`, `docs/misc/xenstore.txt`.

use std::io;

/// The header, in bytes: type, request, transaction, length.
pub(super) const HEADER: usize = 16;
/// The longest payload of a message, in bytes.
pub(super) const PAYLOAD_MAX: usize = 4096;

/// XS_DIRECTORY: the names of a node's children.
pub(super) const DIRECTORY: u32 = 1;
/// XS_READ: a node's value.
pub(super) const READ: u32 = 2;
/// XS_WATCH_EVENT: comes unasked.
pub(super) const WATCH_EVENT: u32 = 15;
/// XS_ERROR: the answer where a request failed; its payload is an errno's name.
pub(super) const ERROR: u32 = 16;

/// A message's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: u32,
    pub(super) request: u32,
    pub(super) len: usize,
}

/// A request about `path`, outside of any transaction.
pub(super) fn request(kind: u32, id: u32, path: &str) -> Vec<u8> {
    let len = u32::try_from(path.len() + 1).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(HEADER + path.len() + 1);
    for word in [kind, id, 0, len] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(path.as_bytes());
    bytes.push(0);
    bytes
}

/// Understands a header.
///
/// # Errors
/// `InvalidData` where it announces more than a message can hold.
pub(super) fn header(bytes: &[u8; HEADER]) -> io::Result<Header> {
    let word = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
    let len = word(12) as usize;
    if len > PAYLOAD_MAX {
        return Err(invalid("xenstore announced a message longer than it can be"));
    }
    Ok(Header {
        kind: word(0),
        request: word(4),
        len,
    })
}

/// The error that XS_ERROR's payload names.
pub(super) fn error(payload: &[u8]) -> io::Error {
    let name = payload.split(|b| *b == 0).next().unwrap_or_default();
    let kind = match name {
        b"ENOENT" => io::ErrorKind::NotFound,
        b"EACCES" | b"EPERM" => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, format!("xenstore says {}", String::from_utf8_lossy(name)))
}

/// The strings of a directory's answer.
pub(super) fn strings(payload: &[u8]) -> Vec<String> {
    payload
        .split(|b| *b == 0)
        .filter(|name| !name.is_empty())
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect()
}

pub(super) fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_documented_bytes() {
        let bytes = request(READ, 5, "/a");
        assert_eq!(bytes, b"\x02\0\0\0\x05\0\0\0\0\0\0\0\x03\0\0\0/a\0");
    }

    #[test]
    fn an_announcement_beyond_the_maximum_is_refused() {
        let mut bytes = [0; HEADER];
        bytes[12..].copy_from_slice(&4097_u32.to_le_bytes());
        assert!(header(&bytes).is_err());
        bytes[12..].copy_from_slice(&4096_u32.to_le_bytes());
        assert_eq!(header(&bytes).expect("a header").len, 4096);
    }

    #[test]
    fn errors_have_names() {
        assert_eq!(error(b"ENOENT\0").kind(), io::ErrorKind::NotFound);
        assert_eq!(error(b"EACCES\0").kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(strings(b"7\x008\x00"), ["7", "8"]);
    }
}
