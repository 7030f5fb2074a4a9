//! The way of a change, offline: log, filter, dedup, record, sink.

use std::{collections::HashSet, io};

use cassandra_commitlog::{
    Position,
    decode::MutationError,
    schema::SchemaLookup as _,
    segment::{Damage, Entry, SegmentError},
};

use super::{Counts, Filter, publish::Publisher};
use crate::{
    change::{self, Truncation},
    dedup::{SeenChanges, Verdict, schema_change_id},
    node_log::{Context, LogEvent, LoggedMutation, NodeIdentity, NodeLog},
    record::{
        Approximated, Approximation, BatchWriter, CqlRecords, JsonRecords, Node, RecordError, RecordPlace,
    },
    schema::SchemaChange,
    sink::{BatchSink, Sink, Subject},
    source::{ReadError, SegmentFile},
};

/// In which form records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// ringtap's own JSON, one record a line; loses nothing
    Json,
    /// CQL statements, one a line, DDL included
    Cql,
}

/// One node's log to be replayed.
pub struct NodeInput {
    /// Name that the node was given, if any; stands in the records if the log does not tell the host id.
    pub name: Option<Box<str>>,
    /// Its log.
    pub log: NodeLog,
}

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A segment's file could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Records could not be written.
    #[error("{destination}: cannot be written")]
    Sink {
        /// What was written to.
        destination: String,
        /// Why.
        source: io::Error,
    },
}

/// Is told of what a replay meets besides changes.
pub trait Observer {
    /// A mutation was handled.
    fn handled(&mut self, position: Position);
    /// A segment was read.
    fn segment_done(&mut self, segment: &SegmentFile, failed: Option<&SegmentError>);
    /// Something was passed over.
    fn damage(&mut self, damage: &Damage);
    /// An entry could not be decoded.
    fn undecodable(&mut self, entry: &Entry<'_>, error: &MutationError);
    /// No record could be made of a change.
    fn unwritable(&mut self, place: RecordPlace, error: &RecordError);
}

/// Replays logs into a sink.
pub struct Replay<'s> {
    filter: Filter,
    seen: Option<SeenChanges>,
    /// What the schema's changes were, when copies are removed.
    seen_schema: HashSet<u128>,
    output: Output<'s>,
    counts: Counts,
    key: String,
    line: String,
}

/// Where records go, and who makes them.
enum Output<'s> {
    Json(JsonRecords, &'s mut dyn Sink),
    Cql(Box<CqlRecords>, &'s mut dyn Sink),
    Batches(Box<Publisher<'s>>),
}

impl<'s> Replay<'s> {
    /// Prepares a replay to lines of text. With `dedup`, a change is written once, whichever and however many logs
    /// hold it. `now` is the time from which remaining TTLs are counted in CQL, in seconds since 1970.
    pub fn new(filter: Filter, format: Format, dedup: bool, now: i64, sink: &'s mut dyn Sink) -> Self {
        let output = match format {
            Format::Json => Output::Json(JsonRecords::new(Node::default()), sink),
            Format::Cql => Output::Cql(Box::new(CqlRecords::new(now)), sink),
        };
        Self::to(filter, dedup, output)
    }

    /// Prepares a replay to batches of records, which goes on where the sink says that an earlier one ended: changes
    /// that were published then are read again only to know their copies.
    pub fn publish(filter: Filter, dedup: bool, writer: BatchWriter, sink: &'s mut dyn BatchSink) -> Self {
        Self::to(filter, dedup, Output::Batches(Box::new(Publisher::new(writer, sink))))
    }

    fn to(filter: Filter, dedup: bool, output: Output<'s>) -> Self {
        Self {
            filter,
            seen: dedup.then(SeenChanges::new),
            seen_schema: HashSet::new(),
            output,
            counts: Counts::default(),
            key: String::new(),
            line: String::new(),
        }
    }

    /// Returns what was done so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Returns what CQL could not say exactly: kinds with their counts.
    pub fn approximations(&self) -> Vec<String> {
        match &self.output {
            Output::Json(..) | Output::Batches(_) => Vec::new(),
            Output::Cql(records, _) => records.approximations().iter().map(describe).collect(),
        }
    }

    /// Replays one node's log.
    pub fn node(&mut self, input: &mut NodeInput, observer: &mut dyn Observer) -> Result<(), ReplayError> {
        input.log.limit_to(self.filter.positions());
        input.log.learn_identity()?;
        let name = input.name.clone();
        if let Output::Batches(publisher) = &mut self.output {
            publisher.begin_node(name.as_deref())?;
        }
        input.log.read(|context, event| {
            match event {
                LogEvent::Segment { file, .. } => self.note_segment(file.name.id, false),
                LogEvent::Mutation(logged) => {
                    self.set_node(context.identity, name.as_deref());
                    self.mutation(context, logged, observer)?;
                    if let Output::Batches(publisher) = &mut self.output {
                        publisher.handled(logged.position)?;
                    }
                    observer.handled(logged.position);
                }
                LogEvent::Undecodable { entry, error } => observer.undecodable(entry, &error),
                LogEvent::Damage(damage) => observer.damage(damage),
                LogEvent::SegmentEnd { file, outcome } => {
                    self.note_segment(file.name.id, outcome.is_ok());
                    observer.segment_done(file, outcome.err().as_ref());
                }
            }
            Ok::<_, ReplayError>(())
        })?;
        match &mut self.output {
            Output::Batches(publisher) => publisher.end_node(),
            Output::Json(..) | Output::Cql(..) => Ok(()),
        }
    }

    fn note_segment(&mut self, id: i64, has_ended: bool) {
        if let Output::Batches(publisher) = &mut self.output {
            publisher.note_segment(id, has_ended);
        }
    }

    /// Makes sure that all records are where they belong.
    pub fn finish(&mut self) -> Result<(), ReplayError> {
        match &mut self.output {
            Output::Json(_, sink) | Output::Cql(_, sink) => {
                sink.finish().map_err(|source| ReplayError::Sink { destination: sink.name(), source })
            }
            // A node's records are committed when its log ends.
            Output::Batches(_) => Ok(()),
        }
    }

    fn set_node(&mut self, identity: &NodeIdentity, name: Option<&str>) {
        let host_id = || identity.host_id.clone().or_else(|| name.map(Box::from));
        let node = || Node { cluster: identity.cluster.clone(), host_id: host_id() };
        match &mut self.output {
            Output::Json(records, _) => records.set_node(node()),
            Output::Batches(publisher) => publisher.set_node(node()),
            Output::Cql(..) => {}
        }
    }

    /// Returns true, and counts, if an earlier run has published what stands here.
    fn is_published(&mut self, place: RecordPlace) -> bool {
        let is_published = match &self.output {
            Output::Batches(publisher) => publisher.has_published(place.position),
            Output::Json(..) | Output::Cql(..) => false,
        };
        self.counts.published_before += u64::from(is_published);
        is_published
    }

    fn mutation(
        &mut self,
        context: &Context<'_>,
        logged: &LoggedMutation<'_>,
        observer: &mut dyn Observer,
    ) -> Result<(), ReplayError> {
        let mut place = RecordPlace { position: logged.position, index: 0 };
        for change in &logged.schema_changes {
            self.schema_change(change, place)?;
            place.index += 1;
        }
        for truncation in logged.mutation.updates.iter().flat_map(change::truncations) {
            self.truncation(context, &truncation, place)?;
            place.index += 1;
        }
        for change in change::changes(&logged.mutation) {
            match self.change(context, change, place) {
                Ok(()) => {}
                Err(Unwritten::NoRecord(error)) => observer.unwritable(place, &error),
                Err(Unwritten::Failed(error)) => return Err(error),
            }
            place.index += 1;
        }
        Ok(())
    }

    fn schema_change(&mut self, change: &SchemaChange, place: RecordPlace) -> Result<(), ReplayError> {
        let table = change.table.as_deref();
        if change.is_system()
            || self.filter.is_by_partition()
            || !self.filter.takes_time(change.written_at)
            || !self.filter.selection.names_object(&change.keyspace, table)
        {
            return Ok(());
        }
        if self.seen.is_some() && !self.seen_schema.insert(schema_change_id(change)) {
            self.counts.duplicates += 1;
            return Ok(());
        }
        if self.is_published(place) {
            return Ok(());
        }
        self.clear();
        match &mut self.output {
            Output::Json(records, _) => {
                records.write_schema_change(change, place, &mut self.key, &mut self.line);
                self.emit(Subject::Schema)
            }
            Output::Cql(records, _) => {
                records.write_schema_change(change, place, &mut self.line);
                self.emit_statements()
            }
            Output::Batches(publisher) => {
                self.counts.records += publisher.schema_change(change, place);
                Ok(())
            }
        }
    }

    fn truncation(
        &mut self,
        context: &Context<'_>,
        truncation: &Truncation,
        place: RecordPlace,
    ) -> Result<(), ReplayError> {
        let Some(table) = context.catalogue.table(truncation.table) else { return Ok(()) };
        if !self.filter.selection.takes(table)
            || self.filter.is_by_partition()
            || !self.filter.takes_time(truncation.timestamp)
        {
            return Ok(());
        }
        if self.is_published(place) {
            return Ok(());
        }
        self.clear();
        match &mut self.output {
            Output::Json(records, _) => {
                records.write_truncation(table, truncation, place, &mut self.key, &mut self.line);
                self.emit(Subject::Table { keyspace: table.keyspace(), table: table.name() })
            }
            Output::Cql(records, _) => {
                records.write_truncation(table, &mut self.line);
                self.emit_statements()
            }
            Output::Batches(publisher) => {
                self.counts.records += publisher.truncation(table, truncation, place);
                Ok(())
            }
        }
    }

    fn change(
        &mut self,
        context: &Context<'_>,
        change: change::Change<'_>,
        place: RecordPlace,
    ) -> Result<(), Unwritten> {
        if !self.filter.takes(&change) {
            self.counts.filtered += 1;
            return Ok(());
        }
        let change = match &mut self.seen {
            None => change,
            Some(seen) => match seen.note(change) {
                Verdict::New(change) => change,
                Verdict::Partly(rest) => {
                    self.counts.partly_duplicate += 1;
                    rest
                }
                Verdict::Duplicate => {
                    self.counts.duplicates += 1;
                    return Ok(());
                }
            },
        };
        if self.is_published(place) {
            return Ok(());
        }
        self.clear();
        match &mut self.output {
            Output::Json(records, _) => {
                records.write(&change, place, &mut self.key, &mut self.line)?;
                let table = &change.table;
                self.emit(Subject::Table { keyspace: table.keyspace(), table: table.name() })?;
            }
            Output::Cql(records, _) => {
                records.write(&change, place, context.catalogue, &mut self.line)?;
                self.emit_statements()?;
            }
            Output::Batches(publisher) => self.counts.records += publisher.change(&change, place)?,
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.key.clear();
        self.line.clear();
    }

    fn emit(&mut self, subject: Subject<'_>) -> Result<(), ReplayError> {
        let Output::Json(_, sink) = &mut self.output else { return Ok(()) };
        self.counts.records += 1;
        sink.write(subject, &self.key, &self.line)
            .map_err(|source| ReplayError::Sink { destination: sink.name(), source })
    }

    /// Statements come with their line breaks, none or several for one change.
    fn emit_statements(&mut self) -> Result<(), ReplayError> {
        let Output::Cql(_, sink) = &mut self.output else { return Ok(()) };
        for statement in self.line.lines() {
            self.counts.records += 1;
            sink.write(Subject::Statements, "", statement)
                .map_err(|source| ReplayError::Sink { destination: sink.name(), source })?;
        }
        Ok(())
    }
}

/// Says what was said only nearly, how often, and where first.
fn describe((kind, approximated): (Approximation, &Approximated)) -> String {
    let first: Vec<_> = approximated
        .first
        .iter()
        .map(|(place, table)| format!("{table} at {}:{}", place.position, place.index))
        .collect();
    format!(
        "said as nearly as CQL can: {} {} (first {})",
        approximated.count,
        kind.as_str(),
        first.join(", ")
    )
}

/// Why a change was not written.
enum Unwritten {
    NoRecord(RecordError),
    Failed(ReplayError),
}

impl From<RecordError> for Unwritten {
    fn from(error: RecordError) -> Self {
        Self::NoRecord(error)
    }
}

impl From<ReplayError> for Unwritten {
    fn from(error: ReplayError) -> Self {
        Self::Failed(error)
    }
}
