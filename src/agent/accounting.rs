//! What became of each mutation that was read: published, filtered, foreign, duplicate or quarantined, and nothing else.

use std::sync::Arc;

use crate::sink::Topic;

/// What became of a mutation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// At least one record was made of it.
    Published,
    /// Its tables are without CDC, or are not to be published.
    Filtered,
    /// Another agent publishes it.
    Foreign,
    /// Everything of it was published before.
    Duplicate,
    /// It could not be decoded, or no record could be made of a part of it: its bytes are in the quarantine.
    Quarantined,
}

/// Counts of mutations by what became of them, and of records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Accounting {
    /// Mutations that were read; each has one of the outcomes below.
    pub(super) read: u64,
    /// Mutations of which at least one record was made.
    pub(super) published: u64,
    /// Mutations of tables that are not published.
    pub(super) filtered: u64,
    /// Mutations that another agent publishes.
    pub(super) foreign: u64,
    /// Mutations of which all was published before.
    pub(super) duplicate: u64,
    /// Mutations of which at least a part is in the quarantine.
    pub(super) quarantined: u64,
    /// Changes that were left out of a mutation as they were published before.
    pub(super) duplicate_changes: u64,
    /// Changes older than the dedup window that were not known: whether they were published before cannot be told.
    pub(super) late_changes: u64,
    /// Records that the node had not synced when they were read.
    pub(super) early_records: u64,
    /// The newest write time of a record, in microseconds.
    pub(super) newest_write: Option<i64>,
    /// Records by topic and `op`; few pairs, and mostly the one before again.
    pub(super) records: Vec<RecordCount>,
}

/// How many records of one `op` went to a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RecordCount {
    /// The topic.
    pub(super) topic: Arc<Topic>,
    /// The records' `op`; `tombstone` for Kafka tombstones.
    pub(super) op: &'static str,
    /// How many.
    pub(super) count: u64,
}

impl Accounting {
    /// Counts a mutation.
    pub(super) fn count(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Published => &mut self.published,
            Outcome::Filtered => &mut self.filtered,
            Outcome::Foreign => &mut self.foreign,
            Outcome::Duplicate => &mut self.duplicate,
            Outcome::Quarantined => &mut self.quarantined,
        } += 1;
    }

    /// Adds the counts of another.
    pub(super) fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.published += other.published;
        self.filtered += other.filtered;
        self.foreign += other.foreign;
        self.duplicate += other.duplicate;
        self.quarantined += other.quarantined;
        self.duplicate_changes += other.duplicate_changes;
        self.late_changes += other.late_changes;
        self.early_records += other.early_records;
        self.newest_write = self.newest_write.max(other.newest_write);
        for RecordCount { topic, op, count } in &other.records {
            self.count_records(topic, op, *count);
        }
    }

    /// Counts records of one topic and `op`.
    pub(super) fn count_records(&mut self, topic: &Arc<Topic>, op: &'static str, count: u64) {
        let known = self.records.iter_mut().rfind(|it| it.op == op && Arc::ptr_eq(&it.topic, topic));
        match known {
            Some(known) => known.count += count,
            None => self.records.push(RecordCount { topic: Arc::clone(topic), op, count }),
        }
    }
}
