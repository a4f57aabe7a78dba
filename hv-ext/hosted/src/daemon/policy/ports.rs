//! Sets of ports, as a policy file writes them: `"80,5000-5010"`.

use serde::Deserialize;

/// Ports that a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Ports(Vec<(u32, u32)>);

impl Ports {
    /// Every port.
    #[must_use]
    pub fn all() -> Self {
        Self(vec![(0, u32::MAX)])
    }

    /// Whether the port is one of them.
    #[must_use]
    pub fn contain(&self, port: u32) -> bool {
        self.0
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&port))
    }

    /// Whether these are all ports that users can bind, those below [`RING_PORT_BIT`](super::RING_PORT_BIT).
    #[must_use]
    pub fn are_all(&self) -> bool {
        self.0
            .iter()
            .any(|(first, last)| *first == 0 && *last >= super::RING_PORT_BIT - 1)
    }
}

impl TryFrom<String> for Ports {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.split(',')
            .map(|part| range(part.trim()))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn range(text: &str) -> Result<(u32, u32), String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let port = |text: &str| {
        text.trim().parse::<u32>().map_err(|_| {
            format!("{text:?} is no port: write numbers and ranges of them, as in \"80,5000-5010\"")
        })
    };
    let (first, last) = (port(first)?, port(last)?);
    if first > last {
        return Err(format!("the ports {first}-{last} run backwards"));
    }
    Ok((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(text: &str) -> Result<Ports, String> {
        Ports::try_from(text.to_owned())
    }

    #[test]
    fn numbers_and_ranges_are_ports() {
        let set = ports("80, 5000-5010").expect("ports");
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
        assert!(!set.are_all() && Ports::all().are_all() && ports("0-2147483647").expect("ports").are_all());
    }

    #[test]
    fn other_text_is_refused_with_a_reason() {
        for bad in ["", "http", "1,", "5-", "-1", "4294967296", "9-8"] {
            assert!(ports(bad).is_err(), "{bad}");
        }
        assert!(ports("http").expect_err("no port").contains("5000-5010"));
    }
}
