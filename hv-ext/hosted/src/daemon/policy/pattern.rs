//! Which domains a rule is about.

use serde::Deserialize;

use crate::wire::check_name;

/// A domain's name, the beginning of one (`web-*`), or every name (`*`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern {
    text: String,
    /// Names that begin with `text` match too.
    open: bool,
}

impl Pattern {
    /// Whether this name is meant.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        if self.open {
            name.starts_with(&self.text)
        } else {
            name == self.text
        }
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (text, open) = text
            .strip_suffix('*')
            .map_or((text.as_str(), false), |start| (start, true));
        if !(open && text.is_empty()) {
            check_name(text).map_err(|e| format!("{text:?} is no domain: {e}, and may end in '*'"))?;
        }
        Ok(Self {
            text: text.into(),
            open,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::try_from(text.to_owned()).expect("a pattern")
    }

    #[test]
    fn a_pattern_is_a_name_or_its_beginning() {
        assert!(pattern("web").matches("web") && !pattern("web").matches("web-1"));
        assert!(pattern("web-*").matches("web-1") && !pattern("web-*").matches("web"));
        assert!(pattern("*").matches("anything"));
        assert!(Pattern::try_from("a*b".to_owned()).is_err() && Pattern::try_from(String::new()).is_err());
    }
}
