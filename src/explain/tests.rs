//! Each fate, on small hand-made histories.

use std::{collections::HashMap, sync::Arc};

use cassandra_commitlog::{
    Position,
    mutation::{ColumnIndex, Expiration},
    schema::{ColumnKind, DroppedColumn, TableDefinition, TableSchema},
    types::{CqlType, Frozen, NativeType},
};
use uuid::Uuid;

use super::{
    Content, Deletion, Event, Fate, Judgement, LoggedAction, LoggedBound, LoggedChange, Part, Reason, Seen,
    Slot, Values, What, judge,
};
use crate::{
    change::Truncation,
    schema::{ChangeKind, ObjectKind, SchemaChange},
    test_tables::{column, definition},
};

const V: ColumnIndex = ColumnIndex::Current(2);
const M: ColumnIndex = ColumnIndex::Current(0);
const N: ColumnIndex = ColumnIndex::Current(1);
const NOW: i64 = 1_000;

fn table(dropped_at: Option<i64>) -> Arc<TableSchema> {
    let decimal = || CqlType::Native(NativeType::Decimal);
    let value = column("v", ColumnKind::Regular, CqlType::Native(NativeType::Blob));
    let dropped = dropped_at.map(|dropped_at| DroppedColumn { column: value.clone(), dropped_at });
    let columns = vec![
        column("k", ColumnKind::PartitionKey, CqlType::Native(NativeType::Int)),
        column("c", ColumnKind::Clustering, decimal()),
        value,
        column("m", ColumnKind::Regular, CqlType::Set(Box::new(decimal()), Frozen::No)),
        column("n", ColumnKind::Regular, CqlType::Native(NativeType::Counter)),
    ];
    let dropped = dropped.into_iter().collect();
    Arc::new(TableSchema::new(TableDefinition { dropped, ..definition(columns) }))
}

/// A decimal of one digit after the point, or of two.
fn decimal(tenths: u8) -> Box<[u8]> {
    [0, 0, 0, 1, tenths].into()
}

fn row(tenths: u8) -> Values {
    [Some(decimal(tenths))].into()
}

/// Puts actions in a log, each an entry of its own at positions 10, 20, ….
fn history(actions: Vec<What>) -> Vec<Event> {
    let position = |at: usize| Position { segment: 1, offset: 10 * (at as u64 + 1) };
    actions
        .into_iter()
        .enumerate()
        .map(|(at, what)| Event { position: position(at), index: 0, what })
        .collect()
}

fn at(timestamp: i64, action: LoggedAction) -> What {
    What::Change(LoggedChange {
        table: table(None),
        partition_key: Arc::from(&b"key1"[..]),
        timestamp,
        seen: Seen::New,
        action,
    })
}

fn write_to(clustering: Values, timestamp: i64, slot: Slot, content: Content) -> What {
    at(
        timestamp,
        LoggedAction::Write { clustering: Some(clustering), parts: vec![Part { slot, timestamp, content }] },
    )
}

fn write(timestamp: i64, slot: Slot, content: Content) -> What {
    write_to(row(5), timestamp, slot, content)
}

fn v(timestamp: i64, value: &[u8]) -> What {
    write(timestamp, Slot::Cell(V), Content::Value(value.into(), None))
}

fn expiring(timestamp: i64, expires_at: i64) -> What {
    write(timestamp, Slot::Cell(V), Content::Value(b"x"[..].into(), Some(Expiration { ttl: 60, expires_at })))
}

fn range(timestamp: i64, start: Option<(u8, bool)>, end: Option<(u8, bool)>) -> What {
    let bound = |(tenths, inclusive)| LoggedBound { values: row(tenths), inclusive };
    at(timestamp, LoggedAction::DeleteRange { start: start.map(bound), end: end.map(bound) })
}

fn judged(actions: Vec<What>) -> Judgement {
    let schema = table(None);
    judge(&history(actions), &HashMap::from([(schema.id(), schema)]), NOW)
}

/// Returns the fate of each event's first part.
fn fates(actions: Vec<What>) -> Vec<Option<Fate>> {
    judged(actions).fates.into_iter().map(|fates| fates.first().copied()).collect()
}

/// Returns the value of `v` that stands, if one does.
fn standing(judgement: &Judgement) -> Option<Vec<u8>> {
    Some(judgement.partitions.first()?.rows.first()?.cells.first()?.value.clone())
}

#[test]
fn the_later_write_time_wins_whatever_the_log_s_order() {
    let histories = judged(vec![v(10, b"a"), v(30, b"b"), v(20, b"c")]);
    let expected =
        [Fate::Overwritten(1, Reason::LaterTime), Fate::Stands, Fate::Overwritten(1, Reason::LaterTime)];
    assert_eq!(histories.fates.concat(), expected);
    assert_eq!(histories.taken, [0, 2, 0]);
    assert_eq!(standing(&histories), Some(b"b".to_vec()));
}

#[test]
fn at_equal_times_tombstones_beat_expiring_values_and_those_lasting_ones() {
    let tombstone = write(10, Slot::Cell(V), Content::Tombstone);
    let expected = [
        Some(Fate::Overwritten(1, Reason::GreaterValue)),
        Some(Fate::Overwritten(2, Reason::Expiring)),
        Some(Fate::Overwritten(3, Reason::LaterExpiry)),
        Some(Fate::Overwritten(4, Reason::Tombstone)),
        Some(Fate::Stands),
        Some(Fate::Overwritten(4, Reason::Tombstone)),
    ];
    let written =
        vec![v(10, b"a"), v(10, b"b"), expiring(10, 2_000), expiring(10, 3_000), tombstone, v(10, b"z")];
    assert_eq!(fates(written), expected);
}

#[test]
fn copies_are_told_from_losers() {
    let copy = judged(vec![v(10, b"a"), v(10, b"a")]);
    assert_eq!(copy.fates.concat(), [Fate::Stands, Fate::Overwritten(0, Reason::Same)]);
    assert_eq!(copy.taken, [0, 0]);
}

#[test]
fn deletions_take_what_is_not_newer_and_what_comes_too_late() {
    let delete_row = at(20, LoggedAction::DeleteRow { clustering: row(5) });
    let delete_partition = at(40, LoggedAction::DeletePartition);
    let written = vec![v(20, b"a"), delete_row, v(15, b"late"), v(30, b"b"), delete_partition, v(41, b"c")];
    let judgement = judged(written);
    let expected = [
        Fate::Deleted(1, Deletion::Row),
        Fate::Deleted(1, Deletion::Row),
        Fate::Deleted(4, Deletion::Partition),
        Fate::Stands,
    ];
    assert_eq!(judgement.fates.concat(), expected);
    assert_eq!(judgement.taken, [0, 2, 0, 0, 1, 0]);
}

#[test]
fn a_row_is_one_row_however_its_decimal_is_written() {
    let with_two_digits: Values = [Some([0, 0, 0, 2, 50].into())].into();
    let delete_row = at(20, LoggedAction::DeleteRow { clustering: with_two_digits });
    assert_eq!(fates(vec![v(20, b"a"), delete_row]), [Some(Fate::Deleted(1, Deletion::Row)), None]);
}

#[test]
fn ranges_take_the_rows_between_their_bounds() {
    let in_row = |tenths| write_to(row(tenths), 10, Slot::Marker, Content::Value([].into(), None));
    let written =
        vec![in_row(1), in_row(2), in_row(3), in_row(4), range(10, Some((1, false)), Some((3, true)))];
    let taken = Some(Fate::Deleted(4, Deletion::Range));
    assert_eq!(fates(written), [Some(Fate::Stands), taken, taken, Some(Fate::Stands), None]);
    let open = vec![
        in_row(1),
        in_row(9),
        range(9, None, None),
        range(10, None, Some((1, true))),
        range(10, Some((9, false)), None),
    ];
    let judgement = judged(open);
    assert_eq!(judgement.fates.concat(), [Fate::Deleted(3, Deletion::Range), Fate::Stands]);
    assert_eq!(judgement.meets_rows, [false, false, true, true, false]);
}

#[test]
fn static_rows_are_taken_by_partition_deletions_alone() {
    let statics = |timestamp| {
        let parts =
            vec![Part { slot: Slot::Cell(V), timestamp, content: Content::Value(b"s"[..].into(), None) }];
        at(timestamp, LoggedAction::Write { clustering: None, parts })
    };
    let written = vec![statics(10), range(20, None, None), at(9, LoggedAction::DeletePartition)];
    assert_eq!(fates(written)[0], Some(Fate::Stands));
    let written = vec![statics(10), at(10, LoggedAction::DeletePartition)];
    assert_eq!(fates(written)[0], Some(Fate::Deleted(1, Deletion::Partition)));
}

#[test]
fn expired_values_do_not_uncover_what_they_beat() {
    let judgement = judged(vec![v(10, b"a"), expiring(20, NOW), v(15, b"b")]);
    let expected =
        [Fate::Overwritten(1, Reason::LaterTime), Fate::Expired, Fate::Overwritten(1, Reason::LaterTime)];
    assert_eq!(judgement.fates.concat(), expected);
    assert!(judgement.partitions[0].rows.is_empty());
    assert_eq!(fates(vec![expiring(20, NOW + 1)]), [Some(Fate::Stands)]);
}

#[test]
fn clearing_takes_the_elements_before_it() {
    let put = |timestamp, path: Box<[u8]>| {
        write(timestamp, Slot::Element(M, path), Content::Value([].into(), None))
    };
    let cleared = write(19, Slot::Cleared(M), Content::Tombstone);
    let same_element = [0, 0, 0, 2, 20].into();
    let written = vec![put(10, decimal(1)), cleared, put(20, decimal(2)), put(21, same_element)];
    let expected = [
        Some(Fate::Deleted(1, Deletion::Cleared)),
        Some(Fate::Stands),
        Some(Fate::Overwritten(3, Reason::LaterTime)),
        Some(Fate::Stands),
    ];
    assert_eq!(fates(written), expected);
}

#[test]
fn counters_keep_the_greatest_clock_of_each_shard() {
    let shard = |timestamp, id, clock, count| {
        write(timestamp, Slot::Shard(N, Uuid::from_u128(id)), Content::Count { clock, count })
    };
    let judgement =
        judged(vec![shard(10, 1, 5, 100), shard(11, 2, 1, 30), shard(12, 1, 4, 7), shard(13, 1, 6, 200)]);
    let expected = [
        Fate::Overwritten(3, Reason::GreaterClock),
        Fate::Stands,
        Fate::Overwritten(0, Reason::GreaterClock),
        Fate::Stands,
    ];
    assert_eq!(judgement.fates.concat(), expected);
    assert_eq!(standing(&judgement), Some(230_i64.to_be_bytes().to_vec()));

    // A shard that was deleted must not beat one of a lesser clock that was not.
    let deleted = write(20, Slot::Cell(N), Content::Tombstone);
    let judgement = judged(vec![shard(10, 1, 9, 100), deleted, shard(30, 1, 4, 7)]);
    assert_eq!(judgement.fates.concat(), [Fate::Deleted(1, Deletion::Counter), Fate::Stands, Fate::Stands]);
    assert_eq!(standing(&judgement), Some(7_i64.to_be_bytes().to_vec()));
}

#[test]
fn truncation_goes_by_position_and_what_it_took_beats_nothing_after_it() {
    let up_to = Position { segment: 1, offset: 10 };
    let truncation = What::Truncation(Truncation { table: table(None).id(), up_to, timestamp: 0 });
    let judgement = judged(vec![v(50, b"a"), v(40, b"b"), truncation, v(30, b"c")]);
    let expected = [Fate::Truncated(2), Fate::Stands, Fate::Overwritten(1, Reason::LaterTime)];
    assert_eq!(judgement.fates.concat(), expected);
    assert_eq!(standing(&judgement), Some(b"b".to_vec()));
}

fn schema_change(change: ChangeKind, dropped: &[(&str, i64)]) -> What {
    What::Schema(Box::new(SchemaChange {
        change,
        object: ObjectKind::Table,
        keyspace: "ks".into(),
        name: "t".into(),
        table: Some("t".into()),
        table_id: Some(table(None).id()),
        cql: String::new(),
        statements: Vec::new(),
        dropped: dropped.iter().map(|(name, time)| ((*name).into(), *time)).collect(),
        renamed: [].into(),
        written_at: 0,
    }))
}

#[test]
fn cells_of_a_dropped_column_are_gone_also_where_it_was_added_again() {
    let drop = schema_change(ChangeKind::Alter, &[("v", 15)]);
    let judgement = judged(vec![v(10, b"a"), drop, v(15, b"b"), v(16, b"c")]);
    let expected = [Fate::ColumnDropped(Some(1)), Fate::ColumnDropped(Some(1)), Fate::Stands];
    assert_eq!(judgement.fates.concat(), expected);
    assert_eq!(standing(&judgement), Some(b"c".to_vec()));

    let schema = table(Some(15));
    let judgement = judge(&history(vec![v(10, b"a")]), &HashMap::from([(schema.id(), schema)]), NOW);
    assert_eq!(
        judgement.fates.concat(),
        [Fate::ColumnDropped(None)],
        "the log has no drop, the schema knows it"
    );
}

#[test]
fn a_dropped_table_is_gone_as_a_whole() {
    let drop = schema_change(ChangeKind::Drop, &[]);
    let judgement = judged(vec![v(10, b"a"), v(20, b"b"), drop]);
    assert_eq!(judgement.fates.concat(), [Fate::Overwritten(1, Reason::LaterTime), Fate::TableDropped(2)]);
    assert!(judgement.partitions.is_empty());
}
