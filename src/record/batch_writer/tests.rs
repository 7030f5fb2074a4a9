use std::sync::Arc;

use cassandra_commitlog::{
    Position,
    mutation::{Cell, CellContent, ColumnIndex},
    schema::{ColumnKind, TableDefinition, TableFlags, TableSchema},
    types::{CqlType, NativeType},
};

use super::{BatchWriter, Deletes, LateChanges, Made, PartitionBy};
use crate::{
    change::{Action, Change, ColumnWrite, DeletedRange, RowWrite, Truncation},
    record::{Node, RecordPlace, TopicNames, murmur2, to_positive},
    sink::{RecordBatch, RecordMarks, Route},
    test_tables::{self, column},
};

const PLACE: RecordPlace = RecordPlace { position: Position { segment: 7, offset: 99 }, index: 2 };
/// Partition key 5 and clustering key 6, as they are serialized.
const PK: &[u8] = &[0, 0, 0, 5];
const CK: &[u8] = &[0, 0, 0, 6];

fn table(has_clustering: bool) -> Arc<TableSchema> {
    table_of(has_clustering.then_some(CqlType::Native(NativeType::Int)))
}

fn table_of(clustering: Option<CqlType>) -> Arc<TableSchema> {
    let int = CqlType::Native(NativeType::Int);
    let mut columns =
        vec![column("pk", ColumnKind::PartitionKey, int.clone()), column("v", ColumnKind::Regular, int)];
    if let Some(ty) = clustering {
        columns.insert(1, column("ck", ColumnKind::Clustering, ty));
    }
    test_tables::table(columns)
}

fn writer(deletes: Deletes, partition_by: PartitionBy) -> BatchWriter {
    BatchWriter::new(Node::default(), TopicNames::new("cdc"), deletes, partition_by)
}

fn change(has_clustering: bool, action: Action<'static>) -> Change<'static> {
    Change { table: table(has_clustering), partition_key: PK, timestamp: 1234, action }
}

fn write_row(has_clustering: bool) -> Change<'static> {
    let content = CellContent::Live(&[0, 0, 0, 9]);
    let cell = Cell { timestamp: 1234, path: None, content };
    let clustering = if has_clustering { vec![Some(CK)] } else { vec![] };
    let columns = vec![ColumnWrite::Simple(ColumnIndex::Current(0), cell)];
    change(has_clustering, Action::Write(RowWrite { clustering: Some(clustering), marker: None, columns }))
}

fn delete_row() -> Change<'static> {
    change(true, Action::DeleteRow { clustering: vec![Some(CK)], local_deletion_time: 1 })
}

/// Returns key, `op` of the header and whether there is a value, for each record.
fn written(writer: &mut BatchWriter, change: &Change<'_>) -> Vec<(String, &'static str, bool, Route)> {
    let mut batch = RecordBatch::default();
    writer.write(change, PLACE, RecordMarks::early(true), &mut batch).unwrap();
    let describe = |record| {
        let record: &crate::sink::BatchRecord = record;
        assert_eq!(&*batch.topic(record).unwrap().name, "cdc.ks.t");
        assert_eq!((record.headers.place, record.headers.timestamp), (PLACE, 1234));
        assert!(record.headers.marks.early && record.headers.schema.is_some());
        let key = String::from_utf8(batch.key(record).to_vec()).unwrap();
        (key, record.headers.op, batch.value(record).is_some(), record.route)
    };
    batch.records().iter().map(describe).collect()
}

fn hash(key: &str) -> Route {
    Route::Hash(to_positive(murmur2(key.as_bytes())))
}

#[test]
fn the_kafka_partition_is_that_of_the_partition_key_whatever_the_change() {
    let mut writer = writer(Deletes::Event, PartitionBy::PartitionKey);
    let route = hash(r#"{"pk":5}"#);
    let row = r#"{"pk":5,"ck":6}"#;
    let wider = r#"{"pk":5,"ck":null}"#;
    let range = DeletedRange { start: None, end: None, local_deletion_time: 1 };
    for (change, key, op) in [
        (write_row(true), row, "update"),
        (delete_row(), row, "delete"),
        (change(true, Action::DeleteRange(range)), wider, "delete_range"),
        (change(true, Action::DeletePartition { local_deletion_time: 1 }), wider, "delete_partition"),
    ] {
        assert_eq!(written(&mut writer, &change), [(key.into(), op, true, route)]);
    }
    assert_eq!(written(&mut writer, &write_row(false)), [(r#"{"pk":5}"#.into(), "update", true, route)]);
}

#[test]
fn a_decimal_in_the_clustering_stands_canonical_in_the_key_and_as_logged_in_the_value() {
    /// 1.00: a scale of two, and a hundred.
    const DECIMAL: &[u8] = &[0, 0, 0, 2, 100];
    /// A tuple of it.
    const TUPLE: &[u8] = &[0, 0, 0, 5, 0, 0, 0, 2, 100];
    let decimal = CqlType::Native(NativeType::Decimal);
    let tuple = CqlType::Tuple([decimal.clone()].into());
    for (ty, value, canonical, logged) in [
        (decimal, DECIMAL, r#"{"pk":5,"ck":1}"#, r#""key":{"pk":5,"ck":1.00}"#),
        (tuple, TUPLE, r#"{"pk":5,"ck":[1]}"#, r#""key":{"pk":5,"ck":[1.00]}"#),
    ] {
        let action = Action::DeleteRow { clustering: vec![Some(value)], local_deletion_time: 1 };
        let change = Change { table: table_of(Some(ty)), partition_key: PK, timestamp: 1234, action };
        let mut batch = RecordBatch::default();
        writer(Deletes::Event, PartitionBy::PartitionKey)
            .write(&change, PLACE, RecordMarks::default(), &mut batch)
            .unwrap();
        let record = &batch.records()[0];
        assert_eq!(std::str::from_utf8(batch.key(record)).unwrap(), canonical);
        let value = std::str::from_utf8(batch.value(record).unwrap()).unwrap();
        assert!(value.contains(logged), "{value}");
    }
}

#[test]
fn by_record_key_what_is_wider_goes_to_every_partition() {
    let mut writer = writer(Deletes::Event, PartitionBy::RecordKey);
    assert_eq!(written(&mut writer, &write_row(true))[0].3, hash(r#"{"pk":5,"ck":6}"#));
    let wide = change(true, Action::DeletePartition { local_deletion_time: 1 });
    assert_eq!(written(&mut writer, &wide)[0].3, Route::EveryPartition);
    // Without clustering columns the partition is the row.
    let row = change(false, Action::DeletePartition { local_deletion_time: 1 });
    assert_eq!(written(&mut writer, &row)[0].3, hash(r#"{"pk":5}"#));
}

#[test]
fn a_tombstone_stands_only_for_the_deletion_of_the_row_of_its_key() {
    let partition =
        |has_clustering| change(has_clustering, Action::DeletePartition { local_deletion_time: 1 });
    let values = |deletes, change: &Change<'_>| {
        let mut writer = writer(deletes, PartitionBy::PartitionKey);
        written(&mut writer, change).iter().map(|record| record.2).collect::<Vec<_>>()
    };
    for deletion in [delete_row(), partition(false)] {
        assert_eq!(values(Deletes::EventAndTombstone, &deletion), [true, false]);
        assert_eq!(values(Deletes::Event, &deletion), [true]);
        assert_eq!(values(Deletes::Tombstone, &deletion), [false]);
    }
    for deletes in [Deletes::EventAndTombstone, Deletes::Event, Deletes::Tombstone] {
        assert_eq!(values(deletes, &partition(true)), [true]);
        assert_eq!(values(deletes, &write_row(true)), [true]);
    }
}

#[test]
fn the_row_of_a_hidden_clustering_gives_no_tombstone() {
    let flags = TableFlags { compound: false, counter: false, dense: false, super_column_family: false };
    let with_hidden = table(true);
    let columns =
        with_hidden.partition_key().iter().chain(with_hidden.clustering()).chain(with_hidden.values());
    let definition = test_tables::definition(columns.cloned().collect());
    let table = Arc::new(TableSchema::new(TableDefinition { flags, ..definition }));
    let deletion = Change { table, ..delete_row() };
    let records = written(&mut writer(Deletes::EventAndTombstone, PartitionBy::PartitionKey), &deletion);
    assert_eq!(records, [(r#"{"pk":5}"#.into(), "delete", true, hash(r#"{"pk":5}"#))]);
}

#[test]
fn a_truncation_goes_to_every_partition() {
    let mut writer = writer(Deletes::default(), PartitionBy::default());
    let mut batch = RecordBatch::default();
    let table = table(true);
    let truncation = Truncation { table: table.id(), up_to: PLACE.position, timestamp: 5 };
    writer.write_truncation(&table, &truncation, PLACE, RecordMarks::default(), &mut batch);
    let record = &batch.records()[0];
    assert_eq!((record.route, record.headers.op), (Route::EveryPartition, "truncate"));
    assert_eq!(batch.key(record), br#"{"pk":null,"ck":null}"#);
}

#[test]
fn a_value_that_is_none_leaves_the_batch_as_it_was() {
    let mut writer = writer(Deletes::default(), PartitionBy::default());
    let mut batch = RecordBatch::default();
    let broken = Change { partition_key: &[1, 2], ..delete_row() };
    assert!(writer.write(&broken, PLACE, RecordMarks::default(), &mut batch).is_err());
    assert!(batch.is_empty() && batch.bytes() == 0);
}

#[test]
fn late_changes_are_published_dropped_or_kept_apart() {
    let late = RecordMarks { early: false, late: true };
    for (setting, marks, made, topics) in [
        (LateChanges::Publish, late, Made::Records, vec!["cdc.ks.t", "cdc.ks.t"]),
        (LateChanges::Drop, late, Made::Nothing, vec![]),
        (LateChanges::OwnTopic, late, Made::Records, vec!["cdc.ks.t.late", "cdc.ks.t.late"]),
        (LateChanges::Drop, RecordMarks::default(), Made::Records, vec!["cdc.ks.t", "cdc.ks.t"]),
        (LateChanges::OwnTopic, RecordMarks::default(), Made::Records, vec!["cdc.ks.t", "cdc.ks.t"]),
    ] {
        let mut writer = writer(Deletes::EventAndTombstone, PartitionBy::PartitionKey).with_late(setting);
        let mut batch = RecordBatch::default();
        assert_eq!(writer.write(&delete_row(), PLACE, marks, &mut batch).unwrap(), made, "{setting:?}");
        let written: Vec<_> =
            batch.records().iter().map(|it| batch.topic(it).unwrap().name.to_string()).collect();
        assert_eq!(written, topics, "{setting:?}");
    }
}
