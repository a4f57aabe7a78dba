//! What a policy decides.

use crate::address::canonical;
use crate::peer::{Domain, Peer};
use crate::ports::Ports;
use serde::Deserialize;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// What a connect to a peer of the table does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// V4V, and TCP where V4V refuses.
    #[default]
    Fallback,
    /// V4V, and its error where V4V refuses.
    Only,
    /// TCP.
    Off,
}

/// What a program does whose policy has a mistake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// It runs without V4V, and a message says why.
    #[default]
    Continue,
    /// It does not start.
    Refuse,
}

/// Which connections and listeners go over V4V. The default sends everything over TCP and listens on all ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(crate) mode: Mode,
    pub(crate) listen: Ports,
    /// By address, each once.
    peers: Vec<Peer>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            listen: Ports::all(),
            peers: Vec::new(),
        }
    }
}

/// What a connect does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// Plain TCP, as without the wrapper.
    Tcp(Stay),
    /// V4V, at the port of the same number.
    V4v {
        /// Whose socket is called.
        domain: &'a Domain,
        /// Whether TCP is tried where V4V refuses.
        fallback: bool,
    },
}

/// Why a connection stays TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// The address is no peer's.
    NoPeer,
    /// The peer's `ports` leave this one out.
    Port,
    /// The mode is `off`.
    Off,
}

impl fmt::Display for Stay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPeer => "no peer has this address",
            Self::Port => "the peer's ports leave this one out",
            Self::Off => "the mode is \"off\"",
        })
    }
}

/// Why a listener serves TCP alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotListened {
    /// `listen` leaves the port out.
    Port,
    /// It is bound to an address that only this machine reaches, and that the table gives to no domain.
    Loopback,
    /// The mode is `off`.
    Off,
}

impl fmt::Display for NotListened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Port => "the policy's `listen` leaves this port out",
            Self::Loopback => "it is bound to an address that other machines do not reach",
            Self::Off => "the mode is \"off\"",
        })
    }
}

impl Policy {
    /// What a connect to `to` does.
    #[must_use]
    pub fn route(&self, to: SocketAddr) -> Route<'_> {
        let Some(peer) = self.peer(to.ip()) else {
            return Route::Tcp(Stay::NoPeer);
        };
        let mode = peer.mode.unwrap_or(self.mode);
        if mode == Mode::Off {
            Route::Tcp(Stay::Off)
        } else if peer.ports.contain(to.port()) {
            let fallback = mode == Mode::Fallback;
            Route::V4v {
                domain: &peer.domain,
                fallback,
            }
        } else {
            Route::Tcp(Stay::Port)
        }
    }

    /// Whether a listener that is bound to `at` serves V4V too.
    ///
    /// # Errors
    /// [`NotListened`]. What is bound to the loopback interface is not for other domains to reach, unless the table says so.
    pub fn listens(&self, at: SocketAddr) -> Result<(), NotListened> {
        let address = canonical(at.ip());
        if self.mode == Mode::Off {
            Err(NotListened::Off)
        } else if !self.listen.contain(at.port()) {
            Err(NotListened::Port)
        } else if address.is_loopback() && self.peer(address).is_none() {
            Err(NotListened::Loopback)
        } else {
            Ok(())
        }
    }

    /// The address that a program sees for a domain, of the wanted family where the table has one of it.
    pub fn address_of(&self, matches: impl Fn(&Domain) -> bool, wants_v6: bool) -> Option<IpAddr> {
        let mut found = self
            .peers
            .iter()
            .filter(|p| matches(&p.domain))
            .map(|p| p.address);
        let first = found.clone().next();
        found.find(|a| a.is_ipv6() == wants_v6).or(first)
    }

    /// Whether the table names domains by name, so that numbers alone do not tell whose an address is.
    #[must_use]
    pub fn has_names(&self) -> bool {
        self.peers.iter().any(|p| matches!(p.domain, Domain::Name(_)))
    }

    /// The table, by address.
    #[must_use]
    pub fn peers(&self) -> &[Peer] {
        &self.peers
    }

    /// Adds a peer; in place of the one that had its address.
    pub(crate) fn set_peer(&mut self, peer: Peer) {
        match self.peers.binary_search_by(|p| p.address.cmp(&peer.address)) {
            Ok(at) => self.peers[at] = peer,
            Err(at) => self.peers.insert(at, peer),
        }
    }

    pub(crate) fn peer(&self, address: IpAddr) -> Option<&Peer> {
        let address = canonical(address);
        let at = self.peers.binary_search_by(|p| p.address.cmp(&address)).ok()?;
        self.peers.get(at)
    }
}

/// The policy as a file would say it.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "mode = \"{}\"\nlisten = \"{}\"\n\n[peers]",
            self.mode, self.listen
        )?;
        for peer in &self.peers {
            write!(f, "\"{}\" = {{ domain = ", peer.address)?;
            match &peer.domain {
                Domain::Id(id) => write!(f, "{id}")?,
                Domain::Name(name) => write!(f, "\"{name}\"")?,
            }
            if let Some(mode) = peer.mode {
                write!(f, ", mode = \"{mode}\"")?;
            }
            writeln!(f, ", ports = \"{}\" }}", peer.ports)?;
        }
        Ok(())
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fallback => "fallback",
            Self::Only => "only",
            Self::Off => "off",
        })
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "fallback" => Ok(Self::Fallback),
            "only" => Ok(Self::Only),
            "off" => Ok(Self::Off),
            _ => Err(format!("{text:?} is no mode: write fallback, only or off")),
        }
    }
}

impl FromStr for OnError {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "continue" => Ok(Self::Continue),
            "refuse" => Ok(Self::Refuse),
            _ => Err(format!("{text:?} is neither continue nor refuse")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(peers: &[&str]) -> Policy {
        let mut policy = Policy::default();
        for peer in peers {
            policy.set_peer(peer.parse().expect("a peer"));
        }
        policy
    }

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_peer_is_reached_by_v4v_and_nobody_else() {
        let policy = policy(&["10.0.0.2=gpu"]);
        let gpu = Domain::Name("gpu".into());
        let v4v = Route::V4v {
            domain: &gpu,
            fallback: true,
        };
        assert_eq!(policy.route(at("10.0.0.2:80")), v4v);
        assert_eq!(policy.route(at("[::ffff:10.0.0.2]:80")), v4v);
        assert_eq!(policy.route(at("10.0.0.3:80")), Route::Tcp(Stay::NoPeer));
    }

    #[test]
    fn a_peers_own_mode_and_ports_go_first() {
        let mut policy = policy(&["10.0.0.2=2", "10.0.0.3=3"]);
        let mut peer: Peer = "10.0.0.4=4".parse().expect("a peer");
        peer.mode = Some(Mode::Only);
        peer.ports = "5432".parse().expect("ports");
        policy.set_peer(peer);
        policy.mode = Mode::Off;
        assert_eq!(policy.route(at("10.0.0.2:80")), Route::Tcp(Stay::Off));
        assert_eq!(policy.route(at("10.0.0.4:80")), Route::Tcp(Stay::Port));
        let (domain, fallback) = (&Domain::Id(4), false);
        assert_eq!(policy.route(at("10.0.0.4:5432")), Route::V4v { domain, fallback });
    }

    #[test]
    fn what_listens_for_this_machine_alone_is_not_shown_to_others() {
        let mut policy = policy(&["127.0.0.2=me"]);
        assert_eq!(policy.listens(at("0.0.0.0:80")), Ok(()));
        assert_eq!(policy.listens(at("10.0.0.9:80")), Ok(()));
        assert_eq!(policy.listens(at("127.0.0.1:80")), Err(NotListened::Loopback));
        assert_eq!(policy.listens(at("[::1]:80")), Err(NotListened::Loopback));
        assert_eq!(policy.listens(at("127.0.0.2:80")), Ok(()));
        policy.listen = "81".parse().expect("ports");
        assert_eq!(policy.listens(at("0.0.0.0:80")), Err(NotListened::Port));
        policy.mode = Mode::Off;
        assert_eq!(policy.listens(at("0.0.0.0:81")), Err(NotListened::Off));
    }

    #[test]
    fn a_domain_has_the_address_of_the_wanted_family() {
        let policy = policy(&["10.0.0.2=2", "fd00::2=2", "10.0.0.3=3"]);
        let of = |id, v6| {
            policy
                .address_of(|d| *d == Domain::Id(id), v6)
                .map(|a| a.to_string())
        };
        assert_eq!(of(2, false).as_deref(), Some("10.0.0.2"));
        assert_eq!(of(2, true).as_deref(), Some("fd00::2"));
        assert_eq!(of(3, true).as_deref(), Some("10.0.0.3"));
        assert_eq!(of(4, false), None);
    }

    #[test]
    fn an_address_has_one_domain_and_the_last_word_counts() {
        let policy = policy(&["10.0.0.2=2", "10.0.0.2=3"]);
        assert_eq!(policy.peers().len(), 1);
        assert_eq!(policy.peers()[0].domain, Domain::Id(3));
    }
}
