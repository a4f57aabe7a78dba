//! Errors as numbers: Linux's and Xen's, which agree (`xen/include/public/errno.h`).

use core::fmt;
use v4v_ring::mem::ShortBuffer;

/// An error number, positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

macro_rules! errnos {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $text:literal;)*) => {
        impl Errno {
            $($(#[$doc])* pub const $name: Self = Self($value);)*

            /// What it means, in words.
            #[must_use]
            pub const fn text(self) -> Option<&'static str> {
                match self.0 { $($value => Some($text),)* _ => None }
            }
        }
    };
}

errnos! {
    /// The caller is not allowed to.
    PERM = 1, "operation not permitted";
    /// There is no such ring.
    NOENT = 2, "no such ring";
    /// There is no such domain.
    SRCH = 3, "no such domain";
    /// The operation was interrupted; only a home returns it.
    INTR = 4, "interrupted";
    /// The other side's answer cannot be had.
    IO = 5, "input/output error";
    /// It would have to wait.
    AGAIN = 11, "would block";
    /// Memory ran out.
    NOMEM = 12, "out of memory";
    /// A policy forbids it, or the port is privileged.
    ACCES = 13, "permission denied";
    /// The caller's buffer cannot be reached.
    FAULT = 14, "bad address";
    /// The ring is filled by somebody else.
    BUSY = 16, "ring is busy";
    /// The hypervisor knows such a ring already.
    EXIST = 17, "ring exists";
    /// The domain has no such facility.
    NODEV = 19, "no such device";
    /// An argument makes no sense.
    INVAL = 22, "invalid argument";
    /// The domain's rings are used up.
    NOSPC = 28, "no ring left for this domain";
    /// This side was shut down, or the peer closed.
    PIPE = 32, "broken pipe";
    /// The peer breaks the protocol.
    PROTO = 71, "protocol error";
    /// The message is longer than the ring takes.
    MSGSIZE = 90, "message too long";
    /// The listener has another socket type.
    PROTOTYPE = 91, "peer's socket has another type";
    /// The peer speaks no version that this side speaks.
    PROTONOSUPPORT = 93, "peer speaks another protocol version";
    /// The operation does not exist here.
    OPNOTSUPP = 95, "operation not supported";
    /// The port is taken.
    ADDRINUSE = 98, "address in use";
    /// The port cannot be bound.
    ADDRNOTAVAIL = 99, "address not available";
    /// A connection was given up before it was established.
    CONNABORTED = 103, "connection aborted";
    /// The peer is gone without a farewell.
    CONNRESET = 104, "connection reset by peer";
    /// A bounded table is full.
    NOBUFS = 105, "no buffer space";
    /// The socket is connected already.
    ISCONN = 106, "already connected";
    /// The socket is not connected.
    NOTCONN = 107, "not connected";
    /// Time ran out; only a home returns it.
    TIMEDOUT = 110, "timed out";
    /// Nobody listens there.
    CONNREFUSED = 111, "connection refused";
    /// A non-blocking connect is on its way; only a home returns it.
    INPROGRESS = 115, "in progress";
}

impl Errno {
    /// Whether it says that a remote ring, or its domain, does not exist any more.
    #[must_use]
    pub const fn is_gone(self) -> bool {
        matches!(
            self,
            Self::CONNRESET | Self::CONNREFUSED | Self::NOTCONN | Self::PIPE | Self::SRCH | Self::NOENT
        )
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Some(text) => f.write_str(text),
            None => write!(f, "error {}", self.0),
        }
    }
}

impl core::error::Error for Errno {}

/// A home that announces more bytes than it then provides has a bug.
impl From<ShortBuffer> for Errno {
    fn from(_: ShortBuffer) -> Self {
        Self::INVAL
    }
}

impl From<core::convert::Infallible> for Errno {
    fn from(never: core::convert::Infallible) -> Self {
        match never {}
    }
}

impl From<alloc::collections::TryReserveError> for Errno {
    fn from(_: alloc::collections::TryReserveError) -> Self {
        Self::NOMEM
    }
}
