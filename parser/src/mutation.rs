//! A mutation as a tree of values that borrow from the segment's bytes.

use std::sync::Arc;

use crate::{
    deletion::DeletionTime,
    schema::{Column, TableSchema},
};

/// What one entry of the log changes: one partition key, one keyspace, one or more tables (`Mutation`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation<'a> {
    /// One for each table, in the log's order.
    pub updates: Vec<PartitionUpdate<'a>>,
}

/// What a mutation changes in one table (`PartitionUpdate`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionUpdate<'a> {
    /// The table with its schema of that moment.
    pub table: Arc<TableSchema>,
    /// Serialized partition key.
    pub partition_key: &'a [u8],
    /// Deletion of the whole partition.
    pub deletion: Option<DeletionTime>,
    /// The static row, if it has anything.
    pub static_row: Option<Row<'a>>,
    /// Rows and range tombstone markers in clustering order.
    pub unfiltereds: Vec<Unfiltered<'a>>,
}

/// A row or a range tombstone marker (`Unfiltered`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfiltered<'a> {
    /// A row.
    Row(Row<'a>),
    /// A bound or boundary of a deleted range.
    Marker(RangeTombstoneMarker<'a>),
}

/// A row, static rows included (`Row`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row<'a> {
    /// One value for each clustering column, `None` for null. Empty for static rows.
    pub clustering: Vec<Option<&'a [u8]>>,
    /// The row marker that INSERT leaves (`LivenessInfo`).
    pub liveness: Option<Liveness>,
    /// Deletion of the row.
    pub deletion: Option<RowDeletion>,
    /// Columns in the log's order: simple ones first, then complex ones.
    pub columns: Vec<ColumnData<'a>>,
}

/// A row marker (`LivenessInfo`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Liveness {
    /// Write time in microseconds.
    pub timestamp: i64,
    /// Set when the marker expires.
    pub expiration: Option<Expiration>,
}

/// When something expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Expiration {
    /// Time to live as written, in seconds.
    pub ttl: i32,
    /// Second since 1970 at which it expires (`localExpirationTime`).
    pub expires_at: i64,
}

/// Deletion of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RowDeletion {
    /// When.
    pub time: DeletionTime,
    /// Only on materialized views: the deletion goes when a newer row marker comes.
    pub shadowable: bool,
}

/// What a row says of one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnData<'a> {
    /// A column with one cell.
    Simple(ColumnIndex, Cell<'a>),
    /// A column with a cell for each element or field.
    Complex(ColumnIndex, ComplexColumn<'a>),
}

/// Which column of the table: resolve it with [`PartitionUpdate::column`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ColumnIndex {
    /// Index into [`TableSchema::values`].
    Current(u32),
    /// Index into [`TableSchema::dropped`].
    Dropped(u32),
}

/// Cells of a non-frozen collection or user-defined type (`ComplexColumnData`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ComplexColumn<'a> {
    /// Deletion of all older cells of this column.
    pub deletion: Option<DeletionTime>,
    /// Cells with their paths, in the log's order.
    pub cells: Vec<Cell<'a>>,
}

/// A cell (`Cell`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cell<'a> {
    /// Write time in microseconds.
    pub timestamp: i64,
    /// Which element or field, for complex columns.
    pub path: Option<&'a [u8]>,
    /// What the cell holds.
    pub content: CellContent<'a>,
}

/// What a cell holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CellContent<'a> {
    /// A value that lasts. Empty bytes are a value, not null.
    Live(&'a [u8]),
    /// A value that expires.
    Expiring(&'a [u8], Expiration),
    /// A deletion, with the server's second at which it was made.
    Tombstone(i64),
}

/// A bound or boundary of deleted ranges (`RangeTombstoneMarker`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeTombstoneMarker<'a> {
    /// Which kind.
    pub kind: MarkerKind,
    /// Values of the first clustering columns; none: before or after everything.
    pub clustering: Vec<Option<&'a [u8]>>,
    /// The deletion of the range that ends here, if one does.
    pub close: Option<DeletionTime>,
    /// The deletion of the range that starts here, if one does.
    pub open: Option<DeletionTime>,
}

/// Kinds of markers (`ClusteringPrefix.Kind`, those that the log has), with their wire numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are Cassandra's own and say it")]
pub enum MarkerKind {
    ExclEndBound = 0,
    InclStartBound = 1,
    ExclEndInclStartBoundary = 2,
    InclEndExclStartBoundary = 5,
    InclEndBound = 6,
    ExclStartBound = 7,
}

impl PartitionUpdate<'_> {
    /// Returns the column that an index of this update means; `None` if the index is not of this update.
    pub fn column(&self, index: ColumnIndex) -> Option<&Column> {
        match index {
            ColumnIndex::Current(at) => self.table.values().get(at as usize),
            ColumnIndex::Dropped(at) => self.table.dropped().get(at as usize).map(|dropped| &dropped.column),
        }
    }
}

impl<'a> Cell<'a> {
    /// Returns the value's bytes, or `None` for a tombstone.
    pub fn value(&self) -> Option<&'a [u8]> {
        match self.content {
            CellContent::Live(value) | CellContent::Expiring(value, _) => Some(value),
            CellContent::Tombstone(_) => None,
        }
    }
}
