//! The identity of a change: table, partition key, coordinate and write time.

use cassandra_commitlog::schema::TableId;
use xxhash_rust::xxh3::Xxh3;

use crate::change::{Action, Change};

/// 128-bit hash of a change's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ChangeId(u128);

/// What in a partition is changed.
#[derive(Debug, Clone, Copy)]
enum Coordinate<'c, 'a> {
    Row(&'c [Option<&'a [u8]>]),
    Static,
    Ranges,
    Partition,
}

impl ChangeId {
    /// Returns the identity of a change, as if it were written at `timestamp`.
    pub(super) fn at(change: &Change<'_>, timestamp: i64) -> Self {
        let coordinate = match &change.action {
            Action::Write(write) => write.clustering.as_deref().map_or(Coordinate::Static, Coordinate::Row),
            Action::DeleteRow { clustering, .. } => Coordinate::Row(clustering),
            Action::DeleteRange(_) => Coordinate::Ranges,
            Action::DeletePartition { .. } => Coordinate::Partition,
        };
        Self::new(change.table.id(), change.partition_key, coordinate, timestamp)
    }

    fn new(table: TableId, partition_key: &[u8], coordinate: Coordinate<'_, '_>, timestamp: i64) -> Self {
        let mut hasher = Xxh3::new();
        hasher.update(table.0.as_bytes());
        hasher.update(&timestamp.to_be_bytes());
        update_framed(&mut hasher, partition_key);
        match coordinate {
            Coordinate::Row(values) => {
                hasher.update(b"r");
                update_values(&mut hasher, values);
            }
            Coordinate::Static => hasher.update(b"s"),
            Coordinate::Ranges => hasher.update(b"d"),
            Coordinate::Partition => hasher.update(b"p"),
        }
        Self(hasher.digest128())
    }
}

/// Feeds bytes with their length, so that neighbours can't be confused.
pub(super) fn update_framed(hasher: &mut Xxh3, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_be_bytes());
    hasher.update(bytes);
}

/// Feeds values, null told from empty.
pub(super) fn update_values(hasher: &mut Xxh3, values: &[Option<&[u8]>]) {
    hasher.update(&(values.len() as u64).to_be_bytes());
    for value in values {
        match value {
            Some(value) => {
                hasher.update(b"v");
                update_framed(hasher, value);
            }
            None => hasher.update(b"n"),
        }
    }
}
