//! What carries a program's connections: plain TCP, or V4V by the wrapper.

use crate::{Rig, built};
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

/// The domain, and the address, of servers. No machine has it (RFC 5737: a network for documentation): what reaches the server under
/// it, V4V has carried.
pub const SERVER: (&str, &str) = ("server", "198.51.100.2");
/// The domain and the address of clients.
pub const CLIENT: (&str, &str) = ("client", "198.51.100.1");

/// One of the two.
pub enum Wire<'a> {
    /// TCP over the loopback interface, without the wrapper.
    Tcp,
    /// V4V alone: `mode` is `only`.
    V4v(&'a Rig),
}

impl Wire<'_> {
    /// The address under which the server is reached.
    #[must_use]
    pub fn host(&self) -> &'static str {
        match self {
            Self::Tcp => "127.0.0.1",
            Self::V4v(_) => SERVER.1,
        }
    }

    /// The address that the server sees of its client.
    #[must_use]
    pub fn client_host(&self) -> &'static str {
        match self {
            Self::Tcp => "127.0.0.1",
            Self::V4v(_) => CLIENT.1,
        }
    }

    /// A server's program, on all addresses.
    #[must_use]
    pub fn server(&self, program: impl AsRef<OsStr>) -> Command {
        self.program(SERVER.0, program.as_ref())
    }

    /// A client's program.
    #[must_use]
    pub fn client(&self, program: impl AsRef<OsStr>) -> Command {
        self.program(CLIENT.0, program.as_ref())
    }

    fn program(&self, domain: &str, program: &OsStr) -> Command {
        let Self::V4v(rig) = self else {
            return Command::new(program);
        };
        let mut command = Command::new(built("v4v"));
        command.args(["run", "--"]).arg(program);
        for (name, value) in self.environment(rig, domain) {
            command.env(name, value);
        }
        command
    }

    /// What the wrapper is told.
    fn environment(&self, rig: &Rig, domain: &str) -> [(&'static str, PathBuf); 7] {
        let peers = format!("{}={},{}={}", SERVER.1, SERVER.0, CLIENT.1, CLIENT.0);
        [
            ("V4V_SOCKET", rig.socket()),
            ("V4V_BACKEND", "hosted".into()),
            ("V4V_DOMAIN", domain.into()),
            ("V4V_PEERS", peers.into()),
            ("V4V_WRAPPER_MODE", "only".into()),
            ("V4V_WRAPPER_POLICY", "".into()),
            (
                "V4V_LOG",
                format!("info:{}", rig.folder().join("wrapper.log").display()).into(),
            ),
        ]
    }
}
