//! Bytes inside JSON: each byte is the character with its number, so that any output survives and text stays readable.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// What a program wrote, or is to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text: String = self.0.iter().copied().map(char::from).collect();
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
        bytes
            .map(Bytes)
            .map_err(|_| D::Error::custom("a character above U+00FF is no byte"))
    }
}

#[cfg(test)]
mod tests {
    use super::Bytes;

    #[test]
    fn every_byte_comes_back() {
        let all = Bytes((0..=255).collect());
        let line = serde_json::to_string(&all).expect("a string");
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<Bytes>(&line).expect("bytes"), all);
    }

    #[test]
    fn other_characters_are_refused() {
        assert!(serde_json::from_str::<Bytes>("\"\u{20ac}\"").is_err());
    }
}
