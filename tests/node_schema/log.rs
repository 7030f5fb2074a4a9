//! The log of a running node, read with the schema that a test gives.

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

use cassandra_commitlog::{
    Position,
    decode::{MutationDecoder, MutationError},
    mutation::Mutation,
    segment::DecoderOptions,
};
use ringtap::{
    change,
    node_log::NodeIdentity,
    record::{JsonRecords, Node, RecordPlace},
    schema::Catalogue,
    source::{Event, ReadError, SegmentFile, SegmentReader, find_segments},
};
use serde_json::Value;
use tempfile::TempDir;

use super::node::RunningNode;

/// How long the node may take to make its last write visible in the log.
const SYNC_WAIT_MAX: Duration = Duration::from_secs(20);

/// A copy of a node's commit log.
pub(crate) struct Log {
    _directory: TempDir,
    segments: Vec<SegmentFile>,
}

/// What was read.
pub(crate) struct Read {
    /// The first position that was read.
    pub(crate) from: Position,
    /// The records of CDC tables by position and index.
    pub(crate) records: BTreeMap<(Position, u32), String>,
    /// What could not be decoded.
    pub(crate) undecodable: Vec<(Position, MutationError)>,
}

impl Log {
    /// Copies the log once it has the node's last mark.
    pub(crate) fn copy_of(node: &RunningNode) -> Self {
        let deadline = Instant::now() + SYNC_WAIT_MAX;
        loop {
            let log = Self::copy(node);
            let marked = format!(r#""key":{{"id":{}}}"#, node.last_mark());
            let read = log.read_following(&mut Catalogue::new());
            let has_mark = read
                .records
                .values()
                .any(|record| record.contains(r#""keyspace":"marks""#) && record.contains(&marked));
            if has_mark || node.last_mark() == 0 {
                return log;
            }
            let read_so_far = (read.records.len(), read.records.last_key_value(), read.undecodable.last());
            assert!(Instant::now() < deadline, "mark {} does not come: {read_so_far:?}", node.last_mark());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn copy(node: &RunningNode) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for segment in find_segments([node.kept_segments()]).unwrap() {
            let to = directory.path().join(segment.path.file_name().unwrap());
            fs::copy(&segment.path, to).unwrap();
        }
        let segments = find_segments([directory.path()]).unwrap();
        Self { _directory: directory, segments }
    }

    /// Returns what the log says of its node.
    pub(crate) fn identity(&self) -> NodeIdentity {
        let mut identity = NodeIdentity::default();
        let mut catalogue = Catalogue::new();
        self.each(&mut catalogue, |catalogue, mutation, position| {
            if let Ok(mutation) = mutation {
                identity.follow(mutation);
                catalogue.apply(mutation, position);
            }
        });
        identity
    }

    /// Returns the positions of the mutations that change a user's keyspace.
    pub(crate) fn schema_changes(&self) -> Vec<Position> {
        let mut positions = Vec::new();
        let mut catalogue = Catalogue::new();
        self.each(&mut catalogue, |catalogue, mutation, position| {
            let changes = mutation.map(|mutation| catalogue.apply(mutation, position)).unwrap_or_default();
            if changes.iter().any(|change| !change.is_system()) {
                positions.push(position);
            }
        });
        positions
    }

    /// Reads all of it; the catalogue follows.
    pub(crate) fn read_following(&self, catalogue: &mut Catalogue) -> Read {
        self.read_from(Position::START, catalogue)
    }

    /// Reads what is behind a position; the catalogue follows.
    pub(crate) fn read_from(&self, from: Position, catalogue: &mut Catalogue) -> Read {
        let mut read = Read::new(from);
        let mut writer = JsonRecords::new(Node::default());
        self.each(catalogue, |catalogue, mutation, position| {
            if position > from {
                read.note(&mut writer, &mutation, position);
                if let Ok(mutation) = mutation {
                    catalogue.apply(mutation, position);
                }
            }
        });
        read
    }

    /// Reads all of it with a schema that stays as it is.
    pub(crate) fn read_with(&self, catalogue: &Catalogue) -> Read {
        let mut read = Read::new(Position::START);
        let mut writer = JsonRecords::new(Node::default());
        self.each(&mut catalogue.clone(), |_, mutation, position| {
            read.note(&mut writer, &mutation, position);
        });
        read
    }

    fn each(
        &self,
        catalogue: &mut Catalogue,
        mut tell: impl FnMut(&mut Catalogue, Result<&Mutation<'_>, MutationError>, Position),
    ) {
        let mut reader = SegmentReader::new(DecoderOptions::default());
        for segment in &self.segments {
            let mut decoder = None;
            let read = reader.read::<ReadError>(&segment.path, Some(segment.name), |event| {
                match event {
                    Event::Header(header) => decoder = Some(MutationDecoder::new(header.version)),
                    Event::Damage(_) => {}
                    Event::Entry(entry) => {
                        let outcome = decoder.as_mut().unwrap().decode(entry.mutation, catalogue);
                        let mutation = outcome.as_ref().map_err(|error| *error);
                        tell(catalogue, mutation, entry.position);
                    }
                }
                Ok(())
            });
            // A segment that is made and not yet begun has no header.
            assert!(read.is_ok() || segment.path == self.segments.last().unwrap().path, "{read:?}");
        }
    }
}

impl Read {
    fn new(from: Position) -> Self {
        Self { from, records: BTreeMap::new(), undecodable: Vec::new() }
    }

    fn note(
        &mut self,
        writer: &mut JsonRecords,
        mutation: &Result<&Mutation<'_>, MutationError>,
        position: Position,
    ) {
        let mutation = match mutation {
            Ok(mutation) => mutation,
            Err(error) => {
                self.undecodable.push((position, *error));
                return;
            }
        };
        let changes = change::changes(mutation);
        for (index, change) in (0..).zip(changes.iter().filter(|change| change.table.cdc())) {
            let (mut key, mut value) = (String::new(), String::new());
            writer.write(change, RecordPlace { position, index }, &mut key, &mut value).unwrap();
            self.records.insert((position, index), value);
        }
    }
}

/// Returns a record as it is without what a later schema changes in it: the fingerprint, the names of renamed columns
/// and fields, and fields that were added later, which are null.
pub(crate) fn without_later_names(record: &str) -> Value {
    let mut value: Value = serde_json::from_str(record).unwrap();
    value["source"]["schema"] = Value::Null;
    for part in ["key", "cells"] {
        if let Some(part) = value.get_mut(part) {
            take_back(part);
        }
    }
    value
}

fn earlier_name(name: &str) -> &str {
    match name {
        "c_one" => "c1",
        "C Two" => "c2",
        "pk" => "k",
        "bee" => "b",
        name => name,
    }
}

fn take_back(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let old = std::mem::take(members);
            for (name, mut member) in old.into_iter().filter(|(_, member)| !member.is_null()) {
                if let (true, Value::String(path)) = (name == "path", &mut member) {
                    *path = earlier_name(path).to_owned();
                }
                take_back(&mut member);
                members.insert(earlier_name(&name).to_owned(), member);
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(take_back),
        _ => {}
    }
}
