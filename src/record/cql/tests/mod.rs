//! The statements of single changes. That a real node takes them, and has the same tables then, is shown by
//! `tests/stack/cql_round_trip`.

mod collections;
mod counters;
mod deletions;
mod rows;

use cassandra_commitlog::{
    Position,
    mutation::{Cell, CellContent, ColumnIndex, Expiration},
    schema::{Column, ColumnKind, TableDefinition, TableFlags, TableSchema},
    types::{CqlType, Frozen, NativeType},
};

use super::{Approximation, CqlRecords};
use crate::{
    change::{Action, Change, Cleared, ColumnWrite, RowWrite},
    record::RecordPlace,
    schema::Catalogue,
    test_tables,
};
use std::sync::Arc;

const NOW: i64 = 1_700_000_000;
const PLACE: RecordPlace = RecordPlace { position: Position { segment: 1, offset: 2 }, index: 0 };
const INT: CqlType = CqlType::Native(NativeType::Int);
const TEXT: CqlType = CqlType::Native(NativeType::Text);

fn column(name: &str, kind: ColumnKind, position: u16, ty: CqlType, reversed: bool) -> Column {
    Column { position, reversed, ..test_tables::column(name, kind, ty) }
}

/// `ks.t (k int, c1 int, c2 text DESC, c3 int, …)` with these other columns.
fn table(flags: TableFlags, values: Vec<(&str, ColumnKind, CqlType)>) -> Arc<TableSchema> {
    let mut columns = vec![
        column("k", ColumnKind::PartitionKey, 0, INT, false),
        column("c1", ColumnKind::Clustering, 0, INT, false),
        column("c2", ColumnKind::Clustering, 1, TEXT, true),
        column("c3", ColumnKind::Clustering, 2, INT, false),
    ];
    columns.extend(values.into_iter().map(|(name, kind, ty)| column(name, kind, 0, ty, false)));
    Arc::new(TableSchema::new(TableDefinition { flags, ..test_tables::definition(columns) }))
}

fn plain_table() -> Arc<TableSchema> {
    use ColumnKind::{Regular, Static};
    let list = CqlType::List(Box::new(INT), Frozen::No);
    let map = CqlType::Map(Box::new((TEXT, INT)), Frozen::No);
    let set = CqlType::Set(Box::new(TEXT), Frozen::No);
    table(
        TableFlags::CQL,
        vec![
            ("V", Regular, INT),
            ("l", Regular, list),
            ("m", Regular, map),
            ("s", Regular, set),
            ("st", Static, TEXT),
            ("w", Regular, TEXT),
        ],
    )
}

/// Places in [`plain_table`].
const V: u32 = 0;
const L: u32 = 1;
const M: u32 = 2;
const S: u32 = 3;
const ST: u32 = 4;
const W: u32 = 5;

const ROW: [Option<&[u8]>; 3] = [Some(&[0, 0, 0, 1]), Some(b"a"), Some(&[0, 0, 0, 3])];
const WHERE_ROW: &str = "WHERE k = 9 AND c1 = 1 AND c2 = 'a' AND c3 = 3;";

fn live(value: &'static [u8]) -> CellContent<'static> {
    CellContent::Live(value)
}

/// A value that expires so many seconds from now, of a TTL of 1000.
fn expiring(value: &'static [u8], seconds: i64) -> CellContent<'static> {
    CellContent::Expiring(value, Expiration { ttl: 1000, expires_at: NOW + seconds })
}

fn simple(at: u32, content: CellContent<'static>) -> ColumnWrite<'static> {
    ColumnWrite::Simple(ColumnIndex::Current(at), Cell { timestamp: 50, path: None, content })
}

fn complex(
    at: u32,
    cleared: Option<i64>,
    elements: &[(&'static [u8], CellContent<'static>)],
) -> ColumnWrite<'static> {
    let cell =
        |(path, content): &(&'static [u8], _)| Cell { timestamp: 50, path: Some(path), content: *content };
    ColumnWrite::Complex {
        column: ColumnIndex::Current(at),
        cleared: cleared.map(|timestamp| Cleared { timestamp, local_deletion_time: NOW }),
        elements: elements.iter().map(cell).collect(),
    }
}

/// A write of [`ROW`].
#[expect(clippy::option_option, reason = "it is what a row's write has")]
fn row(marker: Option<Option<Expiration>>, columns: Vec<ColumnWrite<'static>>) -> Action<'static> {
    Action::Write(RowWrite { clustering: Some(ROW.to_vec()), marker, columns })
}

/// Writes changes at time 50 and keeps what was written.
struct Written {
    records: CqlRecords,
    table: Arc<TableSchema>,
}

impl Written {
    fn to(table: Arc<TableSchema>) -> Self {
        Self { records: CqlRecords::new(NOW), table }
    }

    fn write(&mut self, action: Action<'static>) -> Vec<String> {
        self.write_at(50, action)
    }

    fn write_at(&mut self, timestamp: i64, action: Action<'static>) -> Vec<String> {
        let change =
            Change { table: Arc::clone(&self.table), partition_key: &[0, 0, 0, 9], timestamp, action };
        let mut out = String::new();
        self.records.write(&change, PLACE, &Catalogue::new(), &mut out).unwrap();
        assert!(out.is_empty() || out.ends_with(";\n"));
        out.lines().map(str::to_owned).collect()
    }

    fn count(&self, kind: Approximation) -> u64 {
        self.records.approximations().count(kind)
    }

    /// Returns how often anything was said only nearly.
    fn approximations(&self) -> u64 {
        self.records.approximations().iter().map(|(_, approximated)| approximated.count).sum()
    }
}

/// Returns the statements of one change in [`plain_table`] that are exactly what was logged.
fn exactly(action: Action<'static>) -> Vec<String> {
    let mut written = Written::to(plain_table());
    let statements = written.write(action);
    assert_eq!(written.approximations(), 0, "{statements:?}");
    statements
}
