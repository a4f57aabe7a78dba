//! Error numbers, as Xen's `public/errno.h` and Linux give them (the two agree on all that occur here).

use core::fmt;

/// Why an operation failed. Guests see its negative.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(u16);

/// Declares the constants together with the table that prints them.
macro_rules! errnos {
    ($($name:ident = $code:literal, $doc:literal;)*) => {
        impl Errno {
            $(#[doc = $doc] pub const $name: Self = Self($code);)*

            /// The number's name, where it is one of those declared here.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($code => Some(concat!("E", stringify!($name))),)*
                    _ => None,
                }
            }
        }
    };
}

errnos! {
    PERM = 1, "Not permitted: a false source, or a wildcard ring where those are off.";
    NOENT = 2, "No such ring.";
    SRCH = 3, "No such domain.";
    AGAIN = 11, "The ring is full; the sender is told when space comes free.";
    NOMEM = 12, "Out of memory.";
    ACCES = 13, "Denied by policy.";
    FAULT = 14, "A bad handle: memory that the caller may not use.";
    BUSY = 16, "The ring's list of pending senders is full, or the ring is delegated.";
    EXIST = 17, "The ring (or the domain's state) exists.";
    NODEV = 19, "The caller has no Argo state.";
    INVAL = 22, "An argument is malformed.";
    NOSPC = 28, "The domain has as many rings as it may have.";
    NOSYS = 38, "Not built in.";
    RESTART = 85, "Call again with the same arguments: the rest follows. The host's glue does that; no guest sees it.";
    MSGSIZE = 90, "The message can never fit.";
    OPNOTSUPP = 95, "Switched off, or an unknown operation.";
    CONNREFUSED = 111, "Nobody listens there.";
}

impl Errno {
    /// An error of the host that has no constant here.
    #[must_use]
    pub const fn from_code(code: u16) -> Self {
        Self(code)
    }

    /// The positive number.
    #[must_use]
    pub const fn code(self) -> u16 {
        self.0
    }

    /// What a hypercall returns for it: negative, sign-extended to 64 bits (upstream's sendv zero-extends).
    #[must_use]
    pub const fn to_return(self) -> i64 {
        -(self.0 as i64)
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "errno {}", self.0),
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl core::error::Error for Errno {}
