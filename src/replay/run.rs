//! The way of a change, offline: log, filter, dedup, record, sink.

use std::{collections::HashSet, fmt, io};

use cassandra_commitlog::{
    Position,
    decode::MutationError,
    schema::SchemaLookup as _,
    segment::{Damage, Entry, SegmentError},
};

use super::Filter;
use crate::{
    change::{self, Truncation},
    dedup::{SeenChanges, Verdict, schema_change_id},
    node_log::{Context, LogEvent, LoggedMutation, NodeIdentity, NodeLog},
    record::{Approximated, Approximation, CqlRecords, JsonRecords, Node, RecordError, RecordPlace},
    schema::SchemaChange,
    sink::{Sink, Subject},
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

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records written.
    pub records: u64,
    /// Changes of other tables, times or keys.
    pub filtered: u64,
    /// Changes that had been written already.
    pub duplicates: u64,
    /// Changes of which a part had been written already.
    pub partly_duplicate: u64,
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
    writer: Writer,
    sink: &'s mut dyn Sink,
    counts: Counts,
    key: String,
    line: String,
}

enum Writer {
    Json(JsonRecords),
    Cql(Box<CqlRecords>),
}

impl<'s> Replay<'s> {
    /// Prepares a replay. With `dedup`, a change is written once, whichever and however many logs hold it.
    /// `now` is the time from which remaining TTLs are counted in CQL, in seconds since 1970.
    pub fn new(filter: Filter, format: Format, dedup: bool, now: i64, sink: &'s mut dyn Sink) -> Self {
        let writer = match format {
            Format::Json => Writer::Json(JsonRecords::new(Node::default())),
            Format::Cql => Writer::Cql(Box::new(CqlRecords::new(now))),
        };
        Self {
            filter,
            seen: dedup.then(SeenChanges::new),
            seen_schema: HashSet::new(),
            writer,
            sink,
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
        match &self.writer {
            Writer::Json(_) => Vec::new(),
            Writer::Cql(records) => records.approximations().iter().map(describe).collect(),
        }
    }

    /// Replays one node's log.
    pub fn node(&mut self, input: &mut NodeInput, observer: &mut dyn Observer) -> Result<(), ReplayError> {
        input.log.limit_to(self.filter.positions());
        input.log.learn_identity()?;
        let name = input.name.clone();
        input.log.read(|context, event| {
            match event {
                LogEvent::Segment { .. } => {}
                LogEvent::Mutation(logged) => {
                    self.set_node(context.identity, name.as_deref());
                    self.mutation(context, logged, observer)?;
                    observer.handled(logged.position);
                }
                LogEvent::Undecodable { entry, error } => observer.undecodable(entry, &error),
                LogEvent::Damage(damage) => observer.damage(damage),
                LogEvent::SegmentEnd { file, outcome } => observer.segment_done(file, outcome.err().as_ref()),
            }
            Ok(())
        })
    }

    /// Makes sure that all records are where they belong.
    pub fn finish(&mut self) -> Result<(), ReplayError> {
        let destination = self.sink.name();
        self.sink.finish().map_err(|source| ReplayError::Sink { destination, source })
    }

    fn set_node(&mut self, identity: &NodeIdentity, name: Option<&str>) {
        if let Writer::Json(records) = &mut self.writer {
            let host_id = identity.host_id.clone().or_else(|| name.map(Box::from));
            records.set_node(Node { cluster: identity.cluster.clone(), host_id });
        }
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
        self.clear();
        match &mut self.writer {
            Writer::Json(records) => {
                records.write_schema_change(change, place, &mut self.key, &mut self.line);
                self.emit(Subject::Schema)
            }
            Writer::Cql(records) => {
                records.write_schema_change(change, place, &mut self.line);
                self.emit_statements()
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
        self.clear();
        match &mut self.writer {
            Writer::Json(records) => {
                records.write_truncation(table, truncation, place, &mut self.key, &mut self.line);
                self.emit(Subject::Table { keyspace: table.keyspace(), table: table.name() })
            }
            Writer::Cql(records) => {
                records.write_truncation(table, &mut self.line);
                self.emit_statements()
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
        self.clear();
        match &mut self.writer {
            Writer::Json(records) => {
                records.write(&change, place, &mut self.key, &mut self.line)?;
                let table = &change.table;
                self.emit(Subject::Table { keyspace: table.keyspace(), table: table.name() })?;
            }
            Writer::Cql(records) => {
                records.write(&change, place, context.catalogue, &mut self.line)?;
                self.emit_statements()?;
            }
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.key.clear();
        self.line.clear();
    }

    fn emit(&mut self, subject: Subject<'_>) -> Result<(), ReplayError> {
        self.counts.records += 1;
        self.sink
            .write(subject, &self.key, &self.line)
            .map_err(|source| ReplayError::Sink { destination: self.sink.name(), source })
    }

    /// Statements come with their line breaks, none or several for one change.
    fn emit_statements(&mut self) -> Result<(), ReplayError> {
        let lines = std::mem::take(&mut self.line);
        for statement in lines.lines() {
            self.counts.records += 1;
            let written = self.sink.write(Subject::Statements, "", statement);
            written.map_err(|source| ReplayError::Sink { destination: self.sink.name(), source })?;
        }
        self.line = lines;
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

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { records, filtered, duplicates, partly_duplicate } = self;
        write!(f, "{records} records, {filtered} changes filtered out")?;
        if *duplicates + *partly_duplicate > 0 {
            write!(f, ", {duplicates} duplicates, {partly_duplicate} of which a part was new")?;
        }
        Ok(())
    }
}
