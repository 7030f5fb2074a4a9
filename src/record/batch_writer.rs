//! From changes to records in a batch: key, value, headers, topic and partition.

use std::{collections::HashMap, sync::Arc};

use cassandra_commitlog::schema::{TableId, TableSchema};

use super::{JsonRecords, Node, RecordError, RecordPlace, TopicNames, murmur2, to_positive};
use crate::{
    change::{Change, Truncation},
    schema::SchemaChange,
    sink::{RecordBatch, RecordHeaders, RecordMarks, Route, Topic},
};

/// What a row's deletion gives. A Kafka tombstone (a record without a value) stands for nothing else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Deletes {
    /// A `delete` record, then a tombstone with the same key and headers.
    #[default]
    EventAndTombstone,
    /// A `delete` record.
    Event,
    /// A tombstone: the time of the deletion stands in the headers alone.
    Tombstone,
}

/// What decides a record's Kafka partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PartitionBy {
    /// The partition key, so that all changes of a partition keep their order.
    #[default]
    PartitionKey,
    /// The whole record key, as for any record that Java's default partitioner places. Deletions of ranges and
    /// partitions go to every Kafka partition, since each may hold rows of theirs.
    RecordKey,
}

/// What becomes of changes that are marked as late.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LateChanges {
    /// They are records as the others.
    #[default]
    Publish,
    /// No record is made of them.
    Drop,
    /// Their records go to a topic beside their table's.
    OwnTopic,
}

/// What was made of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// One record, or two.
    Records,
    /// None: it is late, and [`LateChanges::Drop`] holds.
    Nothing,
}

/// Makes the records of one node's changes and appends them to batches.
#[derive(Debug)]
pub struct BatchWriter {
    json: JsonRecords,
    names: TopicNames,
    deletes: Deletes,
    partition_by: PartitionBy,
    late: LateChanges,
    topics: HashMap<TableId, TableTopic, foldhash::fast::RandomState>,
    /// Topics by name: tables of the same topic share one.
    by_name: HashMap<String, Arc<Topic>>,
    schema_changes: Arc<Topic>,
    key: String,
    /// The partition-key part of a key that has more.
    partition_key: Vec<u8>,
}

#[derive(Debug)]
struct TableTopic {
    schema: Arc<TableSchema>,
    topic: Arc<Topic>,
}

impl BatchWriter {
    /// Makes a writer for the changes of this node.
    pub fn new(node: Node, names: TopicNames, deletes: Deletes, partition_by: PartitionBy) -> Self {
        let schema_changes = Arc::new(Topic { name: names.of_schema_changes().into() });
        Self {
            json: JsonRecords::new(node),
            names,
            deletes,
            partition_by,
            late: LateChanges::default(),
            topics: HashMap::default(),
            by_name: HashMap::new(),
            schema_changes,
            key: String::new(),
            partition_key: Vec::new(),
        }
    }

    /// Says what becomes of changes that are marked as late; without this they are records as the others.
    #[must_use]
    pub fn with_late(self, late: LateChanges) -> Self {
        Self { late, ..self }
    }

    /// Says that the node is another one, or that more is known of it.
    pub fn set_node(&mut self, node: Node) {
        self.json.set_node(node);
    }

    /// Appends the records of a change: one, or two with the tombstone after a row's deletion; none if it is late and those are
    /// dropped. `marks`: what readers should know of it.
    ///
    /// After an error `out` is as it was.
    pub fn write(
        &mut self,
        change: &Change<'_>,
        place: RecordPlace,
        marks: RecordMarks,
        out: &mut RecordBatch,
    ) -> Result<Made, RecordError> {
        let mut topic = self.topic(&change.table);
        match self.late {
            LateChanges::Drop if marks.late => return Ok(Made::Nothing),
            LateChanges::OwnTopic if marks.late => topic = self.late_topic(&topic),
            _ => {}
        }
        self.key.clear();
        let Self { json, key, partition_key, deletes, partition_by, .. } = self;
        let value_start = out.bytes();
        let written = json.write_change(change, place, key, out.text_mut())?;
        let route = match partition_by {
            PartitionBy::RecordKey if written.is_wider_than_key => Route::EveryPartition,
            PartitionBy::RecordKey => route_of(key.as_bytes()),
            PartitionBy::PartitionKey if written.partition_part + 1 == key.len() => route_of(key.as_bytes()),
            PartitionBy::PartitionKey => {
                partition_key.clear();
                partition_key
                    .extend_from_slice(key.as_bytes().get(..written.partition_part).unwrap_or_default());
                partition_key.push(b'}');
                route_of(partition_key)
            }
        };
        let headers = RecordHeaders {
            op: written.op,
            timestamp: change.timestamp,
            schema: Some(Arc::clone(written.schema)),
            place,
            marks,
        };
        let deletes = if written.deletes_row_of_key { *deletes } else { Deletes::Event };
        match deletes {
            Deletes::Event => out.push_written(&topic, key, value_start, route, headers),
            Deletes::EventAndTombstone => {
                out.push_written(&topic, key, value_start, route, headers.clone());
                out.push(&topic, key, None, route, headers);
            }
            Deletes::Tombstone => {
                out.text_mut().truncate(value_start);
                out.push(&topic, key, None, route, headers);
            }
        }
        Ok(Made::Records)
    }

    /// Appends the record of a truncation, for every partition of the table's topic.
    pub fn write_truncation(
        &mut self,
        table: &Arc<TableSchema>,
        truncation: &Truncation,
        place: RecordPlace,
        marks: RecordMarks,
        out: &mut RecordBatch,
    ) {
        self.key.clear();
        let topic = self.topic(table);
        let Self { json, key, .. } = self;
        let value_start = out.bytes();
        json.write_truncation(table, truncation, place, key, out.text_mut());
        let schema = Some(Arc::clone(json.fingerprint(table)));
        let headers = RecordHeaders { op: "truncate", timestamp: truncation.timestamp, schema, place, marks };
        out.push_written(&topic, key, value_start, Route::EveryPartition, headers);
    }

    /// Appends the record of a change of the schema; its partition is that of its whole key.
    pub fn write_schema_change(
        &mut self,
        change: &SchemaChange,
        place: RecordPlace,
        marks: RecordMarks,
        out: &mut RecordBatch,
    ) {
        self.key.clear();
        let Self { json, key, schema_changes, .. } = self;
        let value_start = out.bytes();
        json.write_schema_change(change, place, key, out.text_mut());
        let headers = RecordHeaders { op: "ddl", timestamp: change.written_at, schema: None, place, marks };
        out.push_written(schema_changes, key, value_start, route_of(key.as_bytes()), headers);
    }

    fn topic(&mut self, schema: &Arc<TableSchema>) -> Arc<Topic> {
        if let Some(known) = self.topics.get(&schema.id())
            && Arc::ptr_eq(&known.schema, schema)
        {
            return Arc::clone(&known.topic);
        }
        let name = self.names.of_table(schema.keyspace(), schema.name());
        let topic = self.named(name);
        self.topics.insert(schema.id(), TableTopic { schema: Arc::clone(schema), topic: Arc::clone(&topic) });
        topic
    }

    fn late_topic(&mut self, of: &Topic) -> Arc<Topic> {
        self.named(TopicNames::of_late(&of.name))
    }

    fn named(&mut self, name: String) -> Arc<Topic> {
        let known = self.by_name.entry(name);
        Arc::clone(known.or_insert_with_key(|name| Arc::new(Topic { name: name.as_str().into() })))
    }
}

fn route_of(key: &[u8]) -> Route {
    Route::Hash(to_positive(murmur2(key)))
}

#[cfg(test)]
mod tests;
