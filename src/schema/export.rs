//! The schema as a JSON file: exported, and imported as a seed or with its history.
//!
//! The format is versioned by the field `ringtap_schema`; a file of another version is refused.

mod format;
mod read;
mod write;

use thiserror::Error;

/// A file that is no exported schema.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The text is no JSON, or its fields are not those of the format.
    #[error("the schema file cannot be read")]
    Json(#[from] serde_json::Error),
    /// The JSON has no field `ringtap_schema`.
    #[error("the file is no exported schema: it has no field `ringtap_schema`")]
    NotASchema,
    /// The file is from another version of the program.
    #[error("the schema file has format {0}; this program reads format 1")]
    UnknownVersion(u64),
    /// A field's value has no meaning.
    #[error("the schema file's field `{field}` cannot be `{value}`")]
    Invalid {
        /// The field.
        field: &'static str,
        /// Its value.
        value: Box<str>,
    },
}
