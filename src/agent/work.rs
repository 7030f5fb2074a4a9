//! What is done with an entry of the log: decoded, split into changes, checked against what was published, written to
//! the batch in hand.

use cassandra_commitlog::{Position, mutation::Mutation, schema::SchemaLookup as _, segment::Entry};

use super::{
    accounting::{Accounting, Outcome},
    decoding::{Decoding, table_of},
    error::AgentError,
    tables::TableFilter,
};
use crate::{
    change::{self, Change, Truncation},
    checkpoint::{Progress, SegmentProgress},
    dedup::{DedupIndex, Verdict, schema_change_id, truncation_id},
    record::{BatchWriter, Made, RecordError, RecordPlace},
    schema::SchemaChange,
    sink::{RecordBatch, RecordMarks},
};

/// Everything that an entry touches.
pub(super) struct Work {
    pub(super) decoding: Decoding,
    pub(super) index: DedupIndex,
    /// Write time, in microseconds, before which a change is older than the dedup window.
    pub(super) window_start: i64,
    pub(super) writer: BatchWriter,
    pub(super) tables: TableFilter,
    /// How far the log has been read.
    pub(super) progress: Progress,
    /// How far the log is published according to Kafka, as of the last start or recovery: what is read up to there only
    /// teaches the index.
    pub(super) published: Progress,
    /// How many mutations were learnt since the index was last told to keep them.
    pub(super) learnt: u64,
    pub(super) batch: RecordBatch,
    pub(super) counted: Accounting,
    /// A segment was read to its end since the last checkpoint: with the next one it can be released.
    pub(super) has_finished: bool,
}

/// What is done with the changes of a mutation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Publish {
        early: bool,
    },
    /// They are published already; the index shall know them.
    Learn,
}

/// What was met in a mutation.
#[derive(Debug, Default)]
struct Met {
    records: bool,
    duplicates: bool,
    unwritable: Option<RecordError>,
}

/// After how many learnt mutations the index keeps them: bounds what is staged in its memory.
const LEARNT_MAX: u64 = 10_000;

impl Work {
    /// Does all that is to be done with an entry; afterwards [`progress`](Self::progress) covers it.
    pub(super) fn entry(&mut self, entry: &Entry<'_>, early: bool) -> Result<(), AgentError> {
        if self.published.covers(entry.position) {
            self.mutation(entry, Purpose::Learn)?;
            self.progress.read_to(entry.position);
            self.learnt += 1;
            if self.learnt >= LEARNT_MAX {
                self.keep_learnt()?;
            }
            return Ok(());
        }
        self.keep_learnt()?;
        self.counted.read += 1;
        let outcome = self.mutation(entry, Purpose::Publish { early })?;
        self.counted.count(outcome);
        self.progress.read_to(entry.position);
        Ok(())
    }

    /// Tells the index to keep what was learnt: it is published. What is learnt and what is to be published never stand in
    /// one batch of the index.
    pub(super) fn keep_learnt(&mut self) -> Result<(), AgentError> {
        if self.learnt > 0 {
            self.learnt = 0;
            let number = self.index.seal(self.progress.clone());
            let Self { index, decoding, .. } = self;
            decoding.patience.wait_for_room(|| index.commit(number))?;
        }
        Ok(())
    }

    fn mutation(&mut self, entry: &Entry<'_>, purpose: Purpose) -> Result<Outcome, AgentError> {
        let decoded = self.decoding.decode(entry)?;
        let learned = self.decoding.take_learned();
        if !learned.is_empty() {
            self.told_by_node(&learned)?;
        }
        let mutation = match decoded {
            Ok(mutation) => mutation,
            Err(error) => {
                if purpose != Purpose::Learn {
                    self.decoding.put_aside(entry, &error, table_of(&error))?;
                }
                return Ok(Outcome::Quarantined);
            }
        };
        let schema_changes = self.decoding.schema.apply(&mutation, entry.position);
        self.decoding.check_identity(&mutation)?;
        let table = mutation.updates.first().map(|update| update.table.id());
        let met = self.changes(entry, mutation, &schema_changes, purpose)?;
        if let Some(error) = met.unwritable {
            if purpose != Purpose::Learn {
                self.decoding.put_aside(entry, &error, table)?;
            }
            return Ok(Outcome::Quarantined);
        }
        Ok(match met {
            Met { records: true, .. } => Outcome::Published,
            Met { duplicates: true, .. } => Outcome::Duplicate,
            Met { .. } => Outcome::Filtered,
        })
    }

    fn changes(
        &mut self,
        entry: &Entry<'_>,
        mutation: Mutation<'_>,
        schema_changes: &[SchemaChange],
        purpose: Purpose,
    ) -> Result<Met, AgentError> {
        let mut place = RecordPlace { position: entry.position, index: 0 };
        let mut met = Met::default();
        for change in schema_changes {
            self.schema_change(change, place, purpose, &mut met)?;
            place.index += 1;
        }
        for truncation in mutation.updates.iter().flat_map(change::truncations) {
            self.truncation(&truncation, place, purpose, &mut met)?;
            place.index += 1;
        }
        if mutation.updates.iter().any(|update| self.tables.takes(&update.table)) {
            for change in change::into_changes(mutation) {
                self.change(change, place, purpose, &mut met)?;
                place.index += 1;
            }
        }
        Ok(met)
    }

    fn change(
        &mut self,
        change: Change<'_>,
        place: RecordPlace,
        purpose: Purpose,
        met: &mut Met,
    ) -> Result<(), AgentError> {
        if !self.tables.takes(&change.table) {
            return Ok(());
        }
        let change = match self.index.note(change)? {
            Verdict::New(change) => change,
            Verdict::Partly(rest) => {
                self.counted.duplicate_changes += 1;
                rest
            }
            Verdict::Duplicate => {
                self.counted.duplicate_changes += 1;
                met.duplicates = true;
                return Ok(());
            }
        };
        let Purpose::Publish { early } = purpose else { return Ok(()) };
        let written_at = change.timestamp;
        let marks = RecordMarks { early, late: written_at < self.window_start };
        self.counted.late_changes += u64::from(marks.late);
        match self.writer.write(&change, place, marks, &mut self.batch) {
            Ok(Made::Records) => self.count_record(written_at, early, met),
            Ok(Made::Nothing) => {}
            Err(error) => met.unwritable = Some(error),
        }
        Ok(())
    }

    fn truncation(
        &mut self,
        truncation: &Truncation,
        place: RecordPlace,
        purpose: Purpose,
        met: &mut Met,
    ) -> Result<(), AgentError> {
        let Some(table) = self.decoding.schema.catalogue().table(truncation.table) else { return Ok(()) };
        if !self.tables.takes(table) {
            return Ok(());
        }
        if !self.index.note_event(truncation_id(truncation), truncation.timestamp)? {
            met.duplicates = true;
            return Ok(());
        }
        if let Purpose::Publish { early } = purpose {
            self.writer.write_truncation(
                table,
                truncation,
                place,
                RecordMarks::early(early),
                &mut self.batch,
            );
            self.count_record(truncation.timestamp, early, met);
        }
        Ok(())
    }

    /// Publishes changes of the schema that the node told, as the log does not have them: what is there at the first start,
    /// what was in segments that are gone, a table that no entry explains.
    pub(super) fn told_by_node(&mut self, changes: &[SchemaChange]) -> Result<(), AgentError> {
        let position = told_at(&self.progress);
        let purpose = if self.published.covers(position) {
            Purpose::Learn
        } else {
            self.keep_learnt()?;
            Purpose::Publish { early: false }
        };
        let mut place = RecordPlace { position, index: RecordPlace::TOLD_BY_NODE };
        for change in changes.iter().filter(|change| !change.is_system()) {
            self.schema_change(change, place, purpose, &mut Met::default())?;
            place.index += 1;
        }
        Ok(())
    }

    fn schema_change(
        &mut self,
        change: &SchemaChange,
        place: RecordPlace,
        purpose: Purpose,
        met: &mut Met,
    ) -> Result<(), AgentError> {
        if !self.tables.wants(&change.keyspace, change.table.as_deref()) {
            return Ok(());
        }
        if !self.index.note_event(schema_change_id(change), change.written_at)? {
            met.duplicates = true;
            return Ok(());
        }
        if let Purpose::Publish { early } = purpose {
            self.writer.write_schema_change(change, place, RecordMarks::early(early), &mut self.batch);
            self.count_record(change.written_at, early, met);
        }
        Ok(())
    }

    fn count_record(&mut self, written_at: i64, early: bool, met: &mut Met) {
        met.records = true;
        self.counted.early_records += u64::from(early);
        self.counted.newest_write = self.counted.newest_write.max(Some(written_at));
    }
}

/// Returns the position under which goes what the node told after this progress: behind everything that was read, and before
/// what is read next.
pub(super) fn told_at(progress: &Progress) -> Position {
    match progress.newest() {
        None => Position { segment: 0, offset: 0 },
        Some((segment, SegmentProgress::ReadTo(offset))) => Position { segment, offset },
        Some((segment, SegmentProgress::Finished)) => Position { segment: segment + 1, offset: 0 },
    }
}
