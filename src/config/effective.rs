//! Settings as they came to be, for people to read.

use serde::Serialize;

use super::problem::Origin;

/// One setting in effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// The dotted key.
    pub key: String,
    /// The value as it would stand in the file, secrets masked; none if the setting was left out and has no default.
    pub value: Option<String>,
    /// Where it was given.
    pub origin: Origin,
}

impl Serialize for Effective {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut out = serializer.serialize_struct("Effective", 3)?;
        out.serialize_field("key", &self.key)?;
        out.serialize_field("value", &self.value)?;
        out.serialize_field("from", &self.origin.to_string())?;
        out.end()
    }
}
