//! Where to listen and where to pass on to, as the command line has it.

use std::fmt;
use std::io;
use std::str::FromStr;

/// An address of either kind, as text: names are looked up anew for each connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// `HOST:PORT`.
    Tcp(String),
    /// `DOMAIN:PORT`.
    V4v(String),
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// `HOST:PORT`.
    Tcp(String),
    /// A port of this domain.
    V4v(u32),
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("tcp", rest)) => tcp(rest).map(Self::Tcp),
            Some(("v4v", rest)) => v4v(rest).map(Self::V4v),
            _ => Err("write tcp:HOST:PORT or v4v:DOMAIN:PORT".to_owned()),
        }
    }
}

impl FromStr for Door {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("tcp", rest)) => tcp(rest).map(Self::Tcp),
            Some(("v4v", port)) => match port.parse() {
                Ok(port) if port < 1 << 31 => Ok(Self::V4v(port)),
                _ => Err(format!(
                    "{port:?} is no port of this domain: a port is a number from 0 to 2147483647"
                )),
            },
            _ => Err("write tcp:HOST:PORT or v4v:PORT".to_owned()),
        }
    }
}

fn tcp(rest: &str) -> Result<String, String> {
    match rest.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(rest.to_owned()),
        _ => Err(format!(
            "{rest:?} is no address: write HOST:PORT, as in 127.0.0.1:8080 or [::1]:8080"
        )),
    }
}

fn v4v(rest: &str) -> Result<String, String> {
    let known = |port: &str| port.parse::<u32>().is_ok_and(|port| (1..1 << 31).contains(&port));
    match rest.rsplit_once(':') {
        Some((domain, port)) if !domain.is_empty() && !domain.contains(':') && known(port) => {
            Ok(rest.to_owned())
        }
        _ => Err(format!(
            "{rest:?} is no address: write DOMAIN:PORT, as in gpu:5001 or 3:5001"
        )),
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp:{address}"),
            Self::V4v(address) => write!(f, "v4v:{address}"),
        }
    }
}

/// The command line is at fault where neither side is V4V.
pub(crate) fn check(door: &Door, to: &Endpoint) -> io::Result<()> {
    if matches!((door, to), (Door::Tcp(_), Endpoint::Tcp(_))) {
        let why = "neither side is V4V: one of --listen and --to is to begin with v4v:";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_are_read() {
        assert_eq!(
            "tcp:localhost:80".parse(),
            Ok(Endpoint::Tcp("localhost:80".into()))
        );
        assert_eq!("tcp:[::1]:80".parse(), Ok(Door::Tcp("[::1]:80".into())));
        assert_eq!("v4v:gpu:5001".parse(), Ok(Endpoint::V4v("gpu:5001".into())));
        assert_eq!("v4v:0".parse(), Ok(Door::V4v(0)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, part) in [
            ("gpu:5001", "tcp:HOST:PORT"),
            ("tcp:8080", "HOST:PORT"),
            ("tcp::80", "HOST:PORT"),
            ("tcp:host:65536", "HOST:PORT"),
            ("v4v:5001", "DOMAIN:PORT"),
            ("v4v:gpu:0", "DOMAIN:PORT"),
            ("v4v:a:b:1", "DOMAIN:PORT"),
            ("", "v4v:DOMAIN:PORT"),
        ] {
            let error = text.parse::<Endpoint>().expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
        for text in ["v4v:gpu:5001", "v4v:2147483648", "v4v:"] {
            assert!(
                text.parse::<Door>().expect_err(text).contains("no port"),
                "{text}"
            );
        }
    }

    #[test]
    fn one_side_is_v4v() {
        let tcp = |text: &str| Endpoint::Tcp(text.into());
        assert!(check(&Door::V4v(1), &tcp("a:1")).is_ok());
        assert!(check(&Door::Tcp("a:1".into()), &tcp("b:1")).is_err());
    }
}
