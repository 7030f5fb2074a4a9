//! What is done with an entry of the log: decoded, split into changes, checked against what was published, written to
//! the batch in hand.

use std::time::Duration;

use cassandra_commitlog::{
    Position, Version,
    decode::{MutationDecoder, MutationError, MutationErrorKind},
    mutation::Mutation,
    schema::{SchemaLookup as _, TableId},
    segment::{Damage, Entry, SegmentFileName},
};

use super::{
    accounting::{Accounting, Outcome},
    error::AgentError,
    options::with_causes,
    patience::Patience,
    put_aside::SharedQuarantine,
    tables::TableFilter,
};
use crate::{
    change::{self, Change, Truncation},
    checkpoint::{Progress, SegmentProgress},
    dedup::{DedupIndex, Verdict, schema_change_id, truncation_id},
    node_log::NodeIdentity,
    record::{BatchWriter, RecordError, RecordPlace},
    schema::{SchemaChange, live::Ask, live::LiveSchema},
    sink::{RecordBatch, StopSignal},
    telemetry::Repeats,
};

/// Everything that an entry touches.
pub(super) struct Work {
    pub(super) schema: LiveSchema,
    pub(super) index: DedupIndex,
    pub(super) quarantine: SharedQuarantine,
    pub(super) patience: Patience,
    /// Write time, in microseconds, before which a change is older than the dedup window.
    pub(super) window_start: i64,
    pub(super) writer: BatchWriter,
    pub(super) tables: TableFilter,
    /// Our host id.
    pub(super) host_id: Box<str>,
    /// Ends waiting for the node's schema.
    pub(super) stop: StopSignal,
    /// The segment in reading.
    pub(super) segment: Option<SegmentFileName>,
    pub(super) decoder: Option<(Version, MutationDecoder)>,
    /// What the log says of its node.
    pub(super) logged_identity: NodeIdentity,
    /// How far the log has been read.
    pub(super) progress: Progress,
    /// How far the log is published according to Kafka, as of the last start or recovery: what is read up to there only
    /// teaches the index.
    pub(super) published: Progress,
    /// How many mutations were learnt since the index was last told to keep them.
    pub(super) learnt: u64,
    pub(super) batch: RecordBatch,
    pub(super) counted: Accounting,
    pub(super) quarantined: Repeats,
    /// A segment was read to its end since the last checkpoint: with the next one it can be released.
    pub(super) has_finished: bool,
    /// Damaged places of the segment in reading whose bytes are not put aside yet.
    pub(super) damages: Vec<Damage>,
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

/// How long an entry waits for a node that does not answer before it is put aside. The log is the buffer: waiting loses
/// nothing, but a node that is gone for good must not hold up all other tables.
const UNKNOWN_WAIT_MAX: Duration = Duration::from_secs(60);

impl Work {
    /// Makes ready for a segment of this version.
    pub(super) fn begin_segment(&mut self, name: SegmentFileName, version: Version) {
        self.segment = Some(name);
        if self.decoder.as_ref().is_none_or(|(known, _)| *known != version) {
            self.decoder = Some((version, MutationDecoder::new(version)));
        }
    }

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
            let Self { index, patience, .. } = self;
            patience.wait_for_room(|| index.commit(number))?;
        }
        Ok(())
    }

    fn mutation(&mut self, entry: &Entry<'_>, purpose: Purpose) -> Result<Outcome, AgentError> {
        let mutation = match self.decode(entry)? {
            Ok(mutation) => mutation,
            Err(error) => {
                if purpose != Purpose::Learn {
                    let table = match error.kind() {
                        MutationErrorKind::UnknownTable(id) | MutationErrorKind::UnknownColumn(id) => {
                            Some(id)
                        }
                        _ => None,
                    };
                    self.put_aside(entry, &error, table)?;
                }
                return Ok(Outcome::Quarantined);
            }
        };
        let schema_changes = self.schema.apply(&mutation, entry.position);
        self.check_identity(&mutation)?;
        let table = mutation.updates.first().map(|update| update.table.id());
        let met = self.changes(entry, mutation, &schema_changes, purpose)?;
        if let Some(error) = met.unwritable {
            if purpose != Purpose::Learn {
                self.put_aside(entry, &error, table)?;
            }
            return Ok(Outcome::Quarantined);
        }
        Ok(match met {
            Met { records: true, .. } => Outcome::Published,
            Met { duplicates: true, .. } => Outcome::Duplicate,
            Met { .. } => Outcome::Filtered,
        })
    }

    /// Decodes an entry. What the schema does not explain is asked of the node, and tried once more.
    fn decode<'e>(&mut self, entry: &Entry<'e>) -> Result<Result<Mutation<'e>, MutationError>, AgentError> {
        let Some((_, decoder)) = &mut self.decoder else {
            return Err(AgentError::Panicked("reading"));
        };
        let error = match decoder.decode(entry.mutation, self.schema.catalogue()) {
            Ok(mutation) => return Ok(Ok(mutation)),
            Err(error) => error,
        };
        if !error.is_schema() {
            return Ok(Err(error));
        }
        let mut waited = Duration::ZERO;
        loop {
            match self.schema.unknown(&error) {
                Ask::Learned => break,
                Ask::StillUnknown => return Ok(Err(error)),
                Ask::Unreachable { retry_after, error: cause } => {
                    if waited >= UNKNOWN_WAIT_MAX || self.stop.is_stopped() {
                        return Ok(Err(error));
                    }
                    if let Some(cause) = cause {
                        tracing::warn!(position = %entry.position, %error, %cause, "an entry's table is not known, and the node does not answer");
                    }
                    self.stop.wait(retry_after);
                    waited += retry_after;
                }
            }
        }
        self.tell_of_learned(&error)?;
        let Some((_, decoder)) = &mut self.decoder else {
            return Err(AgentError::Panicked("reading"));
        };
        Ok(decoder.decode(entry.mutation, self.schema.catalogue()))
    }

    /// Readers get the definition of a table that was learned from the node before they get its rows.
    fn tell_of_learned(&mut self, error: &MutationError) -> Result<(), AgentError> {
        let (MutationErrorKind::UnknownTable(id) | MutationErrorKind::UnknownColumn(id)) = error.kind()
        else {
            return Ok(());
        };
        let mut changes = self.schema.creations();
        changes.retain(|change| change.table_id == Some(id));
        self.told_by_node(&changes)
    }

    fn put_aside(
        &mut self,
        entry: &Entry<'_>,
        reason: &(dyn std::error::Error + 'static),
        table: Option<TableId>,
    ) -> Result<(), AgentError> {
        let Some(segment) = self.segment else { return Ok(()) };
        let reason = with_causes(reason);
        if let Some(repeated) = self.quarantined.admit() {
            tracing::error!(position = %entry.position, bytes = entry.mutation.len(), reason, repeated, "an entry goes to the quarantine");
        }
        let Self { quarantine, patience, .. } = self;
        patience.wait_for_room(|| quarantine.entry(segment, table, &reason, entry))?;
        Ok(())
    }

    /// Puts the bytes of damaged places aside, which `read` reads from the segment's file.
    pub(super) fn put_damages_aside(
        &mut self,
        read: impl Fn(&Damage) -> std::io::Result<Vec<u8>>,
    ) -> Result<(), AgentError> {
        for damage in std::mem::take(&mut self.damages) {
            let Some(segment) = self.segment.filter(|segment| segment.id == damage.segment) else { continue };
            if !damage.is_loss() || self.published.of(segment.id) == Some(SegmentProgress::Finished) {
                continue;
            }
            let bytes = read(&damage).unwrap_or_else(|error| {
                tracing::error!(segment = damage.segment, offset = damage.noticed_at, %error, "the bytes of a damaged place can't be read");
                Vec::new()
            });
            let Self { quarantine, patience, .. } = self;
            patience.wait_for_room(|| quarantine.damage(segment, &damage, &bytes))?;
        }
        Ok(())
    }

    /// Makes sure that the log is of our node: another's records would go under our name.
    fn check_identity(&mut self, mutation: &Mutation<'_>) -> Result<(), AgentError> {
        self.logged_identity.follow(mutation);
        match &self.logged_identity.host_id {
            Some(found) if *found != self.host_id => {
                Err(AgentError::OtherNode { found: found.clone(), expected: self.host_id.clone() })
            }
            _ => Ok(()),
        }
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
        self.counted.late_changes += u64::from(written_at < self.window_start);
        match self.writer.write(&change, place, early, &mut self.batch) {
            Ok(()) => self.count_record(written_at, early, met),
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
        let Some(table) = self.schema.catalogue().table(truncation.table) else { return Ok(()) };
        if !self.tables.takes(table) {
            return Ok(());
        }
        if !self.index.note_event(truncation_id(truncation), truncation.timestamp)? {
            met.duplicates = true;
            return Ok(());
        }
        if let Purpose::Publish { early } = purpose {
            self.writer.write_truncation(table, truncation, place, early, &mut self.batch);
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
            self.writer.write_schema_change(change, place, early, &mut self.batch);
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
fn told_at(progress: &Progress) -> Position {
    match progress.newest() {
        None => Position { segment: 0, offset: 0 },
        Some((segment, SegmentProgress::ReadTo(offset))) => Position { segment, offset },
        Some((segment, SegmentProgress::Finished)) => Position { segment: segment + 1, offset: 0 },
    }
}
