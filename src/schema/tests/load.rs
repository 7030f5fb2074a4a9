//! Turns the `system_schema` mutations that Cassandra's own reader printed into the parser's tree.
//!
//! Each line of a fixture is one partition update; those of one mutation follow each other and share
//! `segment` and `mutation`. All cells of a row have the time of its row marker (checked when the fixtures
//! were made from the golden sets).

use std::sync::Arc;

use cassandra_commitlog::{
    Position,
    deletion::DeletionTime,
    mutation::{
        Cell, CellContent, ColumnData, ColumnIndex, Liveness, Mutation, PartitionUpdate, Row, RowDeletion,
        Unfiltered,
    },
    schema::TableSchema,
};
use serde::Deserialize;

use crate::schema::{Catalogue, SystemTables};

/// The sets of which fixtures are kept: version and set.
pub(super) const SETS: [(&str, &str); 12] = [
    ("3.11", "ddl"),
    ("3.11", "types"),
    ("3.11", "ops"),
    ("4.0", "ddl"),
    ("4.0", "types"),
    ("4.0", "ops"),
    ("4.1", "ddl"),
    ("4.1", "types"),
    ("4.1", "ops"),
    ("5.0", "ddl"),
    ("5.0", "types"),
    ("5.0", "ops"),
];

#[derive(Deserialize)]
struct Line {
    segment: i64,
    pos: u64,
    mutation: u64,
    table: String,
    key: String,
    partition_deletion: Option<Deletion>,
    rows: Vec<LineRow>,
}

#[derive(Deserialize)]
struct Deletion {
    ts: i64,
    ldt: i64,
}

#[derive(Deserialize)]
struct LineRow {
    clustering: Vec<Option<String>>,
    liveness: Option<i64>,
    deletion: Option<i64>,
    cells: serde_json::Map<String, serde_json::Value>,
}

/// A mutation with its place in the log.
pub(in crate::schema) struct Logged {
    pub(in crate::schema) position: Position,
    pub(in crate::schema) mutation: Mutation<'static>,
}

/// Reads a file of the fixtures' directory.
pub(in crate::schema) fn fixture(name: &str) -> String {
    let path = format!("{}/tests/schema/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the schema mutations of a set in the order of the log.
pub(in crate::schema) fn logged(version: &str, set: &str) -> Vec<Logged> {
    let mut mutations: Vec<(Line, Logged)> = Vec::new();
    for text in fixture(&format!("{version}-{set}.jsonl")).lines() {
        let line: Line = serde_json::from_str(text).unwrap();
        let update = update(&line);
        let same = mutations
            .last_mut()
            .filter(|(last, _)| (last.segment, last.mutation) == (line.segment, line.mutation));
        if let Some((_, logged)) = same {
            logged.mutation.updates.push(update);
            continue;
        }
        let position = Position { segment: line.segment, offset: line.pos };
        let mutation = Mutation { updates: vec![update] };
        mutations.push((line, Logged { position, mutation }));
    }
    mutations.into_iter().map(|(_, logged)| logged).collect()
}

/// Returns a catalogue that has followed a whole set.
pub(in crate::schema) fn followed(version: &str, set: &str) -> Catalogue {
    let mut catalogue = Catalogue::new();
    for logged in logged(version, set) {
        catalogue.apply(&logged.mutation, logged.position);
    }
    catalogue
}

fn bytes(hex: &str) -> &'static [u8] {
    let digits: Vec<u8> =
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    digits.leak()
}

fn update(line: &Line) -> PartitionUpdate<'static> {
    let table = SystemTables::get().by_name("system_schema", &line.table).unwrap();
    PartitionUpdate {
        table: Arc::clone(table),
        partition_key: bytes(&line.key),
        deletion: line
            .partition_deletion
            .as_ref()
            .map(|deletion| DeletionTime { timestamp: deletion.ts, local_deletion_time: deletion.ldt }),
        static_row: None,
        unfiltereds: line.rows.iter().map(|line| Unfiltered::Row(row(table, line))).collect(),
    }
}

fn row(table: &TableSchema, line: &LineRow) -> Row<'static> {
    let columns = line.cells.iter().map(|(name, value)| {
        let index = table.values().iter().position(|column| &*column.name == name);
        let index = index.unwrap_or_else(|| panic!("{} has no column {name}", table.name()));
        let cell = Cell {
            timestamp: line.liveness.unwrap(),
            path: None,
            content: CellContent::Live(bytes(value.as_str().unwrap())),
        };
        ColumnData::Simple(ColumnIndex::Current(index as u32), cell)
    });
    Row {
        clustering: line.clustering.iter().map(|value| value.as_deref().map(bytes)).collect(),
        liveness: line.liveness.map(|timestamp| Liveness { timestamp, expiration: None }),
        deletion: line.deletion.map(|timestamp| RowDeletion {
            time: DeletionTime { timestamp, local_deletion_time: timestamp / 1_000_000 },
            shadowable: false,
        }),
        columns: columns.collect(),
    }
}
