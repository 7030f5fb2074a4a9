//! What happened to a partition, kept in order of the log.

use std::sync::Arc;

use cassandra_commitlog::{
    Position,
    mutation::{Cell, CellContent, ColumnIndex, Expiration},
    schema::{Column, TableId, TableSchema},
    types::{CqlType, NativeType, counter::CounterContext},
};
use uuid::Uuid;

use crate::{
    change::{Action, Change, ColumnWrite, DeletedRange, RangeBound, RowWrite, Truncation},
    dedup::Verdict,
    schema::SchemaChange,
};

/// Values of clustering columns.
pub type Values = Box<[Option<Box<[u8]>>]>;

/// Something that concerns the partition, at its place in the log.
#[derive(Debug, Clone)]
pub struct Event {
    /// Logical end of the entry.
    pub position: Position,
    /// Number of the change in its entry, from 0, as a record's `index`.
    pub index: u32,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum What {
    /// A change of the partition.
    Change(LoggedChange),
    /// The whole table was truncated.
    Truncation(Truncation),
    /// The table's schema was changed.
    Schema(Box<SchemaChange>),
}

/// A change of the partition.
#[derive(Debug, Clone)]
pub struct LoggedChange {
    /// The table with its schema of that moment.
    pub table: Arc<TableSchema>,
    /// Serialized partition key.
    pub partition_key: Arc<[u8]>,
    /// Write time in microseconds.
    pub timestamp: i64,
    /// Whether the log had it before.
    pub seen: Seen,
    /// What is changed and how.
    pub action: LoggedAction,
}

/// Whether the log had a change before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Nothing of it.
    New,
    /// A part of it.
    Partly,
    /// All of it.
    Again,
}

/// What a change does: [`Action`] with its own bytes.
#[derive(Debug, Clone)]
pub enum LoggedAction {
    /// Writes to a row.
    Write {
        /// Which row; `None`: the static one.
        clustering: Option<Values>,
        /// What is written.
        parts: Vec<Part>,
    },
    /// Deletes a row.
    DeleteRow {
        /// Which one.
        clustering: Values,
    },
    /// Deletes a range of rows.
    DeleteRange {
        /// Where it starts; `None`: at the first row.
        start: Option<LoggedBound>,
        /// Where it ends; `None`: at the last row.
        end: Option<LoggedBound>,
    },
    /// Deletes the partition.
    DeletePartition,
}

/// An end of a deleted range.
#[derive(Debug, Clone)]
pub struct LoggedBound {
    /// Values of the first clustering columns.
    pub values: Values,
    /// Whether rows with exactly these values are in the range.
    pub inclusive: bool,
}

/// The least that has a fate of its own: a cell, an element, a shard, a row marker.
#[derive(Debug, Clone)]
pub struct Part {
    /// What is written.
    pub slot: Slot,
    /// Write time in microseconds.
    pub timestamp: i64,
    /// What it holds.
    pub content: Content,
}

/// What of a row is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slot {
    /// The row marker.
    Marker,
    /// A simple column.
    Cell(ColumnIndex),
    /// An element or field, by its path.
    Element(ColumnIndex, Box<[u8]>),
    /// All older elements or fields of a column.
    Cleared(ColumnIndex),
    /// One node's part of a counter.
    Shard(ColumnIndex, Uuid),
}

/// What is put in a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A value; none of a row marker.
    Value(Box<[u8]>, Option<Expiration>),
    /// A deletion.
    Tombstone,
    /// A shard's clock and count.
    Count {
        /// Grows with every change.
        clock: i64,
        /// What the node has counted.
        count: i64,
    },
}

impl Event {
    /// Returns the change, if it is one.
    pub fn change(&self) -> Option<&LoggedChange> {
        match &self.what {
            What::Change(change) => Some(change),
            What::Truncation(_) | What::Schema(_) => None,
        }
    }

    /// Returns which table it concerns, if its identity is known.
    pub fn table_id(&self) -> Option<TableId> {
        match &self.what {
            What::Change(change) => Some(change.table.id()),
            What::Truncation(truncation) => Some(truncation.table),
            What::Schema(change) => change.table_id,
        }
    }
}

impl LoggedChange {
    /// Keeps a change.
    pub(super) fn new(change: &Change<'_>, partition_key: Arc<[u8]>, seen: Seen) -> Self {
        let action = match &change.action {
            Action::Write(write) => LoggedAction::Write {
                clustering: write.clustering.as_deref().map(own),
                parts: parts(change, write),
            },
            Action::DeleteRow { clustering, .. } => LoggedAction::DeleteRow { clustering: own(clustering) },
            Action::DeleteRange(DeletedRange { start, end, .. }) => LoggedAction::DeleteRange {
                start: start.as_ref().map(LoggedBound::new),
                end: end.as_ref().map(LoggedBound::new),
            },
            Action::DeletePartition { .. } => LoggedAction::DeletePartition,
        };
        Self { table: Arc::clone(&change.table), partition_key, timestamp: change.timestamp, seen, action }
    }

    /// Returns the column that an index of this change means.
    pub fn column(&self, index: ColumnIndex) -> Option<&Column> {
        match index {
            ColumnIndex::Current(at) => self.table.values().get(at as usize),
            ColumnIndex::Dropped(at) => self.table.dropped().get(at as usize).map(|dropped| &dropped.column),
        }
    }

    /// Returns about how many bytes of keys and values it keeps.
    pub(super) fn bytes(&self) -> usize {
        let values = |values: &Values| values.iter().flatten().map(|value| value.len()).sum::<usize>();
        let bound = |bound: &Option<LoggedBound>| bound.as_ref().map_or(0, |bound| values(&bound.values));
        match &self.action {
            LoggedAction::Write { clustering, parts } => {
                clustering.as_ref().map_or(0, values) + parts.iter().map(Part::bytes).sum::<usize>()
            }
            LoggedAction::DeleteRow { clustering } => values(clustering),
            LoggedAction::DeleteRange { start, end } => bound(start) + bound(end),
            LoggedAction::DeletePartition => 0,
        }
    }

    /// Returns what is written; nothing for deletions.
    pub fn parts(&self) -> &[Part] {
        match &self.action {
            LoggedAction::Write { parts, .. } => parts,
            _ => &[],
        }
    }
}

impl Slot {
    /// Returns which column it is of; none for row markers.
    pub fn column(&self) -> Option<ColumnIndex> {
        match self {
            Self::Marker => None,
            Self::Cell(column)
            | Self::Element(column, _)
            | Self::Cleared(column)
            | Self::Shard(column, _) => Some(*column),
        }
    }
}

impl Part {
    /// Returns when it expires, if it does.
    pub fn expiration(&self) -> Option<Expiration> {
        match self.content {
            Content::Value(_, expiration) => expiration,
            Content::Tombstone | Content::Count { .. } => None,
        }
    }

    fn bytes(&self) -> usize {
        let path = if let Slot::Element(_, path) = &self.slot { path.len() } else { 0 };
        let value = if let Content::Value(value, _) = &self.content { value.len() } else { 0 };
        path + value
    }
}

impl LoggedBound {
    fn new(bound: &RangeBound<'_>) -> Self {
        Self { values: own(&bound.values), inclusive: bound.inclusive }
    }
}

impl From<&Verdict<'_>> for Seen {
    fn from(verdict: &Verdict<'_>) -> Self {
        match verdict {
            Verdict::New(_) => Self::New,
            Verdict::Partly(_) => Self::Partly,
            Verdict::Duplicate => Self::Again,
        }
    }
}

fn own(values: &[Option<&[u8]>]) -> Values {
    values.iter().map(|value| value.map(Box::from)).collect()
}

fn parts(change: &Change<'_>, write: &RowWrite<'_>) -> Vec<Part> {
    let mut parts = Vec::new();
    if let Some(expiration) = write.marker {
        let content = Content::Value([].into(), expiration);
        parts.push(Part { slot: Slot::Marker, timestamp: change.timestamp, content });
    }
    for column in &write.columns {
        match column {
            ColumnWrite::Simple(index, cell) => {
                let is_counter =
                    change.column(*index).is_some_and(|it| it.ty == CqlType::Native(NativeType::Counter));
                match (is_counter, cell.content) {
                    (true, CellContent::Live(context)) => shards(*index, cell, context, &mut parts),
                    _ => parts.push(part(Slot::Cell(*index), cell)),
                }
            }
            ColumnWrite::Complex { column, cleared, elements } => {
                if let Some(cleared) = cleared {
                    let (slot, timestamp) = (Slot::Cleared(*column), cleared.timestamp);
                    parts.push(Part { slot, timestamp, content: Content::Tombstone });
                }
                let element = |cell: &Cell<'_>| {
                    part(Slot::Element(*column, cell.path.unwrap_or_default().into()), cell)
                };
                parts.extend(elements.iter().map(element));
            }
        }
    }
    parts
}

fn part(slot: Slot, cell: &Cell<'_>) -> Part {
    let content = match cell.content {
        CellContent::Live(value) => Content::Value(value.into(), None),
        CellContent::Expiring(value, expiration) => Content::Value(value.into(), Some(expiration)),
        CellContent::Tombstone(_) => Content::Tombstone,
    };
    Part { slot, timestamp: cell.timestamp, content }
}

/// A context that can't be read stays a value, so that it is shown.
fn shards(column: ColumnIndex, cell: &Cell<'_>, context: &[u8], parts: &mut Vec<Part>) {
    match CounterContext::parse(context) {
        Ok(context) => parts.extend(context.shards().map(|shard| Part {
            slot: Slot::Shard(column, shard.id),
            timestamp: cell.timestamp,
            content: Content::Count { clock: shard.clock, count: shard.count },
        })),
        Err(_) => parts.push(part(Slot::Cell(column), cell)),
    }
}
