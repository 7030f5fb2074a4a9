//! A replay to batches: what was published before, and when to commit.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use cassandra_commitlog::{Position, schema::TableSchema};

use super::ReplayError;
use crate::{
    change::{Change, Truncation},
    checkpoint::Progress,
    record::{BatchWriter, Node, RecordError, RecordPlace},
    schema::SchemaChange,
    sink::{BatchSink, RecordBatch, RecordMarks},
};

/// Bytes of records that are gathered before they are sent.
const BATCH_BYTES: usize = 256 << 10;
/// When what was sent is committed: after so many bytes, or so long.
const COMMIT_BYTES: usize = 16 << 20;
const COMMIT_INTERVAL: Duration = Duration::from_secs(1);

/// Sends the records of one node after another, and commits now and then.
pub(super) struct Publisher<'s> {
    writer: BatchWriter,
    sink: &'s mut dyn BatchSink,
    batch: RecordBatch,
    /// How far the node's log was published by an earlier run.
    published: Progress,
    /// How far it has been read, or published, now.
    progress: Progress,
    /// The segment that was read last, if all of it could be read.
    ended: Option<i64>,
    uncommitted: usize,
    committed: Instant,
}

impl<'s> Publisher<'s> {
    pub(super) fn new(writer: BatchWriter, sink: &'s mut dyn BatchSink) -> Self {
        Self {
            writer,
            sink,
            batch: RecordBatch::default(),
            published: Progress::default(),
            progress: Progress::default(),
            ended: None,
            uncommitted: 0,
            committed: Instant::now(),
        }
    }

    pub(super) fn begin_node(&mut self, name: Option<&str>) -> Result<(), ReplayError> {
        let resumed = self.sink.resume(name);
        self.published = self.checked(resumed)?;
        self.progress = self.published.clone();
        self.ended = None;
        Ok(())
    }

    pub(super) fn set_node(&mut self, node: Node) {
        self.writer.set_node(node);
    }

    pub(super) fn has_published(&self, position: Position) -> bool {
        self.published.covers(position)
    }

    /// Appends a change's records; returns how many.
    pub(super) fn change(&mut self, change: &Change<'_>, place: RecordPlace) -> Result<u64, RecordError> {
        let before = self.batch.records().len();
        self.writer.write(change, place, RecordMarks::default(), &mut self.batch)?;
        Ok((self.batch.records().len() - before) as u64)
    }

    /// Appends a truncation's record.
    pub(super) fn truncation(
        &mut self,
        table: &Arc<TableSchema>,
        truncation: &Truncation,
        place: RecordPlace,
    ) -> u64 {
        self.writer.write_truncation(table, truncation, place, RecordMarks::default(), &mut self.batch);
        1
    }

    /// Appends the record of a change of the schema.
    pub(super) fn schema_change(&mut self, change: &SchemaChange, place: RecordPlace) -> u64 {
        self.writer.write_schema_change(change, place, RecordMarks::default(), &mut self.batch);
        1
    }

    /// Notes that a segment begins, or that all of it was read. It counts as finished when the next one begins: the
    /// last one of a log may still grow.
    pub(super) fn note_segment(&mut self, id: i64, has_ended: bool) {
        if has_ended {
            self.ended = Some(id);
        } else if let Some(ended) = self.ended.take()
            && ended != id
        {
            self.progress.finish(ended);
        }
    }

    /// Notes that all records of an entry are in the batch; sends and commits when it is time.
    pub(super) fn handled(&mut self, position: Position) -> Result<(), ReplayError> {
        self.progress.read_to(position);
        if self.batch.bytes() >= BATCH_BYTES {
            self.send()?;
        }
        let has_any = self.uncommitted > 0 || !self.batch.is_empty();
        let is_time = has_any && self.committed.elapsed() >= COMMIT_INTERVAL;
        if self.uncommitted >= COMMIT_BYTES || is_time {
            self.commit()?;
        }
        Ok(())
    }

    /// Commits what is left of a node.
    pub(super) fn end_node(&mut self) -> Result<(), ReplayError> {
        self.commit()
    }

    fn send(&mut self) -> Result<(), ReplayError> {
        self.uncommitted += self.batch.bytes();
        let sent = self.sink.send(&self.batch);
        self.batch.clear();
        self.checked(sent)
    }

    fn commit(&mut self) -> Result<(), ReplayError> {
        self.send()?;
        let committed = self.sink.commit(&self.progress);
        self.uncommitted = 0;
        self.committed = Instant::now();
        self.checked(committed)
    }

    fn checked<T>(&self, result: io::Result<T>) -> Result<T, ReplayError> {
        result.map_err(|source| ReplayError::Sink { destination: self.sink.name(), source })
    }
}
