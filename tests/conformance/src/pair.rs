//! A test pair: two functions that meet over one backend.

use crate::side::Side;
use std::fmt;
use std::str::FromStr;

/// The two sides of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Listens.
    Server,
    /// Connects.
    Client,
}

impl Role {
    /// Both, in the order in which they are started.
    pub const BOTH: [Self; 2] = [Self::Server, Self::Client];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::BOTH.into_iter().find(|role| role.name() == text);
        found.ok_or_else(|| format!("\"{text}\" is no side: write server or client"))
    }
}

/// On which references a pair's expectation holds; V4V has to meet all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// On TCP (UDP) and on AF_UNIX.
    Both,
    /// On TCP (UDP) alone.
    Tcp,
    /// On AF_UNIX alone.
    Unix,
    /// On neither: it is a promise of V4V's own.
    V4vOnly,
}

impl On {
    /// Whether the expectation holds on `backend`.
    #[must_use]
    pub fn holds_on(self, backend: &str) -> bool {
        match backend {
            "tcp" => matches!(self, Self::Both | Self::Tcp),
            "unix" => matches!(self, Self::Both | Self::Unix),
            _ => true,
        }
    }
}

/// A named pair.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// What `run` and `side` call it.
    pub name: &'static str,
    /// What it expects, in one sentence.
    pub about: &'static str,
    /// Where that holds besides V4V.
    pub on: On,
    /// The side that kills its own process.
    pub dies: Option<Role>,
    /// Whether it needs descriptors that take the kernel's socket calls; the hosted library's are for waiting only.
    pub descriptors: bool,
    /// Whether the server must be allowed, and the client forbidden, to bind privileged ports.
    pub privileged: bool,
    server: fn(&mut Side),
    client: fn(&mut Side),
}

impl Pair {
    /// A pair whose sides both live to its end.
    #[must_use]
    pub const fn new(
        name: &'static str,
        about: &'static str,
        on: On,
        server: fn(&mut Side),
        client: fn(&mut Side),
    ) -> Self {
        Self {
            name,
            about,
            on,
            dies: None,
            descriptors: false,
            privileged: false,
            server,
            client,
        }
    }

    /// The same with one side that kills its own process.
    #[must_use]
    pub const fn dies(self, role: Role) -> Self {
        Self {
            dies: Some(role),
            ..self
        }
    }

    /// The same for backends whose descriptors take the kernel's socket calls.
    #[must_use]
    pub const fn descriptors(self) -> Self {
        Self {
            descriptors: true,
            ..self
        }
    }

    /// The same in a setting where only the server may bind privileged ports.
    #[must_use]
    pub const fn privileged(self) -> Self {
        Self {
            privileged: true,
            ..self
        }
    }

    /// One side's function.
    #[must_use]
    pub const fn play(&self, role: Role) -> fn(&mut Side) {
        match role {
            Role::Server => self.server,
            Role::Client => self.client,
        }
    }
}
