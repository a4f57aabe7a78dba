//! Sequences of socket calls, as text between the test that generates them and the program that makes them.

use std::fmt;
use std::str::FromStr;

/// Descriptors that a sequence has: each call is about one or two of them, by number.
pub const SLOTS: u8 = 6;

/// What a call is. Its numbers are `a` and `b`, slots, and `c`, whatever the call takes.
macro_rules! kinds {
    ($($name:ident $text:literal),* $(,)?) => {
        /// What a call is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind {
            $(#[doc = $text] $name),*
        }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text),*
                }
            }
        }
    };
}

kinds! {
    Socket4 "socket4", Socket6 "socket6", Bind "bind", Listen "listen", Connect "connect", Accept "accept",
    Send "send", Recv "recv", SendMsg "sendmsg", RecvMsg "recvmsg", SendTo "sendto", RecvFrom "recvfrom",
    Shutdown "shutdown", Close "close", Dup "dup", Dup2 "dup2", Poll "poll",
    GetFlags "getfl", SetFlags "setfl", Fionbio "fionbio", Fionread "fionread", GetFd "getfd", SetFd "setfd",
    Local "getsockname", Peer "getpeername", SetOption "setsockopt", GetOption "getsockopt",
    EpollAdd "epoll_add", EpollWait "epoll_wait",
}

/// A call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// What it is.
    pub kind: Kind,
    /// The descriptor that it is about.
    pub a: u8,
    /// Another one: where to connect to, what to copy to.
    pub b: u8,
    /// A number: bytes, flags, which option.
    pub c: u16,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.kind.text(), self.a, self.b, self.c)
    }
}

/// As text: a sequence that fails is shown, and can be given to the program again.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Call {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no call");
        let words: Vec<&str> = text.split_whitespace().collect();
        let [kind, a, b, c] = words[..] else {
            return Err(wrong());
        };
        let kind = Kind::ALL.iter().find(|k| k.text() == kind).ok_or_else(wrong)?;
        let slot = |word: &str| word.parse().ok().filter(|n| *n < SLOTS).ok_or_else(wrong);
        Ok(Self {
            kind: *kind,
            a: slot(a)?,
            b: slot(b)?,
            c: c.parse().map_err(|_| wrong())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_survives_as_text() {
        for kind in Kind::ALL {
            let call = Call {
                kind: *kind,
                a: 1,
                b: 5,
                c: 60_000,
            };
            assert_eq!(call.to_string().parse(), Ok(call));
        }
        assert!("socket4 6 0 0".parse::<Call>().is_err() && "socket9 0 0 0".parse::<Call>().is_err());
    }
}
