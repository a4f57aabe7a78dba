//! Errors: the errno that a socket user expects, with a sentence where there is more to say.

use std::fmt;
use std::io;

/// An errno and what led to it.
struct Explained {
    errno: i32,
    reason: String,
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({})",
            self.reason,
            io::Error::from_raw_os_error(self.errno)
        )
    }
}

/// The sentence, quoted: what a program shows whose `main` returns the error.
impl fmt::Debug for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), f)
    }
}

impl std::error::Error for Explained {}

/// An error of `errno`'s kind that says `reason`.
pub(crate) fn with_reason(errno: i32, reason: &str) -> io::Error {
    let kind = io::Error::from_raw_os_error(errno).kind();
    io::Error::new(
        kind,
        Explained {
            errno,
            reason: reason.to_owned(),
        },
    )
}

/// The same error with another number.
pub(crate) fn renumbered(error: &io::Error, number: i32) -> io::Error {
    let explained = error.get_ref().and_then(|e| e.downcast_ref::<Explained>());
    match explained {
        Some(explained) => with_reason(number, &explained.reason),
        None => with_reason(number, &error.to_string()),
    }
}

/// An error for a number that no socket's port can be: those from 2^31 on are for the rings of connections.
pub(crate) fn check_port(port: u32) -> io::Result<()> {
    if port & v4v_sock::limits::RING_PORT_BIT == 0 {
        return Ok(());
    }
    let most = v4v_sock::limits::RING_PORT_BIT - 1;
    Err(with_reason(
        libc::EINVAL,
        &format!("{port} is no socket's port: those are 1 to {most}"),
    ))
}

/// The errno behind an error of this library, explained or not.
///
/// [`io::Error::raw_os_error`] knows only plain ones.
#[must_use]
pub fn errno(error: &io::Error) -> Option<i32> {
    error
        .raw_os_error()
        .or_else(|| of_cause(error.get_ref()?))
        .or_else(|| of_kind(error.kind()))
}

/// The errno of an explained error, or of the error that another one tells about.
fn of_cause(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Option<i32> {
    match error.downcast_ref::<Explained>() {
        Some(explained) => Some(explained.errno),
        None => errno(error.source()?.downcast_ref()?),
    }
}

/// The errno that the kernel would give where this library says only what kind of error it is.
fn of_kind(kind: io::ErrorKind) -> Option<i32> {
    match kind {
        io::ErrorKind::WouldBlock => Some(libc::EAGAIN),
        io::ErrorKind::NotConnected => Some(libc::ENOTCONN),
        io::ErrorKind::InvalidInput => Some(libc::EINVAL),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_keeps_kind_and_errno() {
        let error = with_reason(libc::ECONNREFUSED, "nobody listens");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(errno(&error), Some(libc::ECONNREFUSED));
        assert!(error.to_string().starts_with("nobody listens ("));
        assert_eq!(
            errno(&io::Error::from_raw_os_error(libc::EAGAIN)),
            Some(libc::EAGAIN)
        );
        assert_eq!(errno(&io::Error::other("else")), None);
    }

    #[test]
    fn a_name_that_was_not_found_keeps_the_errno() {
        let source = with_reason(libc::ENOENT, "no domain is called \"gpu\"");
        let name = "gpu".to_owned();
        let error = io::Error::from(crate::ParseAddrError::Unknown { name, source });
        assert_eq!(errno(&error), Some(libc::ENOENT));
    }

    #[test]
    fn a_main_that_fails_shows_the_sentence() {
        let shown = format!("{:?}", with_reason(libc::ECONNREFUSED, "nobody listens"));
        assert_eq!(
            shown,
            "Custom { kind: ConnectionRefused, error: \"nobody listens (Connection refused (os error 111))\" }"
        );
    }

    #[test]
    fn a_bare_kind_has_an_errno() {
        assert_eq!(errno(&io::ErrorKind::WouldBlock.into()), Some(libc::EAGAIN));
        assert_eq!(errno(&io::ErrorKind::NotConnected.into()), Some(libc::ENOTCONN));
        let mistake = io::Error::new(io::ErrorKind::InvalidInput, "a time-out of zero");
        assert_eq!(errno(&mistake), Some(libc::EINVAL));
    }
}
