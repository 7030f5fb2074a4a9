//! What became of what was written (design.md §8, "Rebuilding the table").

use std::cmp::Ordering;

use super::event::{Content, Part};

/// What became of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is what the table holds; of a tombstone: nothing newer came.
    Stands,
    /// It would stand, had its time not run out.
    Expired,
    /// Another write to the same slot won. The number is that of the event.
    Overwritten(usize, Reason),
    /// A deletion took it.
    Deleted(usize, Deletion),
    /// The column was dropped, by this event if it is in the log.
    ColumnDropped(Option<usize>),
    /// The table was truncated.
    Truncated(usize),
    /// The table was dropped.
    TableDropped(usize),
}

/// Why one of two writes to a slot wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It has the later write time.
    LaterTime,
    /// At the same write time a tombstone wins.
    Tombstone,
    /// At the same write time a value that expires beats one that lasts.
    Expiring,
    /// At the same write time the later expiry wins.
    LaterExpiry,
    /// At the same write time the greater value's bytes win.
    GreaterValue,
    /// The greater clock of a shard wins.
    GreaterClock,
    /// Both are the same: a copy.
    Same,
}

/// Kinds of deletions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// Of the partition.
    Partition,
    /// Of a range of rows.
    Range,
    /// Of the row.
    Row,
    /// Of all of a collection or user-defined type.
    Cleared,
    /// Of a counter.
    Counter,
}

impl Fate {
    /// Returns the event that brought it about, if one did.
    pub fn event(self) -> Option<usize> {
        match self {
            Self::Stands | Self::Expired => None,
            Self::ColumnDropped(event) => event,
            Self::Overwritten(event, _)
            | Self::Deleted(event, _)
            | Self::Truncated(event)
            | Self::TableDropped(event) => Some(event),
        }
    }
}

/// Compares two writes to one slot, and says what decided.
pub(super) fn compare_parts(a: &Part, b: &Part) -> (Ordering, Reason) {
    if let (
        Content::Count { clock: a_clock, count: a_count },
        Content::Count { clock: b_clock, count: b_count },
    ) = (&a.content, &b.content)
    {
        return match (a_clock, a_count).cmp(&(b_clock, b_count)) {
            Ordering::Equal => (Ordering::Equal, Reason::Same),
            order => (order, Reason::GreaterClock),
        };
    }
    let steps = [
        (a.timestamp.cmp(&b.timestamp), Reason::LaterTime),
        (is_tombstone(a).cmp(&is_tombstone(b)), Reason::Tombstone),
        (a.expiration().is_some().cmp(&b.expiration().is_some()), Reason::Expiring),
        (expires_at(a).cmp(&expires_at(b)), Reason::LaterExpiry),
        (value(a).cmp(value(b)), Reason::GreaterValue),
    ];
    let decided = steps.into_iter().find(|(order, _)| *order != Ordering::Equal);
    decided.unwrap_or((Ordering::Equal, Reason::Same))
}

fn is_tombstone(part: &Part) -> bool {
    part.content == Content::Tombstone
}

fn expires_at(part: &Part) -> Option<i64> {
    part.expiration().map(|expiration| expiration.expires_at)
}

fn value(part: &Part) -> &[u8] {
    match &part.content {
        Content::Value(value, _) => value,
        Content::Tombstone | Content::Count { .. } => &[],
    }
}
