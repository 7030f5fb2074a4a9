//! Why bytes are not a record.

use std::fmt;

use cassandra_commitlog::types::TypeParseError;

/// A record that can't be read. Nothing of it is guessed: an agent that passed over what others said could publish twice,
/// or not at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a record of the {topic} topic can't be read, at its byte {offset}")]
pub struct RecordError {
    /// Which topic it was read from.
    pub topic: RecordTopic,
    /// How many of its bytes were read until then.
    pub offset: usize,
    /// What is wrong.
    #[source]
    pub kind: RecordErrorKind,
}

/// The topics that agents talk in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordTopic {
    /// Who owns what.
    Owners,
    /// What was published.
    Ledger,
    /// Changes for their owners.
    Relay,
}

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordErrorKind {
    /// A format that this program does not know.
    #[error(
        "written by a later version of ringtap, in format {found} (this one reads up to {known}): upgrade this agent first"
    )]
    UnknownVersion {
        /// What the record says.
        found: u8,
        /// The newest that is known here.
        known: u8,
    },
    /// A kind that this format of this topic does not have.
    #[error(
        "kind {0:#04x} is none of this topic's: does anything but ringtap write to it, or is it another of its topics?"
    )]
    UnknownKind(u8),
    /// It begins as no record does.
    #[error("format 0 is none: does anything but ringtap write to this topic?")]
    NotARecord,
    /// The bytes end inside.
    #[error("it ends too early")]
    Truncated,
    /// Bytes are left over.
    #[error("{0} bytes are left over")]
    TrailingBytes(usize),
    /// A list is said to have more items than there are bytes for.
    #[error("a list of {0} items does not fit into the bytes that are left")]
    CountTooGreat(u64),
    /// A varint of more than 64 bits, or with bytes that it does not need.
    #[error("a varint that is too long")]
    BadVarint,
    /// A flag or choice that this format does not have.
    #[error("{0:#04x} is no {1}")]
    UnknownChoice(u8, &'static str),
    /// A number that the field can't have.
    #[error("{0} out of range")]
    OutOfRange(&'static str),
    /// A name that is not UTF-8.
    #[error("a name that is not UTF-8")]
    NotUtf8,
    /// Tokens that are none or wrap around.
    #[error("tokens after {after} up to {up_to}: none, or around the ring's end")]
    BadTokenRange {
        /// The token before the first.
        after: i64,
        /// The last one.
        up_to: i64,
    },
    /// A run without entries.
    #[error("a run without entries")]
    EmptyRun,
    /// The text of a column's type.
    #[error("a column's type can't be read")]
    Type(#[from] TypeParseError),
    /// Columns that are not in their order.
    #[error("columns that are not in order")]
    ColumnOrder,
    /// A cell of a column that the definition does not have.
    #[error("column {0} is not in the table's definition")]
    UnknownColumn(u64),
    /// More values than the table has clustering columns.
    #[error("more values than clustering columns")]
    TooManyClusteringValues,
}

impl RecordTopic {
    /// Returns the format that its records are written in, and the newest that is read. A topic's goes up with any change
    /// of what may stand in it, as a reader must understand all of a record.
    pub const fn version(self) -> u8 {
        match self {
            Self::Owners | Self::Ledger | Self::Relay => 1,
        }
    }
}

impl fmt::Display for RecordTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Owners => "owners",
            Self::Ledger => "ledger",
            Self::Relay => "relay",
        })
    }
}
