//! Records on their way to Kafka: many in one buffer.

use std::{ops::Range, sync::Arc};

use cassandra_commitlog::Position;

use crate::record::RecordPlace;

/// A topic that records go to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Topic {
    /// Its full name.
    pub name: Box<str>,
}

/// Which Kafka partition of its topic a record goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// The partition that Java's default partitioner gives to this hash: murmur2 of the partition-key part of the
    /// key with the sign bit off, modulo the number of partitions.
    Hash(u32),
    /// A copy to every partition: what concerns all keys of a table.
    EveryPartition,
}

/// What a record's headers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordHeaders {
    /// `op`, as in the value.
    pub op: &'static str,
    /// Write time in microseconds.
    pub timestamp: i64,
    /// Fingerprint of the table's definition; none for changes of the schema.
    pub schema: Option<Arc<str>>,
    /// Which part of the log the record is of.
    pub place: RecordPlace,
    /// What a reader should know of how it was come by.
    pub marks: RecordMarks,
}

/// What a reader should know of how a record was come by; mostly nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecordMarks {
    /// True if the node had not synced the write yet: it forgets it if its power fails now.
    pub early: bool,
    /// True if the change is older than the dedup window: whether it was published before cannot be told.
    pub late: bool,
}

/// One record of a batch: where its bytes are, and where it goes.
#[derive(Debug, Clone)]
pub struct BatchRecord {
    topic: usize,
    key: Range<usize>,
    value: Option<Range<usize>>,
    /// To which partition it goes.
    pub route: Route,
    /// Its headers.
    pub headers: RecordHeaders,
}

impl BatchRecord {
    /// Returns which of the batch's [topics](RecordBatch::topics) it goes to.
    pub fn topic_index(&self) -> usize {
        self.topic
    }
}

impl RecordMarks {
    /// Returns the marks of a record that is not late.
    pub fn early(early: bool) -> Self {
        Self { early, late: false }
    }
}

/// Records in order, in one buffer that is used again after [`clear`](Self::clear).
#[derive(Debug, Default)]
pub struct RecordBatch {
    /// Keys and values.
    text: String,
    records: Vec<BatchRecord>,
    topics: Vec<Arc<Topic>>,
}

impl RecordBatch {
    /// Appends a record; without a value it is a Kafka tombstone.
    pub fn push(
        &mut self,
        topic: &Arc<Topic>,
        key: &str,
        value: Option<&str>,
        route: Route,
        headers: RecordHeaders,
    ) {
        let value = value.map(|value| self.append(value));
        self.push_record(topic, key, value, route, headers);
    }

    /// Returns the text of all keys and values, for the next record's value to be appended to it.
    pub(crate) fn text_mut(&mut self) -> &mut String {
        &mut self.text
    }

    /// Appends a record whose value was appended to the [text](Self::text_mut), where it starts at `value_start`.
    pub(crate) fn push_written(
        &mut self,
        topic: &Arc<Topic>,
        key: &str,
        value_start: usize,
        route: Route,
        headers: RecordHeaders,
    ) {
        let value = value_start..self.text.len();
        self.push_record(topic, key, Some(value), route, headers);
    }

    fn push_record(
        &mut self,
        topic: &Arc<Topic>,
        key: &str,
        value: Option<Range<usize>>,
        route: Route,
        headers: RecordHeaders,
    ) {
        let known = self.topics.iter().rposition(|known| Arc::ptr_eq(known, topic));
        let topic = known.unwrap_or_else(|| {
            self.topics.push(Arc::clone(topic));
            self.topics.len() - 1
        });
        let key = self.append(key);
        self.records.push(BatchRecord { topic, key, value, route, headers });
    }

    fn append(&mut self, text: &str) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(text);
        start..self.text.len()
    }

    /// Returns the records in order.
    pub fn records(&self) -> &[BatchRecord] {
        &self.records
    }

    /// Returns the topics that the records go to.
    pub fn topics(&self) -> &[Arc<Topic>] {
        &self.topics
    }

    /// Returns a record's topic.
    pub fn topic(&self, record: &BatchRecord) -> Option<&Arc<Topic>> {
        self.topics.get(record.topic)
    }

    /// Returns a record's key.
    pub fn key(&self, record: &BatchRecord) -> &[u8] {
        self.text.as_bytes().get(record.key.clone()).unwrap_or_default()
    }

    /// Returns a record's value; `None` for a Kafka tombstone.
    pub fn value(&self, record: &BatchRecord) -> Option<&[u8]> {
        record.value.clone().and_then(|value| self.text.as_bytes().get(value))
    }

    /// Returns the bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Returns for how many bytes of keys and values there is memory.
    pub fn capacity(&self) -> usize {
        self.text.capacity()
    }

    /// Returns true if there are no records.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Returns the position of the last record's entry.
    pub fn last_position(&self) -> Option<Position> {
        self.records.last().map(|record| record.headers.place.position)
    }

    /// Takes out all records and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.records.clear();
        self.topics.clear();
    }
}
