use std::sync::Arc;

use cassandra_commitlog::{
    mutation::{Cell, CellContent, ColumnIndex, Expiration},
    schema::{ColumnKind, TableSchema},
    types::{CqlType, Frozen, NativeType},
};

use super::{SeenChanges, Verdict};
use crate::{
    change::{Action, Change, Cleared, ColumnWrite, DeletedRange, RangeBound, RowWrite},
    test_tables::{self, column},
};

pub(super) fn table() -> Arc<TableSchema> {
    let int = || CqlType::Native(NativeType::Int);
    test_tables::table(vec![
        column("k", ColumnKind::PartitionKey, int()),
        column("c", ColumnKind::Clustering, int()),
        column("a", ColumnKind::Regular, int()),
        column("b", ColumnKind::Regular, int()),
        column("m", ColumnKind::Regular, CqlType::Set(Box::new(int()), Frozen::No)),
    ])
}

pub(super) const A: ColumnIndex = ColumnIndex::Current(0);
pub(super) const B: ColumnIndex = ColumnIndex::Current(1);
const M: ColumnIndex = ColumnIndex::Current(2);

fn cell(content: CellContent<'static>) -> Cell<'static> {
    Cell { timestamp: 100, path: None, content }
}

fn change(timestamp: i64, action: Action<'static>) -> Change<'static> {
    Change { table: table(), partition_key: b"key1", timestamp, action }
}

fn write(marker: bool, columns: Vec<ColumnWrite<'static>>) -> Change<'static> {
    let clustering = Some(vec![Some(&b"row1"[..])]);
    change(100, Action::Write(RowWrite { clustering, marker: marker.then_some(None), columns }))
}

fn live(index: ColumnIndex, value: &'static [u8]) -> ColumnWrite<'static> {
    ColumnWrite::Simple(index, cell(CellContent::Live(value)))
}

#[test]
fn a_copy_is_a_duplicate_and_anything_else_is_not() {
    let mut seen = SeenChanges::new();
    let original = write(true, vec![live(A, b"0001"), live(B, b"0002")]);
    assert!(matches!(seen.note(original.clone()), Verdict::New(_)));
    assert_eq!(seen.note(original.clone()), Verdict::Duplicate);
    // Another key, another time, another table's id: all new.
    let other_key = Change { partition_key: b"key2", ..original.clone() };
    assert!(matches!(seen.note(other_key), Verdict::New(_)));
    let other_time = Change { timestamp: 101, ..original };
    assert!(matches!(seen.note(other_time), Verdict::New(_)));
}

#[test]
fn of_a_partial_copy_only_what_is_unknown_is_left() {
    let mut seen = SeenChanges::new();
    seen.note(write(true, vec![live(A, b"0001")]));
    assert_eq!(seen.note(write(false, vec![live(A, b"0001")])), Verdict::Duplicate);
    let both = write(true, vec![live(A, b"0001"), live(B, b"0002")]);
    assert_eq!(seen.note(both), Verdict::Partly(write(false, vec![live(B, b"0002")])));
}

#[test]
fn a_second_value_in_the_same_microsecond_is_new() {
    let mut seen = SeenChanges::new();
    seen.note(write(false, vec![live(A, b"0001")]));
    assert!(matches!(seen.note(write(false, vec![live(A, b"0009")])), Verdict::New(_)));
}

#[test]
fn the_tombstone_that_an_expired_cell_becomes_is_a_copy_of_it() {
    let expiring = CellContent::Expiring(b"0001", Expiration { ttl: 60, expires_at: 1060 });
    let mut seen = SeenChanges::new();
    seen.note(write(false, vec![ColumnWrite::Simple(A, cell(expiring))]));
    let tombstone = |at| write(false, vec![ColumnWrite::Simple(A, cell(CellContent::Tombstone(at)))]);
    assert_eq!(seen.note(tombstone(1000)), Verdict::Duplicate);
    assert!(matches!(seen.note(tombstone(1001)), Verdict::New(_)));
}

#[test]
fn a_retry_with_another_second_of_the_servers_clock_is_a_copy() {
    let mut seen = SeenChanges::new();
    let delete = |local_deletion_time| change(100, Action::DeletePartition { local_deletion_time });
    assert!(matches!(seen.note(delete(5)), Verdict::New(_)));
    assert_eq!(seen.note(delete(6)), Verdict::Duplicate);
}

#[test]
fn a_clearing_is_found_with_its_overwrite_and_alone() {
    let cleared = Some(Cleared { timestamp: 99, local_deletion_time: 1 });
    let element = Cell { path: Some(b"0001"), ..cell(CellContent::Live(b"")) };
    let overwrite = ColumnWrite::Complex { column: M, cleared, elements: vec![element] };
    let alone = ColumnWrite::Complex { column: M, cleared, elements: vec![] };
    let mut seen = SeenChanges::new();
    seen.note(write(false, vec![overwrite]));
    // A repair may bring the clearing without the elements, then at its own time.
    let alone = Change { timestamp: 99, ..write(false, vec![alone]) };
    assert_eq!(seen.note(alone), Verdict::Duplicate);
}

#[test]
fn ranges_are_told_apart_by_their_bounds() {
    let range = |inclusive| {
        let start = Some(RangeBound { values: vec![Some(&b"0001"[..])], inclusive });
        change(100, Action::DeleteRange(DeletedRange { start, end: None, local_deletion_time: 1 }))
    };
    let mut seen = SeenChanges::new();
    // The wider one comes last: it covers the other.
    assert!(matches!(seen.note(range(false)), Verdict::New(_)));
    assert!(matches!(seen.note(range(true)), Verdict::New(_)));
    assert_eq!(seen.note(range(false)), Verdict::Duplicate);
}
