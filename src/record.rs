//! Records: what is published for a change (see `src/record/FORMAT.md`).

mod batch_writer;
mod cells;
mod cql;
mod json;
mod json_text;
mod key;
mod murmur2;
mod table_text;
mod topic_names;

use cassandra_commitlog::Position;

#[cfg(feature = "agent")]
pub(crate) use self::topic_names::{KnownNames, check_topic_name};
pub use self::{
    batch_writer::{BatchWriter, Deletes, LateChanges, Made, PartitionBy},
    cql::{Approximated, Approximation, Approximations, CqlRecords},
    json::{JsonRecords, RecordError},
    murmur2::{murmur2, to_positive},
    topic_names::{TopicNameError, TopicNames},
};

/// Where a log comes from, for the `source` block of its records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// Name of the cluster, if known.
    pub cluster: Option<Box<str>>,
    /// The node's host id, if known; for offline work without one, the name that the node was given.
    pub host_id: Option<Box<str>>,
}

/// Which part of the log a record was made of. It names the record: the same part gives the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordPlace {
    /// Logical end of the entry.
    pub position: Position,
    /// Number of the record in its entry, from 0.
    pub index: u32,
}

impl RecordPlace {
    /// From this number on, a record is not the log's word but the node's: a change of the schema that the log does not
    /// have. No entry has so many changes.
    pub const TOLD_BY_NODE: u32 = 1 << 20;

    /// Returns true if the node told of the record, not the log; its position is then that of what was read before.
    pub fn is_told_by_node(&self) -> bool {
        self.index >= Self::TOLD_BY_NODE
    }
}
