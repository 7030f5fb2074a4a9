//! Changes: what a mutation does to each row, range and partition, at one write time each.
//!
//! Nothing is flattened: a row whose cells have several write times gives one change for each, a row that
//! is deleted and written again in one mutation gives both.

mod ranges;
mod rows;
mod truncation;

use std::sync::Arc;

use cassandra_commitlog::{
    deletion::DeletionTime,
    mutation::{Cell, ColumnIndex, Expiration, Mutation, PartitionUpdate, Unfiltered},
    schema::{Column, TableSchema},
};

pub use self::truncation::{Truncation, truncations};

/// One change: one row, range or partition, one write time. Borrows from the segment's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<'a> {
    /// The table with its schema of that moment.
    pub table: Arc<TableSchema>,
    /// Serialized partition key.
    pub partition_key: &'a [u8],
    /// Write time of everything in this change in microseconds; a [`Cleared`] alone has its own.
    pub timestamp: i64,
    /// What is changed and how.
    pub action: Action<'a>,
}

/// What a [`Change`] does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action<'a> {
    /// Writes cells, and perhaps a row marker.
    Write(RowWrite<'a>),
    /// Deletes a row.
    DeleteRow {
        /// One value for each clustering column.
        clustering: Vec<Option<&'a [u8]>>,
        /// Server's second of the deletion.
        local_deletion_time: i64,
    },
    /// Deletes the rows between two bounds, in clustering order.
    DeleteRange(DeletedRange<'a>),
    /// Deletes a partition, its static row included.
    DeletePartition {
        /// Server's second of the deletion.
        local_deletion_time: i64,
    },
}

/// What is written to a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowWrite<'a> {
    /// One value for each clustering column; `None` for the static row.
    pub clustering: Option<Vec<Option<&'a [u8]>>>,
    /// The row marker that INSERT leaves; `Some(None)` is one that does not expire.
    pub marker: Option<Option<Expiration>>,
    /// What is written to the columns, in the log's order.
    pub columns: Vec<ColumnWrite<'a>>,
}

/// What is written to one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnWrite<'a> {
    /// A simple column's cell.
    Simple(ColumnIndex, Cell<'a>),
    /// Elements of a complex column.
    Complex {
        /// Which column.
        column: ColumnIndex,
        /// The deletion of what the column held, if it was cleared.
        cleared: Option<Cleared>,
        /// Elements put and removed.
        elements: Vec<Cell<'a>>,
    },
}

/// The deletion of a collection or user-defined type. It has a time of its own: an overwrite clears one
/// microsecond before it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cleared {
    /// Write time in microseconds: elements written then or before are gone.
    pub timestamp: i64,
    /// Server's second of the deletion.
    pub local_deletion_time: i64,
}

/// A deleted range of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedRange<'a> {
    /// Where it starts; `None`: at the first row.
    pub start: Option<RangeBound<'a>>,
    /// Where it ends; `None`: at the last row.
    pub end: Option<RangeBound<'a>>,
    /// Server's second of the deletion.
    pub local_deletion_time: i64,
}

/// An end of a [`DeletedRange`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeBound<'a> {
    /// Values of the first clustering columns.
    pub values: Vec<Option<&'a [u8]>>,
    /// Whether rows with exactly these values are in the range.
    pub inclusive: bool,
}

/// Returns what a mutation changes, in the order in which it is to be published: by write time, and
/// at equal times deletions last, since they win.
pub fn changes<'a>(mutation: &Mutation<'a>) -> Vec<Change<'a>> {
    into_changes(mutation.clone())
}

/// Like [`changes`], for who has no other use for the mutation: its memory becomes that of the changes.
pub fn into_changes(mutation: Mutation<'_>) -> Vec<Change<'_>> {
    let mut changes = Vec::new();
    for update in mutation.updates {
        changes_of_update(update, &mut changes);
    }
    // A stable sort: what is equal keeps the log's order.
    changes.sort_by_key(|change| (change.timestamp, change.action.is_deletion()));
    changes
}

/// Appends what one update changes.
fn changes_of_update<'a>(update: PartitionUpdate<'a>, changes: &mut Vec<Change<'a>>) {
    let PartitionUpdate { table, partition_key, deletion, static_row, unfiltereds } = update;
    let mut give = |timestamp, action| {
        changes.push(Change { table: Arc::clone(&table), partition_key, timestamp, action });
    };
    if let Some(DeletionTime { timestamp, local_deletion_time }) = deletion {
        give(timestamp, Action::DeletePartition { local_deletion_time });
    }
    if let Some(row) = static_row {
        rows::split(row, true, &mut give);
    }
    let mut markers = Vec::new();
    for unfiltered in unfiltereds {
        match unfiltered {
            Unfiltered::Row(row) => rows::split(row, false, &mut give),
            Unfiltered::Marker(marker) => markers.push(marker),
        }
    }
    ranges::pair(&markers, |timestamp, range| give(timestamp, Action::DeleteRange(range)));
}

impl Action<'_> {
    /// Returns true for deletions of a row, range or partition.
    pub fn is_deletion(&self) -> bool {
        !matches!(self, Self::Write(_))
    }
}

impl Change<'_> {
    /// Returns the column that an index in this change means.
    pub fn column(&self, index: ColumnIndex) -> Option<&Column> {
        match index {
            ColumnIndex::Current(at) => self.table.values().get(at as usize),
            ColumnIndex::Dropped(at) => self.table.dropped().get(at as usize).map(|dropped| &dropped.column),
        }
    }
}

impl ColumnWrite<'_> {
    /// Returns which column is written.
    pub fn column(&self) -> ColumnIndex {
        match self {
            Self::Simple(column, _) | Self::Complex { column, .. } => *column,
        }
    }
}
