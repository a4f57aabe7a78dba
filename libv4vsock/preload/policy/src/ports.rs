//! Sets of TCP ports.

use serde::{Deserialize, Deserializer, de};
use std::fmt;
use std::str::FromStr;

/// TCP ports: all, none, or those in a list of numbers and ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ports(Vec<(u16, u16)>);

impl Ports {
    /// Every port.
    #[must_use]
    pub fn all() -> Self {
        Self(vec![(0, u16::MAX)])
    }

    /// No port.
    #[must_use]
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// Whether the port is one of them.
    #[must_use]
    pub fn contain(&self, port: u16) -> bool {
        self.0
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&port))
    }
}

/// `all`, `none`, or numbers and ranges as in `80,5000-5010`.
impl FromStr for Ports {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "all" => Ok(Self::all()),
            "none" => Ok(Self::none()),
            list => list.split(',').map(range).collect::<Result<_, _>>().map(Self),
        }
    }
}

fn range(text: &str) -> Result<(u16, u16), String> {
    let text = text.trim();
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let port = |part: &str| {
        part.trim().parse().map_err(|_| {
            format!(
                "{text:?} is no port: write \"all\", \"none\", or numbers and ranges as in \"80,5000-5010\""
            )
        })
    };
    let (first, last) = (port(first)?, port(last)?);
    if first > last {
        return Err(format!("the ports {first}-{last} run backwards"));
    }
    Ok((first, last))
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::all() {
            return f.write_str("all");
        }
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (at, (first, last)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}-{last}")?;
            }
        }
        Ok(())
    }
}

/// What a file may write: a text, a number, or a list of both.
#[derive(Deserialize)]
#[serde(untagged)]
enum Raw {
    Port(u16),
    Text(String),
    List(Vec<Item>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Port(u16),
    Range(String),
}

impl<'de> Deserialize<'de> for Ports {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Raw::deserialize(deserializer).map_err(|_| {
            de::Error::custom("no ports: write \"all\", \"none\", \"80,5000-5010\" or [80, \"5000-5010\"]")
        })?;
        match raw {
            Raw::Port(port) => Ok(Self(vec![(port, port)])),
            Raw::Text(text) => text.parse(),
            Raw::List(items) => items.into_iter().map(item).collect::<Result<_, _>>().map(Self),
        }
        .map_err(de::Error::custom)
    }
}

fn item(item: Item) -> Result<(u16, u16), String> {
    match item {
        Item::Port(port) => Ok((port, port)),
        Item::Range(text) => range(&text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges_are_ports() {
        let set: Ports = "80, 5000-5010".parse().expect("ports");
        for (port, there) in [
            (79, false),
            (80, true),
            (4999, false),
            (5000, true),
            (5010, true),
            (5011, false),
        ] {
            assert_eq!(set.contain(port), there, "{port}");
        }
        assert_eq!(set.to_string(), "80,5000-5010");
    }

    #[test]
    fn all_and_none_are_words() {
        let (all, none): (Ports, Ports) = ("all".parse().expect("a word"), "none".parse().expect("a word"));
        assert!(all.contain(0) && all.contain(u16::MAX) && !none.contain(80));
        assert_eq!(
            (all.to_string().as_str(), none.to_string().as_str()),
            ("all", "none")
        );
    }

    #[test]
    fn other_text_is_refused() {
        for bad in ["", "http", "1,", "5-", "-1", "65536", "9-8", "ALL"] {
            assert!(bad.parse::<Ports>().is_err(), "{bad}");
        }
    }
}
