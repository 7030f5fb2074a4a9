//! Why a mutation can't be decoded.

use std::fmt;

use super::wire::WireError;
use crate::schema::TableId;

/// A mutation whose CRC holds, but that can't be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MutationError {
    kind: MutationErrorKind,
    offset: usize,
}

/// Kinds of [`MutationError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MutationErrorKind {
    /// The bytes end inside.
    Truncated,
    /// Bytes are left over.
    TrailingBytes,
    /// A mutation without updates.
    NoUpdates,
    /// A flag that no release writes.
    UnknownFlags,
    /// The schema has no such table.
    UnknownTable(TableId),
    /// The table has, and had, no such column.
    UnknownColumn(TableId),
    /// A row marker or cell refers to a row marker that is not there.
    NoRowMarker,
    /// A static row where none may stand, or the other way round.
    MisplacedStaticRow,
    /// A kind of range tombstone marker that the log never has.
    UnknownMarkerKind(u8),
    /// A range tombstone marker with more values than the table has clustering columns.
    TooManyClusteringValues,
    /// A column subset that names columns which the update does not have.
    BadColumnSubset,
}

impl MutationError {
    /// `table` is the one whose update was read last, `bytes` the mutation.
    pub(crate) fn new(error: WireError, offset: usize, table: TableId, bytes: &[u8]) -> Self {
        let kind = match error {
            WireError::End => MutationErrorKind::Truncated,
            WireError::TrailingBytes => MutationErrorKind::TrailingBytes,
            WireError::NoUpdates => MutationErrorKind::NoUpdates,
            WireError::UnknownFlags => MutationErrorKind::UnknownFlags,
            WireError::UnknownTable => MutationErrorKind::UnknownTable(table),
            WireError::UnknownColumn => MutationErrorKind::UnknownColumn(table),
            WireError::NoRowMarker => MutationErrorKind::NoRowMarker,
            WireError::MisplacedStaticRow => MutationErrorKind::MisplacedStaticRow,
            WireError::UnknownMarkerKind => {
                let kind = offset.checked_sub(1).and_then(|at| bytes.get(at)).copied();
                MutationErrorKind::UnknownMarkerKind(kind.unwrap_or_default())
            }
            WireError::TooManyClusteringValues => MutationErrorKind::TooManyClusteringValues,
            WireError::BadColumnSubset => MutationErrorKind::BadColumnSubset,
        };
        Self { kind, offset }
    }

    /// Returns what is wrong.
    pub fn kind(&self) -> MutationErrorKind {
        self.kind
    }

    /// Returns how many bytes of the mutation were read until then.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Returns true if a newer or older schema may help.
    pub fn is_schema(&self) -> bool {
        matches!(self.kind, MutationErrorKind::UnknownTable(_) | MutationErrorKind::UnknownColumn(_))
    }
}

impl fmt::Display for MutationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            MutationErrorKind::Truncated => f.write_str("the mutation ends inside a value"),
            MutationErrorKind::TrailingBytes => f.write_str("bytes are left over"),
            MutationErrorKind::NoUpdates => f.write_str("the mutation has no updates"),
            MutationErrorKind::UnknownFlags => f.write_str("a flag that no known release writes"),
            MutationErrorKind::UnknownTable(id) => write!(f, "table {id} is not in the schema"),
            MutationErrorKind::UnknownColumn(id) => write!(f, "table {id} has no column of this name"),
            MutationErrorKind::NoRowMarker => {
                f.write_str("a cell takes its time from a row marker that is not there")
            }
            MutationErrorKind::MisplacedStaticRow => f.write_str("a static row in a wrong place"),
            MutationErrorKind::UnknownMarkerKind(kind) => write!(f, "range tombstone marker of kind {kind}"),
            MutationErrorKind::TooManyClusteringValues => {
                f.write_str("a bound has more values than clustering columns")
            }
            MutationErrorKind::BadColumnSubset => {
                f.write_str("a row names columns that its update does not have")
            }
        }?;
        write!(f, ", at byte {} of the mutation", self.offset)
    }
}

impl std::error::Error for MutationError {}
